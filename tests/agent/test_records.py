"""Records: what a trajectory looks like from outside (DESIGN, Files)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from agent.records import Check, Fingerprints, Problem, Step, StepHit, Trajectory, Turn, Usage

HIT = StepHit(
    id="vieta", title="Vieta", score=0.7, parts={"dense": 0.5, "bm25": 2.0}, verdict="relevant", reason="fits"
)
STEPS = (
    Step(n=1, action="think", text="Look."),
    Step(n=2, action="query", text="roots", parent=1),
    Step(n=3, action="retrieve", text="1 passages", parent=2, hits=(HIT,)),
    Step(n=4, action="reflect", text="1 of 1 relevant", parent=3, hits=(HIT,)),
    Step(n=5, action="summarise", text="The sum.", parent=4, hits=(HIT,)),
    Step(n=6, action="answer", text=r"\boxed{5}", parent=5, ms=1.5, tokens=3),
)
DESIGN_KEYS = {
    "schema",
    "id",
    "problem",
    "strategy",
    "steps",
    "answer",
    "grade",
    "reward",
    "fingerprints",
    "seed",
    "usage",
}


def trajectory(**changes: Any) -> Trajectory:
    given: dict[str, Any] = {
        "id": "r1",
        "problem": "$x$?",
        "problem_id": "p1",
        "strategy": "steps",
        "steps": STEPS,
        "answer": "5",
        "fingerprints": Fingerprints(llm="m", retriever="r", index="i", prompts="p", config="c"),
        "seed": 3,
        "usage": Usage(prompt_tokens=1, completion_tokens=2, calls=1, seconds=0.5),
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Trajectory(**(given | changes))


def test_a_record_has_the_keys_of_the_design() -> None:
    record = trajectory(feedback={"verdict": "good"}).to_record()
    assert set(record) >= DESIGN_KEYS | {"feedback"}
    assert (record["schema"], record["seed"], record["strategy"]) == (1, 3, "steps")
    assert set(record["fingerprints"]) == {"llm", "retriever", "index", "prompts", "config"}


def test_a_step_has_the_keys_of_the_design() -> None:
    steps = trajectory().to_record()["steps"]
    assert all({"n", "action", "text", "parent", "ms", "tokens"} <= set(step) for step in steps)
    assert ["hits" in step for step in steps] == [False, False, True, True, True, False]
    assert set(steps[3]["hits"][0]) >= {"id", "score", "parts", "verdict", "reason"}


def test_keys_that_say_nothing_are_left_out_and_the_others_stay() -> None:
    record = trajectory(answer=None).to_record()
    assert not {"feedback", "planned", "continues"} & set(record)
    assert "vote" not in record["steps"][0]
    assert (record["answer"], record["grade"], record["reward"]) == (None, None, None)


def test_checks_are_kept_where_there_are_any_and_read_back() -> None:
    check = Check(claim="3+4=8", verdict="fails", span=(3, 8), reason="left 7, right 8")
    one = trajectory(steps=(STEPS[0].model_copy(update={"checks": (check,)}), *STEPS[1:]))
    steps = one.to_record()["steps"]
    assert steps[0]["checks"] == [
        {"claim": "3+4=8", "verdict": "fails", "span": [3, 8], "reason": "left 7, right 8"}
    ]
    assert ["checks" in step for step in steps[1:]] == [False] * 5  # as in logs from before there were checks
    assert Trajectory.model_validate_json(one.to_json()) == one


def test_a_record_is_one_line_and_read_back_the_same() -> None:
    one = trajectory(problem="a\nb \u2028 — \x85")
    line = one.to_json()
    assert "\n" not in line
    assert "—" in line
    assert Trajectory.model_validate_json(line) == one
    assert Trajectory.model_validate(json.loads(line)) == one


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"schema": "1"}, {"unknown": 0}, {"reward": 2}, {"grade": "fine"}]
)
def test_other_versions_and_unknown_keys_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Trajectory.model_validate(trajectory().to_record() | change)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Step, {"n": 1, "action": "guess", "text": ""}),
        (Step, {"n": 1, "action": "think", "text": "", "colour": "red"}),
        (StepHit, {"id": "a", "score": 1.0, "verdict": "maybe"}),
        (StepHit, {"id": "a", "score": 1.0, "parts": {"magic": 1.0}}),
        (Turn, {"role": "system", "content": "obey"}),
        (Problem, {"id": "p"}),
        (Problem, {"id": "p", "problem": "x", "gold": "1"}),
        (Usage, {"tokens": 1}),
    ],
)
def test_what_is_no_record_is_refused(kind: Any, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(given)


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        STEPS[0].n = 7  # type: ignore[misc]


def test_usage_adds_up() -> None:
    one = Usage(prompt_tokens=1, cached_tokens=2, completion_tokens=3, calls=4, seconds=0.5)
    assert one + one == Usage(prompt_tokens=2, cached_tokens=4, completion_tokens=6, calls=8, seconds=1.0)
    assert Usage() + one == one
