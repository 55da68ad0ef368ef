"""What a job says: states, progress, counts, the gate's table and decision."""

from __future__ import annotations

from typing import Any

import pytest

from training.retrain.gate import Compared
from training.retrain.records import RetrainReport
from ui.jobs import Job, State
from ui.trajectories import reports


def job(state: State = "running", **more: Any) -> Job:
    values: dict[str, Any] = {"id": "collect-1", "kind": "collect", "label": "Mine <b>", "arguments": ()}
    values |= {
        "started": "2026-11-23T16:00:00",
        "state": state,
        "progress": ("", 0, 0),
        "result": {},
        "says": "",
    }
    return Job(**values | more)


def report(**more: Any) -> dict[str, Any]:
    """What ``rader retrain --json`` prints."""
    means = {"recall@10": 1.0, "mrr@10": 1.0}
    made: dict[str, Any] = {
        "n": 40, "new": means | {"ndcg@10": 60.0}, "promoted": means | {"ndcg@10": 51.24},
        "new_ci95": (50.0, 70.0), "delta": 8.76, "ci95": (2.0, 15.5), "differences": (8.76,) * 40,
    }  # fmt: skip
    sets = {"steps": Compared(of_steps=True, **made), "titles": Compared(of_steps=False, **made)}
    values: dict[str, Any] = {
        "promoted": False, "name": "", "over": "", "reasons": ("worse on titles: −2.0 <i>",),
        "steps": (40, 8.76, (2.0, 15.5)), "triples": 900, "indexed": 0, "folder": "", "skipped": (),
        "table": "",
        "compared": {name: each.model_dump(exclude={"differences"}) for name, each in sets.items()},
    }  # fmt: skip
    return RetrainReport(**values | more).model_dump(mode="json")


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (job(), "starting"),
        (job(progress=("50% correct", 3, 1200)), "50&#37; correct (3 of 1,200)"),
        (job(progress=("50% correct", 3, 1200)), 'max="1200" value="3"'),
        (job("stopped"), "Go on takes it up where it was"),
        (
            job("failed", says="rader: 3 <u> are too few. Collect more"),
            "3 &lt;u&gt; are too few. Collect more",
        ),
        (job("failed"), "ended without a word"),
        (
            job("done", result={"attempts": 4, "done": 4, "new": 3, "correct": 2, "wrong": 2}),
            "2 correct, 2 wrong",
        ),
    ],
)
def test_every_state_is_told(shown: Job, says: str) -> None:
    told = reports.job(shown, reports.collected)
    assert says in told
    assert "Mine &lt;b&gt;" in told


def test_the_gates_table_and_its_refusal() -> None:
    told = reports.retrained(report())
    assert told.count("<tr>") == 4
    assert "<td>40</td><td>51.2</td><td>60.0</td><td>+8.8 (+2.0 to +15.5)</td>" in told
    assert "the untrained base goes on serving" in told
    assert "worse on titles: −2.0 &lt;i&gt;" in told


def test_the_gates_promotion() -> None:
    told = reports.retrained(report(promoted=True, name="rader-2", reasons=()))
    assert "Promoted." in told
    assert "rader-2 serves from now on" in told
    assert "Refused" not in told
