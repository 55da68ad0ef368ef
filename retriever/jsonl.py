"""JSON Lines as every file of this product has them: UTF-8, one object a line, a bad line named.

A line is read only up to `MOST_BYTES`, so that a file without line ends cannot fill the memory.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from retriever.errors import BadInputError

Row = dict[str, object]

MOST_BYTES = 32 * 2**20  # of a line: an escaped character takes six bytes, a passage has at most a million
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters and lone surrogates
REMEDY = "Mend the line, or leave bad lines out with --skip-bad"


def rows(path: Path) -> Iterator[tuple[str, Row | str]]:
    """Place ("FILE, line N") of every line that is not blank, and its object or the reason why it has none.

    Raises:
        BadInputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in _lines(file):
                row = row_of(line) if line else f"longer than {MOST_BYTES:,} bytes"
                yield f"{shown(path)}, line {number}", row
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the name
        raise unreadable(path, error) from error


def row_of(line: bytes) -> Row | str:
    """The object that a line holds, or the reason why there is none."""
    try:
        row = json.loads(line.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start + 1} of the line)"
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return row if isinstance(row, dict) else f"not a JSON object but {type(row).__name__}"


def append(path: Path, line: bytes) -> None:
    """Add a line, given without its end, whole or not at all; who calls it keeps other writers out.

    The rest of a line that a killed writer left is closed first, so that it spoils no other.

    Raises:
        OSError: It cannot be written; the file is as it was.
    """
    with path.open("ab+") as file:
        descriptor = file.fileno()
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = b"\n" * torn + line + b"\n"
        if os.write(descriptor, data) < len(data):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)


def reasons(error: ValidationError) -> str:
    """What is wrong with an object, in one line that names the keys; three faults at most."""
    problems = error.errors(include_url=False)
    more = [f"and {len(problems) - 3:,} more"] if len(problems) > 3 else []
    return "; ".join([*(_reason(problem) for problem in problems[:3]), *more])


def shown(path: str | Path) -> str:
    """A path that can be printed on a line: other characters become question marks."""
    return _UNPRINTABLE.sub("?", str(path))


def unreadable(path: Path, error: OSError | ValueError) -> BadInputError:
    """The error for a file or folder that the system does not give."""
    reason = getattr(error, "strerror", None) or _UNPRINTABLE.sub("?", str(error))
    return BadInputError(f"cannot read {shown(path)}: {reason}", "Name a file that exists")


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line that is not blank; no bytes for one that is too long."""
    number = 0
    while line := file.readline(MOST_BYTES + 1):
        number += 1
        too_long = len(line) > MOST_BYTES
        while len(line) > MOST_BYTES and not line.endswith(b"\n"):
            line = file.readline(MOST_BYTES + 1)
        if too_long or line.strip():
            yield number, b"" if too_long else line


def _reason(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "missing":
            return f"{where} is missing"
        case "string_unicode":  # a lone surrogate can be written in JSON and cannot be stored anywhere
            return f"{where} is not valid Unicode"
        case "string_too_short":
            return f"{where} is empty"
        case _:
            message = problem["msg"]
            told = f"{message[:1].lower()}{message[1:]}"
            return f"{where}: {told}" if where else told
