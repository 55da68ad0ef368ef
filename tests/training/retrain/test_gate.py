"""What the gate lets through: better on steps for sure, and nowhere a point worse."""

from __future__ import annotations

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.passage import Passage
from retriever.queries import Query
from training.evaluation.reports import RetrievalConfig, Searched, retrieval_report
from training.retrain.gate import NEW, OLD, Compared, QuerySet, compared, decide


def result(*differences: float, steps: bool) -> Compared:
    """A comparison with those differences, in points."""
    delta = float(np.mean(differences))
    return Compared(
        of_steps=steps,
        n=len(differences),
        new={"ndcg@10": 50 + delta},
        promoted={"ndcg@10": 50.0},
        new_ci95=(40.0, 60.0),
        delta=delta,
        ci95=(delta - 1, delta + 1),
        differences=differences,
    )


BETTER = [4.0, 6.0] * 20
UNSURE = [40.0, -38.0] * 20
WORSE = [-1.5] * 10


def test_better_and_nowhere_worse_is_promoted() -> None:
    verdict = decide({"steps": result(*BETTER, steps=True), "titles": result(-1.0, 0.0, steps=False)})
    assert (verdict.promoted, verdict.reasons) == (True, ())
    assert verdict.steps
    assert verdict.steps[:2] == (40, 5.0)
    low, high = verdict.steps[2]
    assert 4 < low < 5 < high < 6
    table = verdict.table()
    assert table.splitlines()[1].split() == ["steps", "40", "50.0", "55.0", "+5.0", "(+4.0", "to", "+6.0)"]
    assert table.endswith("promoted")


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ({"steps": result(*UNSURE, steps=True)}, "not better on step queries: +1.0"),
        ({"steps": result(*[-5.0] * 30, steps=True)}, "not better on step queries: -5.0"),
        ({"steps": result(*[0.0] * 30, steps=True)}, "not better on step queries: +0.0"),
        ({"steps": result(*BETTER[:10], steps=True)}, "10 step queries are too few"),
        ({"titles": result(*BETTER, steps=False)}, "0 step queries are too few"),
        (
            {"steps": result(*BETTER, steps=True), "titles": result(*WORSE, steps=False)},
            "worse on titles: -1.5 (-2.5 to -0.5)",
        ),
        (
            {"steps": result(*BETTER, steps=True), "steps-b": result(*WORSE, steps=True)},
            "worse on steps-b",
        ),
    ],
)
def test_a_refusal_says_why(results: dict[str, Compared], says: str) -> None:
    verdict = decide(results)
    assert not verdict.promoted
    assert any(says in reason for reason in verdict.reasons)
    assert "refused: " in verdict.table()
    assert says in verdict.table()


def test_step_queries_count_together_over_their_sets() -> None:
    verdict = decide({"steps": result(*BETTER[:12], steps=True), "steps-b": result(*BETTER[:12], steps=True)})
    assert verdict.promoted
    assert verdict.steps
    assert verdict.steps[0] == 24


def test_differences_are_of_the_same_query() -> None:
    corpus = Corpus(Passage(id=key, text=key) for key in "ab")
    queries = [Query(id=str(n), query="x", gold_ids=("a",)) for n in range(3)]
    ranked = {"first": [("a", 1.0)], "second": [("b", 1.0), ("a", 0.5)]}
    searched = {
        NEW: Searched(run={"0": ranked["first"], "1": ranked["first"], "2": ranked["second"]}),
        OLD: Searched(run={"0": ranked["second"], "1": ranked["first"]}),
    }
    report = retrieval_report("steps", queries, searched, RetrievalConfig())
    found = compared(QuerySet("steps", queries, corpus), report)
    second = 100 / np.log2(3)
    np.testing.assert_allclose(found.differences, [100 - second, 0, second], atol=1e-5)
    assert found.delta == pytest.approx(np.mean(found.differences), abs=1e-3)
    assert found.of_steps
    assert not QuerySet("titles", queries, corpus).of_steps
