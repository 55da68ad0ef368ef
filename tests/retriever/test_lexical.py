"""BM25 and its tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.lexical import LexicalIndex, best_rows, query_tokens, tokenize
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


def test_a_query_says_each_word_once_and_its_numbers_and_letters_faintly() -> None:
    telling, faint = query_tokens("solve x^2 + 3 n = 10 for primes, and n again: solve")
    assert telling == ["solve", "x^2", "prime", "again"]
    assert faint == ["x", "+", "3", "n", "=", "10"]
    assert query_tokens("n = 10") == ([], ["n", "=", "10"])


@given(st.lists(st.sampled_from([0.0, 0.5, 0.5000001, 2.0, -1.0]), max_size=30), st.integers(0, 35))
def test_the_best_rows_are_the_head_of_a_stable_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda row: -np.float32(scores[row]))[:k]
    assert best_rows(np.array(scores, dtype=np.float32), k).tolist() == expected


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


def test_faint_tokens_count_a_third_and_words_said_twice_once() -> None:
    index = LexicalIndex.build([Passage(id="a", text="prime 7"), Passage(id="b", text="group 8")])
    word, number = dict(index.search("prime", 1))["a"], dict(index.search("7", 1))["a"]
    assert number == pytest.approx(word / 3)
    assert dict(index.search("prime 7", 1))["a"] == pytest.approx(word + number)
    assert index.search("prime prime", 1) == index.search("prime", 1)


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
