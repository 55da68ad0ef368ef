"""Files that are whole or not there at all, and what is said where a disk refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retriever.errors import StorageError

STORAGE_REMEDY = "Make room and check its permissions, or set RADER_HOME to another folder"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write to {folder}: {reason}", STORAGE_REMEDY) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all, also when the power fails."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def sync(folder: Path) -> None:
    """See to it that a folder's files are on the disk, also when the power fails."""
    for path in (folder, *folder.rglob("*")):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
