"""Logs for tests of the Trajectories view."""

from __future__ import annotations

from typing import Any

from agent.records import Check, StepHit, Trajectory, Usage
from tests.training.samples import looked_up, step, trajectory

HOSTILE = "<script>alert(1)</script> [a](javascript:alert(2)) $\\href{javascript:alert(3)}{x}$"
FOUND = StepHit(
    id="am-gm",
    title="AM-GM inequality",
    score=0.83,
    parts={"dense": 0.7, "bm25": 3.2},
    verdict="relevant",
    reason="its conditions hold",
)


def run(number: int, **more: Any) -> Trajectory:
    """A run of its own: a thought with a checked claim, a look-up and an answer."""
    check = Check(claim="1+1=3", verdict="fails", span=(0, 5), reason="it is 2")
    steps = [
        step(1, "think", f"We note that $x_{number}$ is positive.", checks=(check,)),
        *looked_up(2, ["am-gm"], ["vieta"]),
        step(6, "answer", r"So \boxed{42}."),
    ]
    values: dict[str, Any] = {
        "steps": steps,
        "id": f"run-{number}",
        "problem": f"Problem {number}: what is $x^{number}$?",
        "grade": "correct",
        "usage": Usage(completion_tokens=100 + number, seconds=2.0),
        "created": f"2026-11-{1 + number % 28:02d}T10:00:{number % 60:02d}+00:00",
    }
    values |= more
    return trajectory(values.pop("steps"), **values)


def search(**more: Any) -> Trajectory:
    """A tree search: two branches, the second chosen."""
    steps = [
        step(1, "answer", r"Then \boxed{1}", parent=None, visits=1, value=0, reward=0),
        step(2, "think", "Another way", parent=None, visits=1, value=1, chosen=True),
        step(3, "answer", r"So \boxed{2}", visits=1, value=1, reward=1, chosen=True),
    ]
    return trajectory(steps, **{"id": "search", "strategy": "mcts", "created": "2026-11-30T00:00:00"} | more)
