"""Collections: only what is missing is done; no kill, dead server or swapped index spoils what is there."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent import collect as collecting
from agent.collect import collect
from agent.collection import Attempt, Collection, Counts
from agent.errors import ServerDownError
from agent.llm import ChatModel
from agent.records import Problem
from agent.solve import Solver
from agent.state import AgentConfig
from retriever.errors import BadInputError, StorageError
from tests.scripted import ScriptedServer

ROOT = Path(__file__).parents[2]


def attempts(count: int, seeds: int = 1) -> list[Attempt]:
    problems = [Problem(id=f"p{n}", problem=f"What is {n}+1?", answer=str(n + 1)) for n in range(count)]
    return [Attempt(problem, "cot", seed) for problem in problems for seed in range(seeds)]


def solver(url: str, **more: Any) -> Solver:
    return Solver(ChatModel(url, "scripted"), None, AgentConfig(), **more)


def collected(url: str, wanted: list[Attempt], folder: Path, **more: Any) -> Counts:
    given = Collection(folder)
    with given.held():
        return asyncio.run(collect(solver(url, **more.pop("solver", {})), wanted, given, **more))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trajectories.jsonl").read_text().splitlines()]


def test_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        first = collected(server.url, attempts(2), tmp_path)
        assert (first.attempts, first.done, first.new, first.correct, first.wrong) == (2, 2, 2, 1, 1)
        second = collected(server.url, attempts(3, seeds=2), tmp_path)
        assert len(server.requests) == 6
    assert (second.done, second.new) == (6, 4)
    assert len({line["id"] for line in lines(tmp_path)}) == len(lines(tmp_path)) == 6


def test_attempts_on_which_a_checked_claim_fails_are_counted(tmp_path: Path) -> None:
    replies = {
        "What is 0+1?": "As $2+2=5$, it is \\boxed{1}",
        "What is 1+1?": "As $2+2=5$, it is \\boxed{7}",
        "What is 2+1?": "As $2+2=4$, it is \\boxed{3}",
    }
    with ScriptedServer(lambda body: replies[body["messages"][-1]["content"]]) as server:
        counts = collected(server.url, attempts(3), tmp_path)
        assert (counts.correct, counts.unsound, counts.unsound_correct) == (2, 2, 1)
        again = collected(server.url, attempts(3), tmp_path)
    assert (again.new, again.unsound, again.unsound_correct) == (0, 2, 1)


def test_progress_is_told_after_every_attempt(tmp_path: Path) -> None:
    told: list[Counts] = []
    with ScriptedServer(["\\boxed{1}"]) as server:
        collected(server.url, attempts(3), tmp_path, progress=told.append, parallel=2)
    assert [counts.done for counts in told] == [1, 2, 3]
    assert told[-1].accuracy == pytest.approx(1 / 3)


def test_a_problem_without_answer_is_collected_ungraded(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        counts = collected(server.url, [Attempt(Problem(id="p", problem="What?"), "cot", 0)], tmp_path)
    assert (counts.ungraded, counts.ungradable) == (1, 0)
    assert lines(tmp_path)[0]["reward"] is None


def test_what_the_server_refuses_is_recorded_and_skipped(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"], status=400) as server:
        counts = collected(server.url, attempts(2), tmp_path)
        assert (counts.failed, counts.done) == (2, 2)
        assert "400" in lines(tmp_path)[0]["error"]
        server.status = 200
        assert collected(server.url, attempts(2), tmp_path).new == 0
        again = collected(server.url, attempts(2), tmp_path, retry_failed=True)
    assert (again.new, again.failed, again.done) == (2, 0, 2)


def test_a_server_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"], status=503) as server:

        async def run() -> Counts:
            given = Collection(tmp_path)
            with given.held():
                task = asyncio.create_task(collect(solver(server.url), attempts(1), given))
                await asyncio.sleep(1)
                assert not task.done()
                server.status = 200
                return await task

        counts = asyncio.run(run())
    assert (counts.failed, counts.correct) == (0, 1)
    assert len(lines(tmp_path)) == 1


def test_a_server_that_stays_away_ends_the_collection_and_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "TRIES", 1)
    with ScriptedServer(["\\boxed{1}"]) as server:
        url = server.url
    with pytest.raises(ServerDownError):
        collected(url, attempts(2), tmp_path)
    assert not (tmp_path / "trajectories.jsonl").exists()


def test_a_disk_that_keeps_no_states_ends_the_collection_and_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("")
    with ScriptedServer(["\\boxed{1}"]) as server:
        with pytest.raises(StorageError):
            collected(server.url, attempts(2), tmp_path)
        assert not (tmp_path / "trajectories.jsonl").exists()
        (tmp_path / "checkpoints").unlink()
        assert collected(server.url, attempts(2), tmp_path).new == 2


@pytest.mark.parametrize("changed", ["index", "retriever"])
def test_another_index_or_retriever_is_refused(tmp_path: Path, changed: str) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        before = {f"{changed}_fingerprint": "one"}
        collected(server.url, attempts(1), tmp_path, solver=before)
        with pytest.raises(BadInputError, match=f"another {changed}"):
            collected(server.url, attempts(2), tmp_path, solver={f"{changed}_fingerprint": "two"})
        assert collected(server.url, attempts(2), tmp_path, solver=before).new == 1


def test_only_one_process_collects_into_a_folder(tmp_path: Path) -> None:
    given = Collection(tmp_path)
    with given.held(), pytest.raises(BadInputError, match="another process"), Collection(tmp_path).held():
        pass
    with Collection(tmp_path).held():
        pass


def test_a_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        collected(server.url, attempts(2), tmp_path)
        file = tmp_path / "trajectories.jsonl"
        file.write_bytes(file.read_bytes()[:-40])
        assert collected(server.url, attempts(2), tmp_path).new == 1
        assert collected(server.url, attempts(2), tmp_path).new == 0


COLLECT = """
import asyncio, sys
from pathlib import Path
from agent.collect import collect
from agent.collection import Collection
from tests.agent.test_collect import attempts, solver
given = Collection(Path(sys.argv[2]))
with given.held():
    asyncio.run(collect(solver(sys.argv[1]), attempts(8, seeds=2), given, parallel=3))
"""


def test_killed_at_random_moments_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    chance = random.Random(0)  # noqa: S311
    command = [sys.executable, "-c", COLLECT]
    seen: set[str] = set()
    with ScriptedServer(["It is one, so \\boxed{1}"], delay=0.02) as server:
        for _ in range(4):
            process = subprocess.Popen([*command, server.url, str(tmp_path)], cwd=ROOT)
            log = tmp_path / "trajectories.jsonl"
            while process.poll() is None and not log.exists():
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.6))
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen |= {line["id"] for line in whole_lines(log)}
        subprocess.run([*command, server.url, str(tmp_path)], cwd=ROOT, check=True)
    ids = [line["id"] for line in whole_lines(log)]
    assert len(ids) == len(set(ids)) == 16
    assert seen <= set(ids)


def whole_lines(file: Path) -> list[dict[str, Any]]:
    found = []
    for line in file.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
