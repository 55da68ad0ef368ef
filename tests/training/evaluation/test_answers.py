"""Evaluation: counting, intervals, the paired test, and going on after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.llm import ChatModel
from agent.log import TrajectoryLog
from agent.records import Fingerprints, Grade, Problem, Trajectory, Usage
from agent.solve import Solver
from agent.state import AgentConfig, SampleConfig
from retriever.errors import RaderError
from tests.scripted import ScriptedServer
from training.evaluation.answers import evaluate_answers, mcnemar, report, wilson


def trajectory(grade: Grade | None, **more: Any) -> Trajectory:
    prints = Fingerprints(llm="l", retriever="r", index="i", prompts="p", config="c")
    usage = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=20, calls=1, seconds=2.0)
    fields: dict[str, Any] = {"id": "t", "problem": "p", "problem_id": "p", "strategy": "cot", "steps": ()}
    fields |= {
        "answer": "1",
        "grade": grade,
        "fingerprints": prints,
        "seed": 0,
        "usage": usage,
        "created": "",
    }
    return Trajectory(**(fields | more))


def test_report_counts_grades_and_averages_cost() -> None:
    done = [trajectory("correct"), trajectory("wrong"), trajectory("ungradable"), trajectory(None)]
    result = report(done, "cot", 8.0)
    assert (result.n, result.correct, result.wrong, result.ungradable) == (4, 1, 1, 2)
    assert (result.accuracy, result.tokens, result.read, result.seconds) == (0.25, 20.0, 6.0, 2.0)


@pytest.mark.parametrize(("correct", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634)])
def test_wilson_equals_the_numbers_worked_by_hand(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == (low, high)


def test_mcnemar_looks_at_discordant_pairs_only() -> None:
    right, wrong = trajectory("correct"), trajectory("wrong")
    assert mcnemar([right] * 3, [right] * 3) == (0, 0, 1.0)
    only_first, only_second, p = mcnemar([right] * 6 + [wrong], [wrong] * 6 + [wrong])
    assert (only_first, only_second) == (6, 0)
    assert p == pytest.approx(2 * 0.5**6)


def problems(count: int) -> list[Problem]:
    return [Problem(id=f"p{n}", problem=f"What is {n}+1?", answer=str(n + 1)) for n in range(count)]


def solver(url: str, log: Path) -> Solver:
    return Solver(ChatModel(url, "scripted"), None, AgentConfig(), log=TrajectoryLog(log))


@pytest.mark.parametrize(("strategy", "calls"), [("cot", 1), ("cot@3", 3)])
def test_a_second_run_does_only_what_is_missing(tmp_path: Path, strategy: str, calls: int) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        run = solver(server.url, tmp_path / "log.jsonl")
        run.samples = SampleConfig(early_stop=False)
        first, _ = evaluate_answers(run, problems(2), strategy)
        assert len(server.requests) == 2 * calls
        second, done = evaluate_answers(run, problems(3), strategy, parallel=3)
        assert len(server.requests) == 3 * calls
    assert (first.correct, second.correct, [one.problem_id for one in done]) == (1, 1, ["p0", "p1", "p2"])


def test_a_dead_server_is_an_error_and_what_is_done_is_kept(tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        run = solver(server.url, tmp_path / "log.jsonl")
        evaluate_answers(run, problems(1), "cot")
        server.status = 500
        with pytest.raises(RaderError, match="500"):
            evaluate_answers(run, problems(2), "cot")
    kept = [one.outcome for one in TrajectoryLog(tmp_path / "log.jsonl").read()]
    assert kept == ["finished", "failed"]
