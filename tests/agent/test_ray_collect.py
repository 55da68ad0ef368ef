"""Collecting on a real Ray cluster of this machine: the same log and resume, whatever dies."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent import collect as collecting
from agent.collect import collect
from agent.collection import Attempt, Collection, Counts
from agent.errors import ServerDownError
from agent.llm import ChatModel
from agent.ray_cluster import cluster
from agent.ray_collect import Worker, collect_on_ray
from agent.records import Problem
from agent.solve import Solver
from retriever.errors import BadInputError
from tests.agent.helpers import PROBLEM, WordRetriever, config, kind_of, usual_mind
from tests.scripted import ScriptedServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def ray_cluster() -> Iterator[None]:
    """One cluster for all tests; `collect_on_ray` takes it as it is."""
    with cluster("local"):
        yield


def solver(endpoint: str, **more: Any) -> Solver:
    """What a worker makes; found by its name there."""
    return Solver(ChatModel(endpoint, "scripted", timeout=60.0), WordRetriever(), config(), **more)


def known_by(endpoint: str) -> Solver:
    """A solver whose model is its endpoint."""
    return Solver(ChatModel(endpoint, "scripted", identity=endpoint), None, config())


def unusable(endpoint: str) -> Solver:
    raise BadInputError("this machine has no model", "Pull one")


def impatient(endpoint: str) -> Solver:
    collecting.TRIES = 1
    return solver(endpoint)


def attempts(count: int, strategy: Any = "cot") -> list[Attempt]:
    problems = [Problem(id=f"p{n}", problem=f"What is {n}+1?", answer=str(n + 1)) for n in range(count)]
    return [Attempt(problem, strategy, 0) for problem in problems]


def collected(endpoints: list[str], wanted: list[Attempt], folder: Path, **more: Any) -> Counts:
    given, factory = Collection(folder), more.pop("factory", solver)
    with given.held():
        return collect_on_ray(factory, endpoints, more.pop("workers", None), wanted, given, **more)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trajectories.jsonl").read_text().splitlines()]


def ids(folder: Path) -> list[str]:
    return sorted(line["id"] for line in lines(folder))


def kill_workers() -> int:
    """Kill the workers of this process's cluster as a lack of memory does; how many there were."""
    found = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("ray::Worker")]
    for process in found:
        process.kill()
    return len(found)


def test_it_makes_what_one_process_makes_and_nothing_twice(tmp_path: Path) -> None:
    told: list[Counts] = []
    with ScriptedServer(["\\boxed{1}"]) as server:
        alone = Collection(tmp_path / "alone")
        with alone.held():
            asyncio.run(collect(solver(server.url), attempts(2), alone))
        goes_on = collected([server.url], attempts(5), tmp_path / "alone", progress=told.append)
        assert len(server.requests) == 5
        with alone.held():
            again = asyncio.run(collect(solver(server.url), attempts(5), alone))
        assert len(server.requests) == 5
    assert (goes_on.done, goes_on.new, goes_on.correct, goes_on.wrong) == (5, 3, 1, 4)
    assert (again.done, again.new) == (5, 0)
    assert [counts.done for counts in told] == [3, 4, 5]
    assert list(alone.checkpoints.iterdir()) == []


