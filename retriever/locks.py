"""The right to be the one process at work somewhere: a lock on a file, which ends with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from retriever.errors import RaderError

if TYPE_CHECKING:
    from filelock import BaseFileLock


def take(path: Path, busy: RaderError) -> BaseFileLock:
    """Take the lock ``path``, whose folder is made where there is none; who takes it releases it.

    Raises:
        RaderError: ``busy``, where another process holds it.
        OSError: The folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise busy from None
    return lock


@contextmanager
def alone(path: Path, busy: RaderError) -> Iterator[None]:
    """The same for as long as the block runs."""
    lock = take(path, busy)
    try:
        yield
    finally:
        lock.release()
