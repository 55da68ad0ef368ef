"""Errors a user can act on.

RaderError
├── BadInputError          text, file or flag that cannot be used
├── MissingExtraError      an optional package is not installed
├── WeightsError           a model's files cannot be had
│   ├── HashMismatchError  a file's bytes are not the ones its authors published
│   └── UnreachableError   no source of a model answers
├── IndexMissingError      nothing has been indexed yet, or the build was not finished
│   └── IndexDamagedError  what was indexed cannot be read as what it should be
├── IndexMismatchError     the index was built with another encoder
├── IndexServerError       the Chroma server does not answer, or refuses
└── StorageError           a folder cannot be read or written

Every error says in one line what is wrong and, in ``remedy``, what to do next.
"""

from __future__ import annotations


class RaderError(Exception):
    """Base of every error that is the user's business, not a defect.

    Args:
        message: What is wrong, one line, without a full stop at its end.
        remedy: What to do next, one line; may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class BadInputError(RaderError):
    """Text, a file or a setting that cannot be used as given."""


class MissingExtraError(RaderError):
    """An optional package is needed and is not installed."""

    def __init__(self, extra: str) -> None:
        install = f"Install it: pip install 'rader-studio[{extra}]'"
        super().__init__(f"this needs the extra '{extra}'", install)


class WeightsError(RaderError):
    """A model's files cannot be had."""


class HashMismatchError(WeightsError):
    """A file's bytes are not the ones its authors published."""


class UnreachableError(WeightsError):
    """No source of a model answers."""


class IndexMissingError(RaderError):
    """Nothing has been indexed yet, or the last build was not finished."""


class IndexDamagedError(IndexMissingError):
    """There is an index, and it cannot be read as what it should be."""


class IndexMismatchError(RaderError):
    """The index was built with another encoder than the one that searches it."""


class IndexServerError(RaderError):
    """The Chroma server does not answer, refuses the token, or answers with an error."""


class StorageError(RaderError):
    """A folder cannot be read or written: no permission, read-only, full or not a folder."""
