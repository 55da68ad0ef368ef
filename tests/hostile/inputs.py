"""Hostile text: what somebody may put into a problem, a passage, a model's reply, a log or a file's name.

A line of ``inputs.jsonl`` is ``{"id", "field", "text"}``, or ``"parts"``, a list of texts with how often each
is repeated, for texts that are long. Its id begins with what kind of trick it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Input(NamedTuple):
    """One input: its id, the field that it was made for, and its text."""

    id: str
    field: str
    text: str

    @property
    def kind(self) -> str:
        """What kind of trick it is."""
        return self.id.partition("-")[0]


def read() -> list[Input]:
    """All of them."""
    file = Path(__file__).with_name("inputs.jsonl")
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [Input(row["id"], row["field"], _text(row)) for row in rows]


def _text(row: dict[str, object]) -> str:
    if "text" in row:
        return str(row["text"])
    parts: list[tuple[str, int]] = row["parts"]  # type: ignore[assignment]
    return "".join(text * times for text, times in parts)


ALL = read()
TEXTS = [each for each in ALL if each.field != "file"]
"""All but the names of files."""
