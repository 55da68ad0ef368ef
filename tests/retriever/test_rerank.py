"""How a reranker's scores join the retriever's, by hand and in a search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.indexing.exact import ExactIndex, exact_index
from retriever.passage import Passage
from retriever.rerank import Scores, below, reranked
from retriever.reranking.cross_encoder import CrossEncoderReranker
from retriever.search import MODES, Mode, Retriever
from tests.retriever.stubs import HashEncoder, passages
from tests.retriever.tiny_rerankers import make_cross_encoder

FOUND = [("a", 3.0), ("b", 2.0), ("c", 1.0)]  # z: 1.2247, 0, -1.2247
Z = 1.5**0.5


class Opinion:
    """A reranker that thinks what it is told, of the passages that it is told of."""

    name, fingerprint = "opinion", "0" * 64

    def __init__(self, scores: dict[str, float], alpha: float = 1.0, note: str = "") -> None:
        self.scores, self.alpha, self.note = scores, alpha, note
        self.asked: list[list[str]] = []

    def score(self, query: str, passages: Sequence[Passage]) -> Scores:
        self.asked.append([passage.id for passage in passages])
        return Scores([self.scores.get(passage.id) for passage in passages], self.note)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ExactIndex:
    return exact_index(Corpus(passages(30)), HashEncoder(), tmp_path_factory.mktemp("home"))


def test_alone_the_reranker_decides() -> None:
    assert reranked(FOUND, {"a": 0.1, "b": 0.3, "c": 0.2}, 1.0) == [
        ("b", pytest.approx(Z)),
        ("c", pytest.approx(0.0)),
        ("a", pytest.approx(-Z)),
    ]


def test_halves_by_hand() -> None:
    # opinions a 0, b 4, c 5: mean 3, variance (9+1+4)/3 = 14/3, z = -1.3887, 0.4629, 0.9258
    found = reranked(FOUND, {"a": 0, "b": 4, "c": 5}, 0.5)
    assert [key for key, _ in found] == ["b", "a", "c"]
    assert dict(found) == pytest.approx({"a": -0.0820, "b": 0.2315, "c": -0.1495}, abs=1e-4)


def test_ties_and_passages_without_opinion_keep_the_order_of_the_retriever() -> None:
    assert [key for key, _ in reranked(FOUND, {"a": 3, "b": 3, "c": 3}, 1.0)] == ["a", "b", "c"]
    assert [key for key, _ in reranked(FOUND, {}, 0.5)] == ["a", "b", "c"]
    # c alone is liked; a and b, of which nothing is known, stay in order, and neither counts as disliked
    found = reranked([*FOUND, ("d", 0.0)], {"c": 5, "d": 0}, 1.0)
    assert [key for key, _ in found] == ["a", "c", "b", "d"]


def test_what_lies_deeper_stays_below() -> None:
    assert below(-1.5, [("c", 0.4), ("d", 0.3), ("e", 0.1)]) == [
        ("d", pytest.approx(-1.6)),
        ("e", pytest.approx(-1.8)),
    ]
    assert below(0.0, [("c", 0.4)]) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_search_reranks_its_first_hits(index: ExactIndex, mode: Mode) -> None:
    plain = Retriever(index, HashEncoder(), mode, promoted=True).search("prime number theorem", 12)
    before = [hit.passage.id for hit in plain.hits]
    judge = Opinion({key: float(rank) for rank, key in enumerate(before)}, note="a remark")
    retriever = Retriever(index, HashEncoder(), mode, reranker=judge, rerank_depth=5, promoted=True)
    result = retriever.search("prime number theorem", 12)
    assert judge.asked == [before[:5]]
    assert [hit.passage.id for hit in result.hits] == [*reversed(before[:5]), *before[5:]]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.parts.get("rerank") for hit in result.hits] == [4, 3, 2, 1, 0, *[None] * 7]
    assert all(
        hit.parts.items() >= first.parts.items()
        for hit, first in zip(
            sorted(result.hits, key=lambda hit: hit.passage.id),
            sorted(plain.hits, key=lambda hit: hit.passage.id),
            strict=True,
        )
    )
    assert result.note == "a remark"
    assert result.ms["rerank"] > 0
    assert result.ms["total"] >= result.ms["search"] + result.ms["rerank"]


def test_more_is_read_than_shown(index: ExactIndex) -> None:
    judge = Opinion({"t/019": 9.0})
    result = Retriever(index, HashEncoder(), "base", reranker=judge).search("prime number theorem", 1)
    assert len(judge.asked[0]) == 30
    assert len(result.hits) == 1


def test_a_call_may_do_without(index: ExactIndex) -> None:
    judge = Opinion({})
    retriever = Retriever(index, HashEncoder(), reranker=judge)
    result = retriever.search("prime number", 3, rerank=False)
    assert (judge.asked, result.ms["rerank"]) == ([], 0)
    assert not any("rerank" in hit.parts for hit in result.hits)
    with pytest.raises(BadInputError, match="no reranker"):
        Retriever(index, HashEncoder()).search("prime number", 3, rerank=True)
    with pytest.raises(BadInputError, match="depth"):
        Retriever(index, HashEncoder(), reranker=judge, rerank_depth=0)


def test_nothing_found_is_nothing_reranked(index: ExactIndex) -> None:
    judge = Opinion({})
    retriever = Retriever(index, HashEncoder(), "bm25", reranker=judge)
    assert retriever.search("zzz").hits == []
    assert retriever.search("prime", kinds=["poem"]).hits == []
    assert judge.asked == []


def test_a_real_cross_encoder_in_a_search(index: ExactIndex, tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(make_cross_encoder(tmp_path / "bert"))
    result = Retriever(index, HashEncoder(), reranker=reranker, rerank_depth=8).search("graph path", 8)
    scores = reranker.score("graph path", [hit.passage for hit in result.hits])
    assert scores == pytest.approx(sorted(scores, reverse=True), abs=1e-6)
    assert [hit.parts["rerank"] for hit in result.hits] == pytest.approx(scores, abs=1e-6)
