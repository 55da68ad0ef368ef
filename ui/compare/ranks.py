"""What several retrievers found for the same queries, side by side, pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retriever.passage import Hit, Passage
from retriever.result import SearchResult
from retriever.search import Mode
from ui.compare.steps import Query

DEPTH = 100  # hits a query; a gold passage beyond them counts as not found


@dataclass(frozen=True)
class Column:
    """One retriever's results, a query each; None while it searches, and where it failed with ``error``."""

    mode: Mode
    results: tuple[SearchResult, ...] | None = None
    error: str = ""


class Row(NamedTuple):
    """A passage in a column: its rank from 1, whether it is gold, whether no other column shows it."""

    rank: int
    hit: Hit
    gold: bool
    alone: bool


@dataclass(frozen=True)
class Comparison:
    """The columns so far, and what is known to be right.

    Args:
        queries: What was asked, in order.
        columns: A retriever each.
        gold: Ids of the passages that help; empty where nobody said.
        shown: How many hits of a query a column shows, at least 1.
    """

    queries: tuple[Query, ...]
    columns: tuple[Column, ...]
    gold: frozenset[str] = frozenset()
    shown: int = 5

    @property
    def complete(self) -> bool:
        """Whether no column is searching any more."""
        return all(column.results is not None or column.error for column in self.columns)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All that is shown of them, in the order of queries and ranks."""
        found = [
            hit.passage
            for n in range(len(self.queries))
            for column in self.columns
            for hit in (column.results[n].hits[: self.shown] if column.results else ())
        ]
        return tuple({one.id: one for one in found}.values())

    def ranks(self, column: Column) -> list[int | None]:
        """The best rank of a gold passage for each query; None beyond `DEPTH` and where nothing was found."""
        if column.results is None:
            return [None] * len(self.queries)
        return [gold_rank(result.hits, self.gold) for result in column.results]

    def rows(self, column: Column, query: int) -> list[Row]:
        """What a column shows for a query: its first hits, and below them the first gold passage."""
        if column.results is None:
            return []
        hits = column.results[query].hits
        others = self._shown_by_others(column, query)
        best = gold_rank(hits, self.gold)
        ranks = [*range(1, min(self.shown, len(hits)) + 1), *([best] if best and best > self.shown else [])]
        return [self._row(rank, hits[rank - 1], others) for rank in ranks]

    def _row(self, rank: int, hit: Hit, others: Collection[str] | None) -> Row:
        key = hit.passage.id
        alone = others is not None and rank <= self.shown and key not in others
        return Row(rank, hit, key in self.gold, alone)

    def _shown_by_others(self, column: Column, query: int) -> set[str] | None:
        """What the other columns show; None where that is not yet known, or there is none."""
        others = [other.results for other in self.columns if other is not column and other.results]
        if not self.complete or not others:
            return None
        return {hit.passage.id for results in others for hit in results[query].hits[: self.shown]}


def gold_rank(hits: Sequence[Hit], gold: Collection[str]) -> int | None:
    """The rank from 1 of the first gold passage."""
    return next((rank for rank, hit in enumerate(hits, 1) if hit.passage.id in gold), None)


def reciprocal(ranks: Sequence[int | None]) -> float:
    """Mean reciprocal rank, 0 to 1; what was not found counts zero."""
    return sum(1 / rank for rank in ranks if rank) / len(ranks) if ranks else 0.0
