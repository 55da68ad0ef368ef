"""What a search may find, and how each side of it finds it: vectors, words, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from retriever.hybrid import interpolate
from retriever.passage import Hit, Passage, ScorePart

if TYPE_CHECKING:
    from retriever.encoder import Vectors
    from retriever.index import IndexInfo, Where
    from retriever.lexical import LexicalIndex

Parts = dict[ScorePart, float]
Ranking = list[tuple[str, float]]  # ids with scores, best first
CANDIDATES = 100  # of each side, before hybrid scores are worked out


class Searchable(Protocol):
    """What searching asks of an index: that of `retriever.index`, or one in memory."""

    @property
    def info(self) -> IndexInfo: ...

    @property
    def lexical(self) -> LexicalIndex: ...

    def search(self, vector: Vectors, k: int, where: Where | None = None) -> list[tuple[Passage, float]]: ...

    def cosines(self, vector: Vectors, ids: Sequence[str]) -> dict[str, float]: ...

    def get(self, ids: Sequence[str]) -> list[Passage]: ...

    def ids(self, where: Where) -> frozenset[str]: ...

    def close(self) -> None: ...


@dataclass
class Found:
    """A ranking, what each score is made of, and the passages that were read on the way."""

    ranking: Ranking = field(default_factory=list)
    parts: dict[str, Parts] = field(default_factory=dict)
    passages: dict[str, Passage] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """The passages of an index that a search may find.

    Args:
        index: The index.
        where: Values that a passage's kind, source or tags must have; None takes all.
        exclude: Ids that leave before anything is ranked or put on a scale.
    """

    index: Searchable
    where: Where | None = None
    exclude: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether there is a condition that no value meets."""
        return any(not values for values in (self.where or {}).values())

    def dense(self, vector: Vectors, n: int) -> Found:
        """The ``n`` nearest to a unit vector ``(dim,)``, by cosine."""
        found = self.index.search(vector, n + len(self.exclude), self.where)
        kept = [(passage, score) for passage, score in found if passage.id not in self.exclude][:n]
        return Found(
            [(passage.id, score) for passage, score in kept],
            {passage.id: {"dense": score} for passage, score in kept},
            {passage.id: passage for passage, _ in kept},
        )

    def lexical(self, text: str, n: int) -> Found:
        """The ``n`` best by BM25; fewer where fewer share a word with the query."""
        allowed = self.index.ids(self.where) if self.where else None
        found = self.index.lexical.search(text, n + len(self.exclude), allowed)
        kept = [(key, score) for key, score in found if key not in self.exclude][:n]
        return Found(kept, {key: {"bm25": score} for key, score in kept})

    def hybrid(self, text: str, vector: Vectors, n: int, alpha: float) -> Found:
        """Both sides' best candidates; each gets its true score of the other side too before z-scores."""
        near, words = self.dense(vector, max(n, CANDIDATES)), self.lexical(text, max(n, CANDIDATES))
        dense = dict(near.ranking)
        dense |= self.index.cosines(vector, [key for key, _ in words.ranking if key not in dense])
        lexical = self.index.lexical.scores(text, dense)
        ranking = interpolate(dense, lexical, alpha)[:n]
        parts: dict[str, Parts] = {key: {"dense": dense[key], "bm25": lexical[key]} for key, _ in ranking}
        return Found(ranking, parts, near.passages)

    def hits(self, found: Found, k: int) -> list[Hit]:
        """The best ``k``."""
        first = found.ranking[:k]
        passages = self.passages(found, [key for key, _ in first])
        return [
            Hit(passage=passage, score=score, parts=found.parts[key])
            for passage, (key, score) in zip(passages, first, strict=True)
        ]

    def passages(self, found: Found, ids: Sequence[str]) -> list[Passage]:
        """The passages of these ids; read from the index only where ``found`` does not have them yet."""
        missing = [key for key in ids if key not in found.passages]
        if missing:
            found.passages |= {passage.id: passage for passage in self.index.get(missing)}
        return [found.passages[key] for key in ids]
