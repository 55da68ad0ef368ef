"""``rader chat``, killed while it answers: the log keeps what was finished, and the page serves again."""

from __future__ import annotations

import json
import math
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from agent.log import TrajectoryLog
from benchmarks.faults.jobs import essence
from benchmarks.faults.record import Asked, Scenario, Trial
from benchmarks.faults.world import World
from benchmarks.faults.zygote import PATIENCE, HungError, Running

NAME = "kill -9: chat"
QUESTION = "What is 21 + 21?"


class Visitor:
    """Somebody at the page, who sends what its buttons send."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=PATIENCE)
        config = self._http.get("/config").raise_for_status().json()
        [box] = [each["id"] for each in config["components"] if each["props"].get("elem_id") == "rd-question"]
        events = config["dependencies"]
        self._take = next(each["id"] for each in events if [box, "submit"] in each["targets"])
        self._answer = next(each["id"] for each in events if each.get("trigger_after") == self._take)
        self._session = uuid.uuid4().hex

    def ask(self, question: str) -> None:
        """Ask, and wait until the answer is complete."""
        self._send(self._take, [None, question])
        self._send(self._answer, [None, "steps", 6, 3])

    def _send(self, event: int, data: list[Any]) -> None:
        body = {"data": data, "fn_index": event, "session_hash": self._session, "trigger_id": None}
        self._http.post("/gradio_api/queue/join", json=body).raise_for_status()
        parameters = {"session_hash": self._session}
        with self._http.stream("GET", "/gradio_api/queue/data", params=parameters) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "process_completed":
                        assert message["success"], message
                        return
        raise ConnectionError("the page was cut off")


def serving(world: World, home: Path) -> tuple[Running, Visitor]:
    """The page, served, and somebody at it."""
    running = world.rader(["chat", "--port", "0", "--llm-url", world.server.url], home)
    end = time.monotonic() + PATIENCE
    while " is at " not in running.said:
        if not running.alive or time.monotonic() > end:
            raise HungError(f"the page is not served: {running.complaint.strip()[-300:]}")
        time.sleep(0.02)
    return running, Visitor(running.said.split(" is at ")[1].split()[0])


def scenarios(world: World, commands: int) -> Iterator[Scenario]:
    """One, with its share of the kills."""
    yield Scenario(NAME, partial(_killed, world, commands))


def _killed(world: World, commands: int, asked: Asked) -> Iterator[Trial]:
    share, made = math.ceil(asked.kills / commands), sum(trial.tried for trial in asked.kept.of(NAME))
    if made >= share:
        return
    home = world.folder / "chat"
    world.fresh(home)
    running, visitor = serving(world, home)
    visitor.ask(QUESTION)
    start = time.monotonic()
    visitor.ask(QUESTION)
    seconds = time.monotonic() - start
    running.kill()
    for number in range(made, share):
        dice = random.Random(f"{asked.seed} {NAME} {number}")  # noqa: S311
        yield _trial(world, home, number, dice.uniform(0, seconds), alone=dice.random() < 0.5)


def _trial(world: World, home: Path, number: int, moment: float, *, alone: bool) -> Trial:
    """Ask, kill in the midst of it; then ask again, to the end."""
    before = logged(home)
    running, visitor = serving(world, home)
    asking = threading.Thread(target=_try, args=(visitor,))
    asking.start()
    time.sleep(moment)
    running.kill(alone=alone)
    asking.join()
    try:
        running, visitor = serving(world, home)
        visitor.ask(QUESTION)
    except (HungError, httpx.HTTPError, ConnectionError, AssertionError) as error:
        return Trial(scenario=NAME, number=number, tried=1, lost=(f"no answer: {error}",))
    finally:
        running.kill()
    after = logged(home)
    lost = [key for key in before if after.get(key) != before[key]]
    new = [one for key, one in after.items() if key not in before]
    wrong = [one["id"] for one in new if {**one, "id": ""} != {**next(iter(before.values())), "id": ""}]
    lost += [] if new else ["the answer after the kill"]
    return Trial(scenario=NAME, number=number, tried=1, lost=tuple(lost), wrong=tuple(wrong))


def _try(visitor: Visitor) -> None:
    with suppress(httpx.HTTPError, ConnectionError, json.JSONDecodeError):
        visitor.ask(QUESTION)


def logged(home: Path) -> dict[str, Any]:
    """What the log holds, by id, without what names each run and its problem."""
    read = TrajectoryLog(home / "trajectories.jsonl").read()
    return {one.id: essence(one) | {"problem_id": ""} for one in read}
