"""Searches that are refused, stopped, or killed, and searches that go on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ServerDownError
from agent.events import Finished, StepDone
from agent.log import TrajectoryLog
from agent.records import Problem
from agent.state import SearchConfig
from tests.agent.helpers import PROBLEM, DyingServer, essence, finished, logged, outcome, run, solver
from tests.agent.search_helpers import SearchMind, cycle, endings, key_of, searcher
from tests.scripted import ScriptedServer

ALL = SearchConfig(early_stop=False).collecting()
ASKED = Problem(id="p", problem=PROBLEM, answer="5")
ROOT = Path(__file__).parents[2]


def steady() -> SearchMind:
    """A mind whose replies depend on the request alone: a run that goes on says what it would have said."""
    return SearchMind(
        think=lambda body: f"Now we take ${body['seed']}$.",
        complete=lambda body: rf"So it is \boxed{{{5 + body['seed'] % 2}}}.",
    )


class RefusingServer(ScriptedServer):
    """Answers one request, the one after ``nth`` others, with status 400."""

    def __init__(self, script: Any, nth: int) -> None:
        self.nth, self.refused = nth, False
        super().__init__(script)

    @property
    def status(self) -> int:
        """400 when its turn has come, read twice by the one request."""
        return 400 if len(self.requests) == self.nth and not self.refused else 200

    @status.setter
    def status(self, value: int) -> None:
        pass


async def whole(**more: Any) -> Any:
    """The trajectory of an undisturbed search, and its requests."""
    with ScriptedServer(steady()) as server:
        trajectory = await outcome(searcher(server, ALL), ASKED, "mcts", **more)
        return trajectory, [key_of(body) for body in server.requests]


@pytest.mark.parametrize("nth", [2, 6, 9])
async def test_a_search_whose_server_died_goes_on_and_does_nothing_twice(
    nth: int, log: TrajectoryLog, tmp_path: Path
) -> None:
    undisturbed, requests = await whole()
    with DyingServer(steady(), nth) as server:
        given = searcher(server, ALL, log=log, checkpoints=tmp_path / "c.sqlite")
        events = await run(given, ASKED, "mcts", run_id="r")
        failed, died = finished(events), len(server.requests)
        server.revive()
        trajectory = await outcome(given, ASKED, "mcts", run_id="r")
        keys = Counter(key_of(body) for body in server.requests)
    last = events[-1]
    assert isinstance(last, Finished)
    assert isinstance(last.cause, ServerDownError)
    assert (failed.outcome, failed.grade) == ("failed", None)
    assert essence(trajectory.steps) == essence(undisturbed.steps)
    assert trajectory.usage.calls == undisturbed.usage.calls
    assert set(keys) == set(requests)
    assert died == nth
    # Only what was under way when the server died is asked for again: the siblings of one expansion at most.
    assert sum(keys.values()) - len(requests) <= 3
    assert [one.outcome for one in logged(log)] == ["failed", "finished"]


async def test_a_failed_search_keeps_the_vote_so_far() -> None:
    with DyingServer(SearchMind(complete=cycle("6", "5", "5", "5")), nth=9) as server:
        trajectory = await outcome(searcher(server, ALL), ASKED, "mcts")
    assert (trajectory.outcome, trajectory.answer, trajectory.grade) == ("failed", "5", None)
    assert [step.reward for step in endings(trajectory)] == [0, 1, 1]


@pytest.mark.parametrize("nth", [1, 3, 4, 5, 6, 7])
async def test_one_refused_request_prunes_its_node_and_the_search_goes_on(nth: int) -> None:
    with RefusingServer(SearchMind(), nth) as server:
        events = []
        given = searcher(server, ALL)
        async with aclosing(given.solve(ASKED, "mcts")) as stream:
            async for event in stream:
                events.append(event)
                if isinstance(event, StepDone) and "refused" in event.step.pruned:
                    server.refused = True
    trajectory = finished(events)
    pruned = [step for step in trajectory.steps if "refused: 400" in step.pruned]
    assert (len(pruned), pruned[0].text) == (1, "")
    assert (trajectory.outcome, trajectory.answer) == ("finished", "5")
    assert len(endings(trajectory)) == 6


async def test_a_server_that_refuses_the_bare_problem_fails_the_search() -> None:
    with ScriptedServer(SearchMind(), status=400) as server:
        trajectory = await outcome(searcher(server, ALL), ASKED, "mcts")
    assert (trajectory.outcome, trajectory.steps) == ("failed", ())
    assert "refused: 400" in trajectory.error


async def test_a_search_that_is_stopped_keeps_its_tree_and_goes_on(
    log: TrajectoryLog, tmp_path: Path
) -> None:
    undisturbed, requests = await whole()
    with ScriptedServer(steady()) as server:
        given = searcher(server, ALL, log=log, checkpoints=tmp_path / "c.sqlite")
        async with aclosing(given.solve(ASKED, "mcts", run_id="r")) as events:
            async for event in events:
                if isinstance(event, StepDone) and event.step.n == 9:
                    break
        trajectory = await outcome(given, ASKED, "mcts", run_id="r")
        again = len(server.requests) - len(requests)
    stopped, done = logged(log)
    assert (stopped.outcome, len(stopped.steps)) == ("stopped", 9)
    assert sum(step.chosen for step in stopped.steps) >= 1
    assert essence(done.steps) == essence(trajectory.steps) == essence(undisturbed.steps)
    assert again <= 1


async def test_several_unfinished_steps_are_kept_as_far_as_they_came(log: TrajectoryLog) -> None:
    replies = {"think": "Long thought " * 50 + "$x$.", "query": "long query " * 50, "complete": r"\boxed{5}"}
    search = ALL.model_copy(update={"parallel": 3})
    with ScriptedServer(SearchMind(**replies), delay=0.005) as server:
        given = solver(server, search=search, log=log)
        seen: Counter[int] = Counter()
        async with aclosing(given.solve(ASKED, "mcts")) as events:
            async for event in events:
                seen[getattr(event, "n", 0)] += 1
                if min(seen[n] for n in (2, 3, 4)) >= 4:
                    break
    [trajectory] = logged(log)
    assert [(step.n, step.parent) for step in trajectory.steps] == [
        (1, None),
        (2, None),
        (3, None),
        (4, None),
    ]
    assert all(step.text.lower().startswith("long") for step in trajectory.steps[1:])


async def test_searches_at_once_do_not_mix(tmp_path: Path) -> None:
    with ScriptedServer(steady()) as server:
        given = searcher(server, ALL, checkpoints=tmp_path / "c.sqlite")
        found = await asyncio.gather(*(outcome(given, ASKED, "mcts", seed=seed) for seed in range(3)))
    alone = [(await whole(seed=seed))[0] for seed in range(3)]
    assert [essence(one.steps) for one in found] == [essence(one.steps) for one in alone]


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.agent.helpers import outcome
from tests.agent.search_helpers import searcher
from tests.agent.test_mcts_resume import ALL, ASKED

class Remote:
    url = sys.argv[1]

asyncio.run(outcome(searcher(Remote, ALL, checkpoints=Path(sys.argv[2])), ASKED, "mcts", run_id="r"))
"""


async def test_a_search_killed_with_9_goes_on(tmp_path: Path) -> None:
    undisturbed, requests = await whole()
    with ScriptedServer(steady()) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            KILLED,
            server.url,
            str(tmp_path / "c.sqlite"),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        while len(server.requests) < 10:
            assert process.returncode is None, await process.stderr.read() if process.stderr else ""
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        before = len(server.requests)
        trajectory = await outcome(
            searcher(server, ALL, checkpoints=tmp_path / "c.sqlite"), ASKED, "mcts", run_id="r"
        )
        keys = Counter(key_of(body) for body in server.requests)
    assert before < len(requests)
    assert essence(trajectory.steps) == essence(undisturbed.steps)
    assert set(keys) == set(requests)
    assert sum(keys.values()) - len(requests) <= 4
