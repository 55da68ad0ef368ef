"""Where logs of trajectories lie: this installation's own, and a folder for each collection."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

from retriever.errors import BadInputError

FILE = "trajectories.jsonl"
OWN = "own"
_NAME = re.compile(r"[\w][\w.@-]{0,63}")


class Log(NamedTuple):
    """A log: its key in addresses, what it is called, its file."""

    key: str
    name: str
    path: Path


class Logs:
    """The logs of one home.

    Args:
        home: The product's folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def collections(self) -> Path:
        """The folder of all collections."""
        return self._home / "collections"

    def all(self) -> list[Log]:
        """Those that are there, the own one first."""
        own = Log(OWN, "Solve and the command line", self._home / FILE)
        try:
            folders = sorted(self.collections.iterdir())
        except OSError:
            folders = []
        made = [Log(f"collections/{each.name}", each.name, each / FILE) for each in folders]
        return [log for log in (own, *made) if log.path.is_file()]

    def path(self, key: str) -> Path | None:
        """The file of a log; None where there is no such log (any more)."""
        return next((log.path for log in self.all() if log.key == key), None)

    def folder_for(self, name: str, problems: Path) -> Path:
        """The folder of a collection of these problems, begun where there is none; they are kept in it.

        Raises:
            BadInputError: That is no name, or a collection of other problems has it.
            StorageError: The folder cannot be written to.
        """
        from ui.assemble import writable

        if not _NAME.fullmatch(name):
            raise BadInputError(
                f"a collection cannot be called {name[:70]!r}",
                "Use letters, digits, dots, hyphens and underscores, 64 at most",
            )
        folder, text = self.collections / name, problems.read_bytes()
        kept = self.problems(folder)
        if kept.exists() and kept.read_bytes() != text:
            raise BadInputError(f"{name} is a collection of other problems", "Give this one another name")
        writable(folder)
        kept.write_bytes(text)
        return folder

    @staticmethod
    def problems(folder: Path) -> Path:
        """The problems of a collection that the page began."""
        return folder / "problems.jsonl"


def name_for(file: str, strategy: str) -> str:
    """What a collection of a file is called where nobody says otherwise."""
    stem = re.sub(r"[^\w.-]+", "-", Path(file).stem).strip("-._") or "problems"
    return f"{stem[:40]}-{strategy}"


def identity(file: BinaryIO) -> str:
    """What stays the same while a log grows: its inode and its beginning."""
    file.seek(0)
    begins = file.readline(1024)
    return f"{os.fstat(file.fileno()).st_ino} {hashlib.sha256(begins).hexdigest()[:16]}"
