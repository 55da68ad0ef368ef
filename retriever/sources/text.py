"""Files that are read whole: text and JSON, with a bound and one clear line for what cannot be read."""

from __future__ import annotations

from pathlib import Path

from retriever.errors import BadInputError
from retriever.jsonl import shown, unreadable

MOST_TEXT_BYTES = 64 * 2**20  # a book of 10,000 pages
MOST_JSON_BYTES = 2 * 2**30  # the NaturalProofs files have about a tenth of it


def read_text(path: Path, most: int = MOST_TEXT_BYTES) -> str:
    """The text of a UTF-8 file, with ``\\n`` for every line end and no byte order mark.

    Raises:
        BadInputError: It cannot be read, is larger than ``most`` bytes, is binary, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if len(data) > most:
        raise BadInputError(f"{shown(path)} is larger than {most // 2**20:,} MiB", "Split it")
    if b"\0" in data:
        raise BadInputError(f"{shown(path)} is not text but binary", "Name a text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInputError(f"{shown(path)}, line {line}: not UTF-8", "Save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
