"""`evaluate_retrieval`: the product's retrievers and others' runs, scored on the same queries."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.indexing.exact import exact_index
from retriever.passage import Passage
from retriever.queries import Query
from retriever.rerank import Scores
from retriever.search import Retriever
from tests.retriever.stubs import HashEncoder, passages
from training.evaluation.reports import RetrievalConfig, RetrievalReport
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.runs import read_run, write_runs

CORPUS = Corpus(passages(30))
FAST = RetrievalConfig(k=20, resamples=200)


def query(key: str, text: str, *gold: str, **more: Any) -> Query:
    return Query(id=key, query=text, gold_ids=gold, **more)


QUERIES = [
    query("q 1", "graph path w8x", "t/008"),
    query("q2", "the prime number theorem", "t/006", "t/012", cot="case w6x, case w12x"),
    query("q3", "zzz", "t/000"),
]


@pytest.fixture
def retrievers(home: Path) -> dict[str, Retriever]:
    encoder = HashEncoder()
    index = exact_index(CORPUS, encoder, home)
    return {
        "bm25": Retriever(index, encoder, "bm25"),
        "base": Retriever(index, encoder, "base"),
        "hybrid": Retriever(index, encoder, "hybrid"),
    }


def bm25(retrievers: dict[str, Retriever], queries: Sequence[Query], **more: Any) -> RetrievalReport:
    return evaluate_retrieval(CORPUS, queries, {"bm25": retrievers["bm25"]}, config=FAST, **more)


def test_the_contract_of_json(retrievers: dict[str, Retriever]) -> None:
    report = evaluate_retrieval(CORPUS, QUERIES, retrievers, benchmark="mine", config=FAST)
    found = json.loads(report.model_dump_json())
    assert (found["benchmark"], found["n"]) == ("mine", 3)
    assert list(found["results"]) == ["bm25", "base", "hybrid"]
    for result in found["results"].values():
        assert list(result)[:4] == ["ndcg@10", "recall@10", "mrr@10", "seconds"]
        low, high = result["ci95"]
        assert 0 <= low <= result["ndcg@10"] <= high <= 100
        assert result["seconds"] > 0
    assert list(found["paired"]) == ["bm25 vs base", "bm25 vs hybrid", "base vs hybrid"]
    for name, pair in found["paired"].items():
        first, second = (found["results"][each]["ndcg@10"] for each in name.split(" vs "))
        assert pair["delta"] == pytest.approx(first - second, abs=1e-3)
        assert pair["ci95"][0] <= pair["delta"] <= pair["ci95"][1]
        assert 0 < pair["p"] <= 1
    settings = found["settings"]
    assert (settings["k"], settings["seed"], settings["field"]) == (20, 0, "query")
    assert settings["corpus_sha256"] == CORPUS.sha256
    assert settings["retrievers"]["hybrid"]["fingerprint"] == HashEncoder().fingerprint
    assert "fingerprint" not in settings["retrievers"]["bm25"]
    assert "runs" not in found


def test_scores_by_hand(retrievers: dict[str, Retriever]) -> None:
    result = bm25(retrievers, QUERIES).results["bm25"]
    # The first finds its own at once, the second after t/000, which ties with it, the third nothing at all.
    second = (1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert result.ndcg == pytest.approx(100 * (1 + second + 0) / 3, abs=1e-4)
    assert result.recall == pytest.approx(200 / 3, abs=1e-4)
    assert result.mrr == pytest.approx(50)
    assert result.unanswered == 1


def test_the_same_again(retrievers: dict[str, Retriever]) -> None:
    first, second = (
        evaluate_retrieval(CORPUS, QUERIES, retrievers, config=FAST).model_dump() for _ in range(2)
    )
    for report in (first, second):
        for result in report["results"].values():
            result["seconds"] = 0
    assert first == second


def test_excluded_ids_leave_before_ranking(retrievers: dict[str, Retriever]) -> None:
    one = query("q", "the prime number theorem", "t/006", excluded_ids=("t/000", "t/024", "none"))
    for name, retriever in retrievers.items():
        report = evaluate_retrieval(CORPUS, [one], {name: retriever}, config=FAST)
        ids = [key for key, _ in report.runs[name]["q"]]
        assert len(ids) == 20
        assert not set(ids) & set(one.excluded_ids)
    assert report.results[name].unanswered == 0
    theirs = {"q": [("t/000", 3.0), ("t/006", 2.0)]}
    report = evaluate_retrieval(CORPUS, [one], {}, runs={"theirs": theirs}, config=FAST)
    assert report.results["theirs"].mrr == 100


def test_reasoning_as_query_leaves_out_queries_without_it(retrievers: dict[str, Retriever]) -> None:
    config = RetrievalConfig(field="cot", k=10, resamples=100)
    report = evaluate_retrieval(CORPUS, QUERIES, {"bm25": retrievers["bm25"]}, config=config)
    assert (report.n, report.results["bm25"].ndcg) == (1, 100)
    assert report.warnings == ["2 of 3 queries have no 'cot' and were left out"]
    assert report.settings["field"] == "cot"


def test_gold_passages_that_the_corpus_lacks(retrievers: dict[str, Retriever]) -> None:
    report = bm25(retrievers, [query("q", "graph path w8x", "t/008", "gone", "lost")])
    assert report.results["bm25"].recall == pytest.approx(100 / 3, abs=1e-4)
    assert report.warnings == ["2 gold passages of 1 queries are not in the corpus and count as not found"]


def test_runs_go_out_and_come_in(retrievers: dict[str, Retriever], tmp_path: Path) -> None:
    report = evaluate_retrieval(CORPUS, QUERIES, retrievers, config=FAST)
    files = write_runs(tmp_path / "runs", report.runs)
    ids = [each.id for each in QUERIES], [passage.id for passage in CORPUS]
    runs = {f"old {file.stem}": read_run(file, *ids) for file in files}
    again = evaluate_retrieval(CORPUS, QUERIES, retrievers, runs=runs, config=FAST)
    for name, result in report.results.items():
        ignored = {"seconds", "cut"}
        assert again.results[f"old {name}"].model_dump(exclude=ignored) == result.model_dump(exclude=ignored)
        assert again.results[f"old {name}"].seconds is None
        assert again.paired[f"{name} vs old {name}"].model_dump() == {"delta": 0, "ci95": (0, 0), "p": 1}
    assert len(again.paired) == 15


def test_what_a_run_holds_beyond_the_benchmark() -> None:
    run = {"q2": [("alien", 2.0), ("t/006", 1.0)], "q9": [("t/000", 1.0)]}
    report = evaluate_retrieval(CORPUS, QUERIES, {}, runs={"theirs": run}, config=FAST)
    assert report.results["theirs"].mrr == pytest.approx(100 / 6, abs=1e-4)
    assert report.warnings == [
        "theirs: 1 queries of the run are not among these and were ignored",
        "theirs: 1 hits of the run are not in the corpus and count as not relevant",
        "theirs: 2 of 3 queries brought no hit and score zero",
    ]
    with pytest.raises(BadInputError, match="none of the queries"):
        evaluate_retrieval(CORPUS, QUERIES, {}, runs={"theirs": {"q9": run["q9"]}}, config=FAST)


class Backwards:
    """A reranker that prefers the last id."""

    name, fingerprint, alpha = "backwards", "0" * 64, 1.0

    def score(self, query: str, passages: Sequence[Passage]) -> Scores:
        return Scores(float(passage.id[2:]) for passage in passages)


def test_a_reranker_is_evaluated_and_named(retrievers: dict[str, Retriever]) -> None:
    plain = retrievers["bm25"]
    both = {
        "plain": plain,
        "reranked": Retriever(plain.index, plain.encoder, "bm25", reranker=Backwards(), rerank_depth=5),
    }
    report = evaluate_retrieval(CORPUS, QUERIES, both, config=FAST)
    before, after = ([key for key, _ in report.runs[name]["q2"]][:5] for name in ("plain", "reranked"))
    assert after == sorted(before, reverse=True) != before
    assert report.settings["retrievers"]["reranked"]["reranker"] == {
        "name": "backwards",
        "fingerprint": "0" * 64,
        "alpha": 1.0,
        "depth": 5,
    }


def test_progress_is_told(retrievers: dict[str, Retriever]) -> None:
    told: list[tuple[str, int, int]] = []
    many = [query(f"q{i}", f"case w{i % 30}x", "t/000") for i in range(300)]
    report = evaluate_retrieval(
        CORPUS, many, {"bm25": retrievers["bm25"]}, config=FAST, progress=lambda *told_: told.append(told_)
    )
    assert told == [("bm25", 256, 300), ("bm25", 300, 300)]
    assert report.n == 300


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        ([], "no query has a 'query'"),
        ([QUERIES[0], QUERIES[0]], "'q 1' is there 2 times"),
        ([query("q", "?")], "'q' has no gold ids"),
        ([query("q", "prime", "gone")], "none of the gold passages"),
    ],
)
def test_bad_benchmarks(retrievers: dict[str, Retriever], queries: list[Query], reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        bm25(retrievers, queries)


def test_bad_names(retrievers: dict[str, Retriever]) -> None:
    with pytest.raises(BadInputError, match="a retriever and a run"):
        bm25(retrievers, QUERIES, runs={"bm25": {"q2": [("t/000", 1.0)]}})
    with pytest.raises(BadInputError, match="nothing to evaluate"):
        evaluate_retrieval(CORPUS, QUERIES, {})
