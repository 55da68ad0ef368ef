"""What goes wrong with an index, said in one line: a damaged folder, a disk that refuses, a lost server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from retriever.errors import IndexDamagedError, IndexServerError, RaderError, StorageError
from retriever.files import STORAGE_REMEDY
from retriever.indexing.store import DAMAGE, REFUSALS, ChromaError

REBUILD = "Run: rader index"
_GONE = 404
_FULL = "disk is full"  # as SQLite says it
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@contextmanager
def reading(place: str, *, remote: bool = False) -> Iterator[None]:
    """Say what went wrong while an index was read.

    Args:
        place: Its folder, or the server's address.
        remote: It is on a server.

    Raises:
        IndexDamagedError: It is.
        StorageError: A folder cannot be read, for a reason of the system.
        IndexServerError: The server does not answer, refuses, or answers with an error.
    """
    with server_errors(place, remote=remote):
        try:
            yield
        except _ABSENT as error:
            raise damaged(place, f"{error.filename or 'a file'} is missing") from error
        except OSError as error:
            where, reason = error.filename or f"the index in {place}", error.strerror or first_line(error)
            raise StorageError(f"cannot read {where}: {reason}", STORAGE_REMEDY) from error
        except DAMAGE as error:
            if remote and _of_chroma(error):
                raise
            if _FULL in str(error):  # Chroma writes even where it only reads
                raise StorageError(f"cannot open the index in {place}: {_FULL}", STORAGE_REMEDY) from error
            raise damaged(place, first_line(error)) from error


@contextmanager
def writing(place: str, *, remote: bool = False) -> Iterator[None]:
    """Say what went wrong while an index was written; an OSError is left to who holds the build lock.

    Raises:
        StorageError: The folder cannot be written to.
        IndexServerError: The server does not answer, refuses, or answers with an error.
    """
    with server_errors(place, remote=remote):
        try:
            yield
        except Exception as error:
            if remote or not _of_chroma(error):  # Chroma fails in one way, here and there
                raise
            raise StorageError(f"cannot write to {place}: {first_line(error)}", STORAGE_REMEDY) from error


@contextmanager
def server_errors(url: str, *, remote: bool = True) -> Iterator[None]:
    """Turn what a request to a Chroma server raises into an IndexServerError."""
    try:
        yield
    except Exception as error:
        if not remote or isinstance(error, RaderError) or not _of_chroma(error):
            raise
        if _status(error) in REFUSALS:
            message, remedy = "refuses the token", "Set RADER_CHROMA_TOKEN to a token that it accepts"
        elif _status(error) == _GONE:
            message, remedy = "has another index by now", "Start again"
        elif isinstance(error, httpx.TransportError):
            message, remedy = f"does not answer: {first_line(error)}", "Start it, or check --chroma-url"
        else:
            message, remedy = f"failed: {first_line(error)}", "See its log, or check --chroma-url"
        raise IndexServerError(f"the Chroma server at {url} {message}", remedy) from error


def damaged(place: str, reason: str) -> IndexDamagedError:
    """The error for an index that cannot be read as what it should be."""
    if Path(place).is_absolute() and not Path(place).exists():
        return IndexDamagedError(f"the index in {place} is gone: others took its place", "Start again")
    return IndexDamagedError(f"the index in {place} is damaged: {reason}", REBUILD)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its name where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _of_chroma(error: BaseException) -> bool:
    """Whether Chroma raised it, here or on a server; of an answer not its own it makes a bare Exception."""
    return isinstance(error, (ChromaError, httpx.HTTPError, sqlite3.Error)) or type(error) is Exception


def _status(error: BaseException) -> int:
    """The HTTP status that a server answered with; 0 where it did not say."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code
    return error.code() if isinstance(error, ChromaError) else 0
