"""A file of a recording: a first line that says of what, then one line for each thing recorded."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import LogError
from retriever.errors import BadInputError, StorageError
from retriever.jsonl import append

Head = TypeVar("Head", bound=BaseModel)
Line = TypeVar("Line", bound=BaseModel)


class Tape(Generic[Head, Line]):
    """JSONL that grows by whole lines, each on the disk before the next one is made.

    Args:
        file: Need not exist.
        head, line: What the first line holds, and the others.
    """

    def __init__(self, file: Path, head: type[Head], line: type[Line]) -> None:
        self.file = file
        self._head, self._line = head, line
        self._lock = threading.Lock()

    def begin(self, head: Head) -> None:
        """Write the first line, where there is no file yet.

        Raises:
            StorageError: The folder cannot be made, or written to.
        """
        if self.file.exists():
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        self._write(head)

    def append(self, line: Line) -> None:
        """Add a line.

        Raises:
            StorageError: The file cannot be written.
        """
        self._write(line)

    def head(self) -> Head | None:
        """The first line alone; None where there is no file, or it was cut off before its end.

        Raises:
            LogError: It is none of a recording.
        """
        if not self.file.exists():
            return None
        with self.file.open("rb") as file:
            line = file.readline()
        return self._parsed(self._head, 1, line) if line.endswith(b"\n") else None

    def read(self) -> tuple[Head, list[Line]]:
        """Head and lines; a last line that a kill cut off is taken off the file.

        Raises:
            BadInputError: There is no such file.
            LogError: A line is none of a recording.
        """
        try:
            *whole, torn = self.file.read_bytes().split(b"\n")
        except OSError as error:
            raise BadInputError(
                f"there is no recording in {self.file.parent} ({error.strerror or error})",
                "Make one with --record",
            ) from error
        if torn:
            os.truncate(self.file, self.file.stat().st_size - len(torn))
        if not whole:
            raise LogError(f"{self.file} is empty")
        lines = [self._parsed(self._line, number, line) for number, line in enumerate(whole[1:], 2)]
        return self._parsed(self._head, 1, whole[0]), lines

    def _parsed(self, kind: type[Any], number: int, line: bytes) -> Any:
        try:
            return kind.model_validate_json(line)
        except ValidationError as error:
            raise LogError(f"{self.file}, line {number}: {error.errors()[0]['msg']}") from error

    def _write(self, line: BaseModel) -> None:
        try:
            with self._lock:
                append(self.file, line.model_dump_json().encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"the recording {self.file} cannot be written ({error.strerror or error})",
            "Free some space, or record into another folder",
        )
