"""Rerankers: what reads a query and a passage together, and how its scores join the retriever's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from retriever.candidates import Found, Ranking, Scope
from retriever.hybrid import z_scores
from retriever.passage import Passage


class Scores(list["float | None"]):
    """A reranker's score of each passage, higher is better; None where it could not form an opinion.

    Args:
        scores: One finite number, or None, a passage.
        note: What the user should know about them, such as how many pairs were cut; may be empty.
    """

    def __init__(self, scores: Iterable[float | None] = (), note: str = "") -> None:
        super().__init__(scores)
        self.note = note


class Reranker(Protocol):
    """Scores passages for one query at a time; may be used from several threads."""

    @property
    def name(self) -> str:
        """What it is called in messages and reports."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 over all that decides a score, 64 hex digits."""
        ...

    @property
    def alpha(self) -> float:
        """Weight of its scores, 0 to 1; the retriever's have the rest."""
        ...

    def score(self, query: str, passages: Sequence[Passage]) -> Scores:
        """How well each passage answers the query, in the order of the passages.

        Raises:
            BadInputError: A score is not a number; names the passage.
        """
        ...


def reorder(reranker: Reranker, text: str, found: Found, scope: Scope, depth: int) -> str:
    """Order the first ``depth`` of what was found anew; the reranker's note about it."""
    head = found.ranking[:depth]
    if not head:
        return ""
    ids = [key for key, _ in head]
    scores = reranker.score(text, scope.passages(found, ids))
    opinions = {key: score for key, score in zip(ids, scores, strict=True) if score is not None}
    for key, score in opinions.items():
        found.parts[key]["rerank"] = score
    first = reranked(head, opinions, reranker.alpha)
    found.ranking = first + below(first[-1][1], found.ranking[depth - 1 :])
    return scores.note


def reranked(found: Ranking, opinions: Mapping[str, float], alpha: float) -> Ranking:
    """Order what a retriever found by α·z(reranker) + (1−α)·z(retriever), z over the ids given.

    Args:
        found: What the retriever found.
        opinions: The reranker's scores by id. For an id without one the retriever's score stands for both, so
            that ids without opinion keep the retriever's order among themselves.
        alpha: Weight of the reranker, 0 to 1 (RaDeR: 0.5 for an LLM's integer scores).

    Returns:
        The same ids with the new scores, ties in the retriever's order.
    """
    before, after = z_scores(dict(found)), z_scores(opinions)
    scores = {key: alpha * after.get(key, z) + (1 - alpha) * z for key, z in before.items()}
    # Rounded, so that scores which differ by rounding alone are ties.
    return sorted(((key, round(score, 12)) for key, score in scores.items()), key=lambda hit: -hit[1])


def below(lowest: float, found: Ranking) -> Ranking:
    """All but the first of ``found``, moved as far as brings the first to ``lowest``.

    Puts what was not reranked below what was: scores fall from first to last, whatever the two scales are.
    """
    return [(key, round(lowest + score - found[0][1], 12)) for key, score in found[1:]]
