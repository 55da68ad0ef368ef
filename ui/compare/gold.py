"""From what a person calls a passage to the passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retriever.passage import Passage
from retriever.search import Retriever

OFFERS = 3  # passages that may have been meant
_SAME_TITLE = 20  # hits by words among which a title is looked for
_CHARS = 500  # of a name


@dataclass(frozen=True)
class Gold:
    """The passages that were named; the unknown names, a line on each, and what may have been meant."""

    passages: tuple[Passage, ...] = ()
    unknown: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    offers: tuple[Passage, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What was named, by id where it is known."""
        return (*(one.id for one in self.passages), *self.unknown)


def find_gold(retriever: Retriever, names: Sequence[str]) -> Gold:
    """The passages called ``names``: an id, else a title, whatever its capitals.

    Raises:
        RaderError: The index cannot be read.
    """
    found: dict[str, Passage] = {}
    offers: dict[str, Passage] = {}
    unknown: dict[str, str] = {}
    for name in dict.fromkeys(name.strip()[:_CHARS] for name in names if name.strip()):
        known = retriever.get([name])
        near = [] if known else _near(retriever, name)
        known = known or [one for one in near if one.title.casefold() == name.casefold()]
        found |= {one.id: one for one in known}
        if not known:
            offers |= {one.id: one for one in near[:OFFERS]}
            unknown[name] = _unknown(name, near[:OFFERS])
    return Gold(tuple(found.values()), tuple(unknown), tuple(unknown.values()), tuple(offers.values()))


def _near(retriever: Retriever, name: str) -> list[Passage]:
    result = retriever.search(name, _SAME_TITLE, "bm25", rerank=False)
    return [hit.passage for hit in result.hits]


def _unknown(name: str, near: Sequence[Passage]) -> str:
    """One line about a name, with what may have been meant."""
    offers = ", ".join(f"{one.title or one.id} ({one.id})" for one in near)
    remedy = f"Did you mean: {offers}?" if offers else "Name a passage by its id or its title."
    return f"No passage is called “{name}”. {remedy}"
