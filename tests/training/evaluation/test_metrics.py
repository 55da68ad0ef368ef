"""nDCG@10, recall@10 and MRR@10: by hand, and as trec_eval gives them."""

from __future__ import annotations

import math

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.queries import Query
from training.evaluation.metrics import MEASURES, query_values
from training.evaluation.runs import Run, trec_scores


def query(key: str, *gold: str) -> Query:
    return Query(id=key, query="?", gold_ids=gold)


def values(run: Run, *queries: Query) -> dict[str, list[float]]:
    return {name: list(map(float, each)) for name, each in query_values(run, queries).items()}


def ranking(*ids: str) -> list[tuple[str, float]]:
    return [(key, 1.0) for key in ids]  # the order counts and not the scores


def test_by_hand() -> None:
    run = {"q1": ranking("x", "a", "y", "b"), "q2": ranking("c")}
    found = values(run, query("q1", "a", "b", "gone"), query("q2", "c"))
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found["ndcg@10"] == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / ideal, 1])
    assert found["recall@10"] == pytest.approx([2 / 3, 1])
    assert found["mrr@10"] == pytest.approx([1 / 2, 1])


def test_only_ten_hits_count() -> None:
    run = {"q1": ranking(*"klmnopqrst", "a"), "q2": ranking(*"klmnopqrs", "a")}
    found = values(run, query("q1", "a"), query("q2", "a"))
    assert found["ndcg@10"] == pytest.approx([0, 1 / math.log2(11)])
    assert (found["recall@10"], found["mrr@10"]) == ([0, 1], [0, pytest.approx(0.1)])


def test_a_query_that_the_run_lacks_is_zero_and_others_do_not_count() -> None:
    run = {"stranger": ranking("a"), "q2": ranking("a")}
    for found in values(run, query("q1", "a"), query("q2", "a")).values():
        assert found == [0, 1]
    assert values({}, query("q1", "a")) == {name: [0.0] for name in MEASURES}


def test_all_measures_see_one_order_where_scores_tie() -> None:
    # ir-measures gives RR@10 to code that breaks ties by ascending id, nDCG@10 to trec_eval: descending.
    found = values({"q": ranking("z", "a")}, query("q", "a"))
    assert found["mrr@10"] == [0.5]
    assert found["ndcg@10"] == pytest.approx([1 / math.log2(3)])


def test_two_runs_of_one_query_do_not_mix() -> None:
    assert values({"q": ranking("a")}, query("q", "a"))["ndcg@10"] == [1]
    assert values({"q": ranking("b")}, query("q", "a"))["ndcg@10"] == [0]


IDS = st.lists(st.integers(0, 30).map(str), unique=True, max_size=25)
SCORES = st.sampled_from([0.25, 0.5, 0.5 + 1e-9, 0.75, -1.0, 3.0])


@given(
    run=st.dictionaries(st.sampled_from("abcde"), st.lists(st.tuples(IDS, SCORES), max_size=1)),
    gold=st.dictionaries(
        st.sampled_from("abcdef"), st.sets(st.integers(0, 35).map(str), min_size=1), min_size=1
    ),
    scores=st.lists(SCORES, min_size=25, max_size=25),
)
@settings(max_examples=60, deadline=None)
def test_as_trec_eval(
    run: dict[str, list[tuple[list[str], float]]], gold: dict[str, set[str]], scores: list[float]
) -> None:
    """Rankings with falling or tied scores, once they are 32-bit floats that fall."""
    ours: Run = {}
    for key, lists in run.items():
        for ids, _ in lists:
            ranked = sorted(zip(ids, scores, strict=False), key=lambda hit: (-hit[1], hit[0]))
            ours[key] = trec_scores(ranked)
    theirs = {"ndcg@10": "ndcg_cut_10", "recall@10": "recall_10", "mrr@10": "recip_rank"}
    judged = {key: dict.fromkeys(ids, 1) for key, ids in gold.items()}
    evaluated = pytrec_eval.RelevanceEvaluator(judged, set(theirs.values())).evaluate(
        {key: dict(hits) for key, hits in ours.items()}
    )
    found = query_values(ours, [query(key, *sorted(ids)) for key, ids in gold.items()])
    for name, measure in theirs.items():
        for value, key in zip(found[name], gold, strict=True):
            expected = evaluated.get(key, {}).get(measure, 0.0)
            if name == "mrr@10" and expected < 0.1:  # recip_rank looks below the tenth hit
                expected = 0.0
            assert value == pytest.approx(expected, abs=5e-5)
