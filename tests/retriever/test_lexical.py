"""BM25 and its tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from retriever.lexical import LexicalIndex, query_tokens, tokenize
from retriever.passage import Passage
from tests.retriever.stubs import passages


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (r"\dfrac{1}{2} \left( \sum_{k} \right)", [r"\frac", "1", "2", r"\sum", "k"]),
        ("x² + y^{2} = e^{-x}", ["x^2", "x", "+", "y^2", "y", "=", "e^-x", "e"]),
        ("Σ aᵢ ≤ ∫ 3.14", [r"\sum", "ai", r"\leq", r"\int", "3.14"]),
        ("The Primes, identities; Cauchy's class", ["prime", "identity", "cauchy", "class"]),
        ("dijkstra_path isPrime Newton–Raphson", ["dijkstra", "path", "prime", "newton", "raphson"]),
        ("", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_a_query_leaves_out_numbers_and_letters_unless_it_has_nothing_else() -> None:
    assert query_tokens("solve x^2 + 3 n = 10 for primes") == ["solve", "x^2", "prime"]
    assert query_tokens("n = 10") == ["n", "=", "10"]


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex.build(passages(12))


def test_the_best_come_first_and_only_what_shares_a_word(index: LexicalIndex) -> None:
    found = index.search("graph path w8x", 10)
    assert [passage_id for passage_id, _ in found] == ["t/008", "t/002"]
    assert found[0][1] > found[1][1] > 0
    assert index.search("unheard of", 10) == index.search("", 10) == []


def test_ties_come_by_id_and_only_allowed_ids(index: LexicalIndex) -> None:
    assert [key for key, _ in index.search("theorem", 3)] == ["t/000", "t/001", "t/002"]
    assert [key for key, _ in index.search("theorem", 3, {"t/007", "t/011"})] == ["t/007", "t/011"]


def test_the_order_of_passages_does_not_matter(index: LexicalIndex) -> None:
    other = LexicalIndex.build(reversed(passages(12)))
    assert other.search("triangle w7x", 5) == index.search("triangle w7x", 5)


def test_scores_of_named_passages(index: LexicalIndex) -> None:
    scores = index.scores("triangle", ["t/001", "t/002"])
    assert scores["t/002"] == 0
    assert scores["t/001"] == dict(index.search("triangle", 5))["t/001"]


def test_saved_and_loaded(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "lexical")
    loaded = LexicalIndex.load(tmp_path / "lexical")
    assert loaded.ids == index.ids
    assert loaded.search("integral limit w9x", 5) == index.search("integral limit w9x", 5)
    assert not list(tmp_path.rglob("*.pkl"))


def test_passages_without_a_single_token() -> None:
    index = LexicalIndex.build([Passage(id="a", text="…"), Passage(id="b", text="the")])
    assert index.search("anything", 5) == []
    assert index.scores("anything", ["a"]) == {"a": 0}
