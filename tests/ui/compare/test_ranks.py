"""Columns side by side: ranks, gold, what only one found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from retriever.passage import Hit, Passage
from retriever.result import SearchResult
from retriever.search import Mode
from ui.compare.ranks import Column, Comparison, gold_rank, reciprocal
from ui.compare.steps import Query


def column(mode: Mode, *found: Sequence[str]) -> Column:
    """A column that found these ids, a sequence for each query."""
    return Column(mode, tuple(result(mode, ids) for ids in found))


def result(mode: Mode, ids: Sequence[str]) -> SearchResult:
    hits = [Hit(passage=Passage(id=key, title=key.upper(), text="t"), score=1.0) for key in ids]
    return SearchResult(query="q", retriever=mode, hits=hits, ms={"total": 1.0})


def compared(*columns: Column, gold: str = "", shown: int = 2) -> Comparison:
    most = max(len(one.results or ()) for one in columns)
    asked = tuple(Query(f"Step {n + 1}", "s", "s") for n in range(most))
    return Comparison(asked, columns, frozenset(gold.split()), shown)


def test_the_first_gold_passage_counts() -> None:
    hits = result("bm25", "abcd").hits
    assert gold_rank(hits, {"c", "d"}) == 3
    assert gold_rank(hits, {"x"}) is None
    one, other = column("bm25", "abc", "xyz"), Column("base")
    comparison = compared(one, other, gold="c")
    assert comparison.ranks(one) == [3, None]
    assert comparison.ranks(other) == [None, None]


def test_the_mean_reciprocal_rank_counts_what_was_not_found_as_zero() -> None:
    assert reciprocal([1, 2, None, 4]) == pytest.approx((1 + 0.5 + 0 + 0.25) / 4)
    assert reciprocal([]) == 0


def test_a_column_shows_its_first_hits_and_the_gold_one_below() -> None:
    one = column("bm25", "abcd")
    rows = compared(one, gold="d").rows(one, 0)
    assert [(row.rank, row.hit.passage.id, row.gold) for row in rows] == [
        (1, "a", False), (2, "b", False), (4, "d", True),
    ]  # fmt: skip
    assert [row.rank for row in compared(one, gold="b").rows(one, 0)] == [1, 2]
    few = column("bm25", "a")
    assert [row.rank for row in compared(few).rows(few, 0)] == [1]


def test_what_only_one_column_shows_is_marked() -> None:
    one, two, three = column("bm25", "abx"), column("base", "bcx"), column("rader", "bdx")
    comparison = compared(one, two, three, gold="x")
    alone = {
        each.mode: [row.hit.passage.id for row in comparison.rows(each, 0) if row.alone]
        for each in comparison.columns
    }
    assert alone == {"bm25": ["a"], "base": ["c"], "rader": ["d"]}  # x lies below in all


def test_nothing_is_marked_while_a_column_searches_or_without_another() -> None:
    one = column("bm25", "ab")
    assert not any(row.alone for row in compared(one, Column("base")).rows(one, 0))
    assert not any(row.alone for row in compared(one).rows(one, 0))
    assert not any(row.alone for row in compared(one, Column("base", error="no")).rows(one, 0))


def test_a_comparison_is_complete_when_no_column_searches() -> None:
    assert not compared(column("bm25", "a"), Column("base")).complete
    assert compared(column("bm25", "a"), Column("base", error="no")).complete


def test_all_passages_in_sight_are_known_once() -> None:
    comparison = compared(column("bm25", "abx", "ca"), column("base", "ba", "da"), Column("rader"))
    assert [one.id for one in comparison.passages] == ["a", "b", "c", "d"]
