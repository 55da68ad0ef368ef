"""Filters on what passages are marked with, and their form in Chroma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retriever.errors import BadInputError

# ``kind``, ``source`` or ``tags`` → the values it may have; a passage passes with one tag of those given.
Where = Mapping[str, Sequence[str]]
# A tag is a key of its own: rows of a new collection inherit lists of a dropped one (chroma issue 7594).
TAG = "tag:"
FIELDS = ("kind", "source", "tags")


def checked(where: Where | None) -> Where | None:
    """The filter; None where it lets everything through.

    Raises:
        BadInputError: It names a field that there is not.
    """
    for field in where or ():
        if field not in FIELDS:
            raise BadInputError(f"no passage has a {field!r} to filter by", f"Use {', '.join(FIELDS)}")
    return where or None


def lets_nothing_through(where: Where) -> bool:
    """Whether a field may have no value at all."""
    return not all(where.values())


def filter_of(where: Where | None) -> dict[str, Any] | None:
    """A filter in Chroma's words; it wants several conditions joined by a word of its own."""
    conditions: list[dict[str, Any]] = []
    for key, values in (where or {}).items():
        if key == "tags":
            conditions.append(_joined("$or", [{TAG + value: True} for value in values]))
        else:
            conditions.append({key: {"$in": list(values)}})
    return _joined("$and", conditions) if conditions else None


def _joined(word: str, conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {word: conditions}
