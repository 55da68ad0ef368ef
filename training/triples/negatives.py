"""Hard negatives: what reflection rejected for the same query, and what retrievers find that does not help.

Nothing becomes a negative that may well help (the false-negative guard): what helped with the same problem
elsewhere, a copy or near-duplicate of what helped, the problem's own statement, what is held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Protocol

from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from training.leakage.normal import words
from training.proofs.splits import text_key

if TYPE_CHECKING:
    from retriever.encoder import Vectors
    from retriever.search import SearchResult

DEPTH = 50  # hits that a retriever is asked for: enough that some are left of what the guard lets through
MOST_COSINE = 0.95  # of a negative and a positive
MOST_SHARED = 0.8  # of their runs of three words (Jaccard)
_RUN = 3
Cosine = Callable[[str, str], float]


# Gives the ids that a retriever finds for each query, best first, at most so many.
Miner = Callable[[Sequence[str], int], list[list[str]]]


class Searcher(Protocol):
    """What finds passages; ``retriever.Retriever`` is one."""

    def search_many(self, queries: Sequence[str], k: int = 10) -> list[SearchResult]:
        """The ``k`` best passages for each query, best first."""


def by_words(index: LexicalIndex) -> Miner:
    """BM25 as a miner."""
    return lambda queries, k: [[one for one, _ in index.search(query, k)] for query in queries]


def by_search(searcher: Searcher) -> Miner:
    """A retriever as a miner."""
    return lambda queries, k: [
        [hit.passage.id for hit in result.hits] for result in searcher.search_many(queries, k)
    ]


def mine(miners: Iterable[Miner], queries: Sequence[str], depth: int = DEPTH) -> list[list[str]]:
    """Ids that the miners find for each query, in turns, best first, each once.

    Memory is that of ``len(queries)`` times ``depth`` hits: give it a batch at a time.
    """
    if not queries:
        return []
    found = [miner(queries, depth) for miner in miners]
    return [_in_turns([each[number] for each in found]) for number in range(len(queries))]


def _in_turns(rankings: Sequence[Sequence[str]]) -> list[str]:
    turns = chain.from_iterable(zip_longest(*rankings))
    return list(dict.fromkeys(one for one in turns if one is not None))


class Guard:
    """Says which candidates may be negatives.

    Args:
        passages: The corpus, by id.
        groups: The name of each passage's group (`training.proofs.splits.groups_of`): copies under other ids.
        excluded: Ids that nothing may be trained on.
        cosine: Of two passages by their ids; None where there is no encoder.
        most_cosine: A candidate that is nearer to a positive is no negative.

    Attributes:
        excluded: As given.
        dropped: Candidates dropped so far, by reason.
    """

    def __init__(
        self,
        passages: Mapping[str, Passage],
        groups: Mapping[str, str],
        excluded: AbstractSet[str] = frozenset(),
        *,
        cosine: Cosine | None = None,
        most_cosine: float = MOST_COSINE,
    ) -> None:
        self._passages = passages
        self._groups = groups
        self.excluded = excluded
        self._cosine = cosine
        self._most = most_cosine
        self.dropped: Counter[str] = Counter()
        self._key = lru_cache(maxsize=100_000)(lambda one: text_key(passages[one].text))
        self._runs = lru_cache(maxsize=10_000)(lambda one: runs(passages[one].content))

    def allowed(
        self,
        candidates: Iterable[str],
        positive: str,
        positives: AbstractSet[str],
        problem: str,
        own: str = "",
    ) -> Iterator[str]:
        """The candidates that may be negatives, in order, each once.

        Args:
            candidates: Ids; rejected ones and mined ones.
            positive: What the query is for.
            positives: All that helped with the problem.
            problem: Its text.
            own: Its id, which may be a passage's (proofs).
        """
        helped = {self._groups.get(one) for one in (positive, *positives)} - {None}
        for one in dict.fromkeys(candidates):
            reason = self._refused(one, positive, positives)
            if not reason and self.states(one, problem, own):
                reason = "negative: the problem's own statement"
            if not reason and self._groups.get(one) in helped:
                reason = "negative: a copy of a positive"
            if reason := reason or self._close(one, positive):
                self.dropped[reason] += 1
            else:
                yield one

    def states(self, one: str, problem: str, own: str) -> bool:
        """Whether a passage is the problem itself, by its id or its text."""
        return one == own or self._key(one) == text_key(problem)

    def _refused(self, one: str, positive: str, positives: AbstractSet[str]) -> str:
        """Why an id cannot be a negative, whatever its text."""
        if one == positive:
            return "negative: the positive itself"
        if one not in self._passages:
            return "negative: not in the corpus"
        if one in positives:
            return "negative: positive elsewhere for the same problem"
        return "negative: held out" if one in self.excluded else ""

    def _close(self, one: str, positive: str) -> str:
        mine, theirs = self._runs(one), self._runs(positive)
        if len(mine & theirs) >= MOST_SHARED * len(mine | theirs):
            return "negative: nearly the positive's text"
        if self._cosine is not None and self._cosine(one, positive) >= self._most:
            return "negative: too near to the positive"
        return ""


def runs(text: str) -> frozenset[tuple[str, ...]]:
    """Runs of three words; of a shorter text the whole."""
    found = words(text)
    return frozenset(zip(*(found[start:] for start in range(_RUN)), strict=False)) or frozenset(
        {tuple(found)}
    )


def cosine_of(ids: Sequence[str], vectors: Vectors) -> Cosine:
    """Cosines of passages by id, from their unit vectors ``(passages, dim)`` in the order of ``ids``."""
    row = {one: number for number, one in enumerate(ids)}

    def cosine(one: str, other: str) -> float:
        return float(vectors[row[one]] @ vectors[row[other]])

    return cosine
