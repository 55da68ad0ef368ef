"""What a place for indexes has to offer. There are two: a folder and a Chroma server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from retriever.encoder import Vectors
from retriever.indexing.index_info import IndexInfo
from retriever.indexing.rows import Rows
from retriever.indexing.store import Store
from retriever.indexing.versions import Versions
from retriever.passage import Passage


class Opened(NamedTuple):
    """A version opened: its store, and the folder of its rows and BM25."""

    store: Store
    folder: Path


class Donor(Protocol):
    """Passages with vectors, of which a build takes over what has not changed."""

    def same(self, passages: Sequence[Passage]) -> list[Passage]:
        """Those of some passages that are there with the same content."""

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors ``(dim,)`` of the ids that are there."""


class Backend(Protocol):
    """A place where versions of the index are kept; ``remote`` where that is a server."""

    remote: bool

    @property
    def versions(self) -> Versions:
        """What is there, and what serves."""

    def place(self, name: str) -> str:
        """Where a version is, for messages."""

    def open(self, info: IndexInfo) -> Opened:
        """Open a complete version.

        Raises:
            IndexMissingError: It is damaged, or not there.
            StorageError, IndexServerError: It cannot be read.
        """

    def donor(self, info: IndexInfo) -> Donor:
        """What a build can take over from a version.

        Raises:
            IndexMissingError, StorageError, IndexServerError: As `open`.
        """

    def fill(self, plan: IndexInfo, rows: Rows, before: IndexInfo | None) -> IndexInfo:
        """Bring the rows of a version into Chroma; does nothing where they are there.

        Args:
            plan: What is built.
            rows: Its rows, with vectors.
            before: A version of the same encoder to begin with, where that is faster.

        Returns:
            The plan with what is known afterwards.
        """
