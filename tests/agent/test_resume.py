"""Runs that are stopped, and runs that go on where they stopped or died."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from agent.events import Finished, Token
from agent.log import TrajectoryLog
from agent.records import Usage
from agent.solve import Solver, new_problem
from retriever.search import SearchResult
from tests.agent.helpers import (
    PROBLEM,
    STRATEGIES,
    USUAL,
    DyingServer,
    WordRetriever,
    actions,
    config,
    essence,
    finished,
    logged,
    outcome,
    run,
    solver,
    texts,
    usual_mind,
)
from tests.scripted import ScriptedServer

# A run that is stopped


async def stop_after(given: Solver, tokens: int, strategy: Any = "steps") -> None:
    """Read so many tokens of a run and close it."""
    async with aclosing(given.solve(new_problem(PROBLEM, answer="5"), strategy)) as events:
        async for event in events:
            assert not isinstance(event, Finished)
            tokens -= isinstance(event, Token)
            if tokens == 0:
                return


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_stopping_drops_the_model_and_logs_the_run(log: TrajectoryLog, strategy: str) -> None:
    with ScriptedServer(["word " * 400], delay=0.01) as server:
        await stop_after(solver(server, log=log), 3, strategy)
        assert await asyncio.to_thread(server.dropped.wait, 10)
        asked = len(server.requests)
        await asyncio.sleep(0.1)
        assert len(server.requests) == asked
    [trajectory] = logged(log)
    assert (trajectory.outcome, trajectory.error, trajectory.grade) == ("stopped", "", None)
    assert trajectory.steps[-1].text.startswith("word word")


async def test_stopping_between_steps_keeps_the_steps(log: TrajectoryLog) -> None:
    with ScriptedServer(usual_mind(), delay=0.01) as server:
        await stop_after(solver(server, log=log), 6)
    [trajectory] = logged(log)
    assert trajectory.outcome == "stopped"
    assert actions(trajectory)[0] == "think"
    assert len(trajectory.steps) == 2


async def test_cancelling_the_task_stops_the_run_too(log: TrajectoryLog) -> None:
    with ScriptedServer(["word " * 400], delay=0.01) as server:
        task = asyncio.create_task(run(solver(server, log=log), strategy="cot"))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.dropped.wait, 10)
    assert [one.outcome for one in logged(log)] == ["stopped"]


async def test_a_run_can_be_stopped_while_it_searches(log: TrajectoryLog) -> None:
    retriever = SlowRetriever()
    with ScriptedServer(usual_mind()) as server:
        task = asyncio.create_task(run(solver(server, log=log, retriever=retriever)))
        assert await asyncio.to_thread(retriever.began.wait, 20)
        task.cancel()
        retriever.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    [trajectory] = logged(log)
    assert (trajectory.outcome, actions(trajectory)) == ("stopped", ["think", "query"])


class SlowRetriever(WordRetriever):
    """Says when a search began and waits until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go_on = threading.Event(), threading.Event()

    def search(self, query: str, k: int, **how: Any) -> SearchResult:
        """The usual result, later."""
        self.began.set()
        self.go_on.wait(20)
        return super().search(query, k, **how)


# A run that goes on


async def test_a_run_that_died_goes_on_from_its_last_step(log: TrajectoryLog, tmp_path: Path) -> None:
    mind, problem = usual_mind(), new_problem(PROBLEM)
    with DyingServer(mind, nth=3) as server:
        given = solver(server, log=log, checkpoints=tmp_path / "deep" / "checkpoints.sqlite")
        failed = await outcome(given, problem, run_id="run-1")
        asked = len(server.requests)
        server.revive()
        events = await run(given, problem, run_id="run-1")
    whole = finished(events)
    assert (actions(failed), failed.outcome) == (USUAL[:3], "failed")
    assert (actions(whole), whole.outcome, whole.answer) == (USUAL, "finished", "5")
    assert essence(whole.steps[:3]) == essence(failed.steps)
    assert (asked, len(server.requests)) == (3, 6)  # judging was asked for twice, nothing before it
    assert len(mind.asked["write"]) == 2
    assert whole.usage.calls == 5
    assert [one.id for one in logged(log)] == ["run-1", "run-1"]


async def test_a_run_that_was_stopped_goes_on_too(tmp_path: Path) -> None:
    problem = new_problem(PROBLEM)
    with ScriptedServer(usual_mind(), delay=0.02) as server:
        given = solver(server, checkpoints=tmp_path / "checkpoints.sqlite")
        async with aclosing(given.solve(problem, run_id="run-2")) as events:
            async for event in events:
                if isinstance(event, Token) and event.n == 2:
                    break
        server.delay = 0.0
        whole = await outcome(given, problem, run_id="run-2")
    assert (actions(whole), whole.answer) == (USUAL, "5")
    assert len([request for request in server.requests if "Compare" not in texts(request)]) == 1


async def test_a_run_that_came_to_its_end_begins_anew(tmp_path: Path) -> None:
    with ScriptedServer([r"\boxed{1}", r"\boxed{2}"]) as server:
        given = solver(server, checkpoints=tmp_path / "checkpoints.sqlite")
        answers = [(await outcome(given, strategy="cot", run_id="run-3")).answer for _ in range(2)]
    assert answers == ["1", "2"]


async def test_a_run_killed_before_its_first_node_begins_anew(tmp_path: Path) -> None:
    problem, path = new_problem(PROBLEM), tmp_path / "checkpoints.sqlite"
    with DyingServer([r"One two three \boxed{5}"], nth=1) as server:
        given = solver(server, checkpoints=path)
        await outcome(given, problem, strategy="cot", run_id="run-5")
        with closing(sqlite3.connect(path)) as file, file:  # as after LangGraph's first write
            file.execute("DELETE FROM checkpoints WHERE parent_checkpoint_id IS NOT NULL")
            file.execute("DELETE FROM writes")
            assert file.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
        server.revive()
        whole = await outcome(given, problem, strategy="cot", run_id="run-5")
    assert (actions(whole), whole.answer) == (["answer"], "5")


@pytest.mark.parametrize("damage", [b"nonsense " * 2000, None])
async def test_states_that_cannot_be_read_are_put_aside(tmp_path: Path, damage: bytes | None) -> None:
    problem, path = new_problem(PROBLEM), tmp_path / "checkpoints.sqlite"
    with DyingServer([r"One two three \boxed{5}"], nth=1) as server:
        given = solver(server, checkpoints=path)
        await outcome(given, problem, strategy="cot", run_id="run-6")
        path.write_bytes(damage or path.read_bytes()[: path.stat().st_size // 2])
        server.revive()
        whole = await outcome(given, problem, strategy="cot", run_id="run-6")
    assert (whole.outcome, whole.answer) == ("finished", "5")
    assert (tmp_path / "checkpoints.sqlite.damaged").exists()


async def test_without_checkpoints_a_run_begins_anew() -> None:
    with DyingServer([r"One two three \boxed{5}"], nth=1) as server:
        given = solver(server)
        assert (await outcome(given, strategy="cot", run_id="run-4")).outcome == "failed"
        server.revive()
        whole = await outcome(given, strategy="cot", run_id="run-4")
    assert (actions(whole), whole.answer) == (["answer"], "5")


async def test_a_stopped_run_leaves_usage_of_its_whole_steps_only(log: TrajectoryLog) -> None:
    with ScriptedServer(["word " * 400], delay=0.01) as server:
        await stop_after(solver(server, log=log, config=config()), 2, "cot")
    [trajectory] = logged(log)
    assert trajectory.usage == Usage(seconds=trajectory.usage.seconds)
