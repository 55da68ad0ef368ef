"""The files of an import of proofs: two kinds of lines to read; what is written is whole or not there."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows, unreadable

MOST_PREMISES = 1000  # of one page: each name needs a mark of its own
Line = TypeVar("Line", bound="_Line")


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1)


class ProofLine(_Line):
    """The proofs of one statement, as one text."""

    proof: str = Field(min_length=1)


class LinkLine(_Line):
    """Ids of the statements that a statement's proofs use."""

    premises: tuple[str, ...] = Field(max_length=MOST_PREMISES)


def read_lines(path: Path, model: type[Line], skipped: list[str] | None) -> Iterator[Line]:
    """The lines of a file, an id once; bad ones go to ``skipped``.

    Raises:
        BadInputError: The file cannot be read, or a line is bad and ``skipped`` is None.
    """
    seen: set[str] = set()
    for place, row in rows(path):
        line = row if isinstance(row, str) else _parse(row, model)
        if not isinstance(line, str) and line.id in seen:
            line = f"the id {line.id!r} is already taken"
        if not isinstance(line, str):
            seen.add(line.id)
            yield line
        elif skipped is None:
            raise BadInputError(f"{place}: {line}", REMEDY)
        else:
            skipped.append(f"{place}: {line}")


def hash_of(version: int, *paths: Path) -> str:
    """sha256 over a version and the bytes of some files.

    Raises:
        BadInputError: A file cannot be read.
    """
    digest = hashlib.sha256(str(version).encode())
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise unreadable(path, error) from error
    return digest.hexdigest()


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a file line by line under another name, and give it its own once it is whole.

    Raises:
        OSError: It cannot be written; nothing of it stays.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _parse(row: Row, model: type[Line]) -> Line | str:
    try:
        return model.model_validate(row)
    except ValidationError as error:
        return reasons(error)
