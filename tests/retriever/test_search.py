"""`Retriever`: one test body for every mode, on a tiny encoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Vectors
from retriever.errors import BadInputError
from retriever.index import build_index, open_index
from retriever.search import MODES, NOT_PROMOTED, Mode, Retriever
from tests.retriever.stubs import HashEncoder, passages

PARTS = {"bm25": {"bm25"}, "base": {"dense"}, "rader": {"dense"}, "hybrid": {"dense", "bm25"}}


@pytest.fixture(scope="module")
def retriever(tiny_encoder_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    home, encoder = tmp_path_factory.mktemp("home"), Encoder(tiny_encoder_path)
    build_index(home, Corpus(passages(30)), encoder)
    return Retriever(open_index(home, encoder), encoder)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_and_says_how(retriever: Retriever, mode: Mode) -> None:
    result = retriever.search("Theorem 8\nthe graph path theorem, case w8x", 4, mode)
    assert result.retriever == mode
    assert (result.hits[0].passage.id, len(result.hits)) == ("t/008", 4)
    assert all(set(hit.parts) == PARTS[mode] for hit in result.hits)
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert set(result.ms) == {"encode", "search", "rerank", "total"}
    assert result.ms["total"] >= result.ms["search"] > 0
    assert (result.ms["encode"] == 0) == (mode == "bm25")
    assert result.note == (NOT_PROMOTED if mode == "rader" else "")


@pytest.mark.parametrize("mode", MODES)
def test_only_passages_of_a_kind(retriever: Retriever, mode: Mode) -> None:
    query = "prime number theorem"
    hits = retriever.search(query, 30, mode, kinds=["code", "poem"]).hits
    assert len(hits) == 15
    assert {hit.passage.kind for hit in hits} == {"code"}
    assert retriever.search(query, 30, mode, without=["theorem"]).hits == hits
    assert len(retriever.search(query, 30, mode, kinds=["code", "theorem"], without=["poem"]).hits) == 30
    assert retriever.search(query, 5, mode, kinds=["poem"]).hits == []
    assert retriever.search(query, 5, mode, kinds=["code"], without=["code"]).hits == []


def test_passages_by_id(retriever: Retriever) -> None:
    assert [passage.id for passage in retriever.get(["t/003", "none", "t/001"])] == ["t/003", "t/001"]


@pytest.mark.parametrize("mode", MODES)
def test_the_same_twice_and_from_many_threads(retriever: Retriever, mode: Mode) -> None:
    queries = [f"case w{i}x of the probability sum" for i in range(8)]
    alone = [retriever.search(query, 5, mode).hits for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: retriever.search(query, 5, mode).hits, queries)) == alone


def test_the_contract_of_json(retriever: Retriever) -> None:
    result = retriever.search("triangle angle", 2).to_json()
    assert list(result) == ["query", "retriever", "hits", "ms"]
    assert result["retriever"] == "hybrid"
    assert list(result["hits"][0]) == ["id", "title", "score", "parts"]
    assert retriever.search("triangle", 1, "rader").to_json()["note"] == NOT_PROMOTED


def test_words_that_no_passage_has(retriever: Retriever) -> None:
    assert retriever.search("zzz", 5, "bm25").hits == []
    assert len(retriever.search("zzz", 5).hits) == 5


def test_alpha_one_is_the_order_of_the_encoder(retriever: Retriever) -> None:
    dense = Retriever(retriever.index, retriever.encoder, alpha=1.0).search("prime matrix", 10).hits
    assert [h.passage.id for h in dense] == [
        h.passage.id for h in retriever.search("prime matrix", 10, "base").hits
    ]


@pytest.mark.parametrize(
    ("query", "k", "mode"), [("", 5, None), (" \n\t", 5, None), ("x", 0, None), ("x", 5, "magic")]
)
def test_bad_input(retriever: Retriever, query: str, k: int, mode: Mode | None) -> None:
    with pytest.raises(BadInputError):
        retriever.search(query, k, mode)


def test_bad_settings(retriever: Retriever) -> None:
    with pytest.raises(BadInputError, match="alpha"):
        Retriever(retriever.index, retriever.encoder, alpha=1.5)
    with pytest.raises(BadInputError, match="magic"):
        Retriever(retriever.index, retriever.encoder, name="magic")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["\\frac{1}{", "<script>alert(1)</script>", "\x00\x07", "🙂" * 9, "数学の定理"]
)
def test_odd_queries_are_answered(retriever: Retriever, text: str) -> None:
    assert retriever.search(text, 3).query == text


def test_a_long_query_is_cut_and_says_so(retriever: Retriever) -> None:
    query = "prime number " * 4000
    result = retriever.search(query, 3)
    assert len(query) > 50_000
    assert len(result.hits) == 3
    assert "20000 of 52000 characters were read" in result.note
    assert re.search(r"the query was cut: 64 of \d+ tokens were read", result.note)


@pytest.mark.parametrize("mode", MODES)
def test_many_queries_give_what_each_gives_alone(retriever: Retriever, mode: Mode) -> None:
    queries = ["prime number", "the graph path theorem, case w8x", "square " * 80, "prime number", "zzz"]
    exclude: list[list[str]] = [["t/000"], [], ["t/001", "none"], [], []]
    together = retriever.search_many(queries, 6, mode, exclude=exclude, kinds=["theorem"])
    for query, ids, result in zip(queries, exclude, together, strict=True):
        alone = retriever.search(query, 6, mode, exclude=ids, kinds=["theorem"])
        assert (result.query, result.retriever, result.note) == (alone.query, alone.retriever, alone.note)
        assert [hit.passage for hit in result.hits] == [hit.passage for hit in alone.hits]
        for hit, other in zip(result.hits, alone.hits, strict=True):
            assert hit.parts == pytest.approx(other.parts, abs=1e-5)
            assert hit.score == pytest.approx(other.score, abs=1e-4)
    assert ("cut" in together[2].note) == (mode != "bm25")
    assert retriever.search_many([], 5, mode) == []


def test_many_queries_are_encoded_in_one_go(home: Path) -> None:
    class Counting(HashEncoder):
        calls = 0

        def encode_queries(self, queries: Sequence[str]) -> Vectors:
            self.calls += 1
            return super().encode_queries(queries)

    encoder = Counting()
    build_index(home, Corpus(passages(30)), encoder)
    index = open_index(home, encoder)
    assert len(Retriever(index, encoder).search_many([f"prime w{row}x" for row in range(9)])) == 9
    assert encoder.calls == 1


def test_many_queries_need_as_many_lists_of_excluded_ids(retriever: Retriever) -> None:
    with pytest.raises(BadInputError, match="1 lists of excluded ids for 2 queries"):
        retriever.search_many(["a", "b"], exclude=[["t/000"]])
    with pytest.raises(BadInputError, match="empty"):
        retriever.search_many(["a", " "])


def test_a_trained_encoder_has_its_label_and_needs_no_apology(retriever: Retriever) -> None:
    index, encoder = retriever.index, retriever.encoder
    trained = Retriever(index, encoder, "rader", label="models/mine", promoted=True)
    result = trained.search("prime number")
    assert (result.retriever, result.note) == ("models/mine", "")
    assert trained.search("prime number", mode="bm25").retriever == "bm25"
    assert Retriever(index, encoder, "rader").search("prime number").note == NOT_PROMOTED


def test_a_filter_that_there_is_not_is_an_error(retriever: Retriever) -> None:
    with pytest.raises(TypeError, match="kind"):
        retriever.search("prime", kind=["code"])  # type: ignore[call-arg]