def test_every_endpoint_works(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"], delay=0.1) as one, ScriptedServer(["\\boxed{1}"], delay=0.1) as two:
        counts = collected([one.url, two.url], attempts(6), tmp_path, parallel=2)
        assert counts.new == len(one.requests) + len(two.requests) == 6
        assert one.requests
        assert two.requests
        with pytest.raises(BadInputError, match="1 workers cannot use 2 endpoints"):
            collected([one.url, two.url], attempts(6), tmp_path, workers=1)


class HoldingMind:
    """The usual mind, which keeps its first answer to ``kind`` to itself until it is let go."""

    def __init__(self, kind: str) -> None:
        self.mind, self.kind, self.lock = usual_mind(), kind, threading.Lock()
        self.held, self.free = threading.Event(), threading.Event()

    def __call__(self, body: dict[str, Any]) -> str:
        with self.lock:
            text, holds = self.mind(body), kind_of(body) == self.kind and not self.held.is_set()
            if holds:
                self.held.set()
        if holds:
            self.free.wait(60)
        return text


def test_a_killed_workers_attempt_goes_on_from_its_last_step(tmp_path: Path) -> None:
    mind, wanted = HoldingMind("reflect"), [Attempt(Problem(id="p", problem=PROBLEM, answer="5"), "steps", 0)]
    killed: list[int] = []

    def kill() -> None:
        mind.held.wait(60)
        killed.append(kill_workers())
        mind.free.set()

    with ScriptedServer(mind) as server:
        thread = threading.Thread(target=kill)
        thread.start()
        counts = collected([server.url], wanted, tmp_path, parallel=1)
        thread.join()
    assert killed == [1]
    assert (counts.new, counts.correct) == (1, 1)
    assert len(lines(tmp_path)) == 1
    asked = {kind: len(bodies) for kind, bodies in mind.mind.asked.items()}
    assert asked["reflect"] == 2  # the one that was cut off, and the one instead
    assert asked["query"] == 1  # what was done before the kill is not done again
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_workers_killed_among_many_attempts_lose_and_double_none(tmp_path: Path) -> None:
    lock, asked = threading.Lock(), itertools.count(1)

    def script(_body: dict[str, Any]) -> str:
        with lock:
            if next(asked) == 6:
                kill_workers()
        return "It is one, so \\boxed{1}"

    with ScriptedServer(script, delay=0.02) as server:
        counts = collected([server.url], attempts(16), tmp_path, workers=2, parallel=2)
        assert len(server.requests) > 16  # some were cut off
    assert (counts.done, counts.new, counts.failed) == (16, 16, 0)
    assert len(set(ids(tmp_path))) == len(ids(tmp_path)) == 16


COLLECT = """
import sys
from pathlib import Path
from agent.collection import Collection
from agent.ray_collect import collect_on_ray
from tests.agent.test_ray_collect import attempts, solver
given = Collection(Path(sys.argv[2]))
with given.held():
    collect_on_ray(solver, [sys.argv[1]], None, attempts(8), given, address=sys.argv[3], parallel=2)
"""


def test_a_driver_that_joined_and_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    import ray

    address, log = ray.get_runtime_context().gcs_address, tmp_path / "trajectories.jsonl"
    with ScriptedServer(["It is one, so \\boxed{1}"], delay=0.1) as server:
        command = [sys.executable, "-c", COLLECT, server.url, str(tmp_path), address]
        with subprocess.Popen(command, cwd=ROOT) as process:
            while process.poll() is None and not log.exists():
                time.sleep(0.02)
            time.sleep(0.3)
            process.kill()
        before = ids(tmp_path)
        counts = collected([server.url], attempts(8), tmp_path)
    assert 0 < len(before) < 8
    assert (counts.done, counts.new) == (8, 8 - len(before))
    assert len(set(ids(tmp_path))) == len(ids(tmp_path)) == 8
    assert set(before) < set(ids(tmp_path))


async def test_where_the_folder_is_not_seen_nothing_is_left_behind(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with ScriptedServer(["\\boxed{1}"]) as server:
        trajectory = await Worker(solver, server.url, elsewhere).attempt("r", attempts(1)[0])
    assert trajectory.grade == "correct"
    assert not elsewhere.exists()


def test_what_a_server_refuses_is_logged_with_its_reason(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"], status=400) as server:
        assert collected([server.url], attempts(2), tmp_path).failed == 2
        assert "400" in lines(tmp_path)[0]["error"]
        server.status = 200
        again = collected([server.url], attempts(2), tmp_path, retry_failed=True)
    assert (again.new, again.failed) == (2, 0)


def test_what_goes_wrong_in_a_worker_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="this machine has no model") as told:
        collected([""], attempts(1), tmp_path, factory=unusable)
    assert told.value.remedy == "Pull one"
    with ScriptedServer(["\\boxed{1}"], status=503) as server, pytest.raises(ServerDownError, match="503"):
        collected([server.url], attempts(1), tmp_path, factory=impatient)
    assert not (tmp_path / "trajectories.jsonl").exists()


def test_workers_that_are_not_alike_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="differ in llm"):
        collected(["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"], attempts(1), tmp_path, factory=known_by)
    made = Collection(tmp_path)
    made.check(solver("", index_fingerprint="one").fingerprints())
    with pytest.raises(BadInputError, match="another index"):
        collected([""], attempts(1), tmp_path, factory=partial(solver, index_fingerprint="two"))
