"""The index in a folder: Chroma's files, the rows and BM25 beside them, below ``home/index``."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import weakref
from contextlib import closing
from pathlib import Path

from retriever.errors import RaderError
from retriever.files import sync
from retriever.indexing.backend import Donor, Opened
from retriever.indexing.faults import damaged, reading
from retriever.indexing.index_info import IndexInfo
from retriever.indexing.reader import Index
from retriever.indexing.rows import VECTORS, Rows, crc32
from retriever.indexing.store import DAMAGE, DATABASE, copy_folder, open_folder, settle
from retriever.indexing.versions import Versions

_WORN = 0.2  # deleted rows to living ones from which on a graph is made anew, since they slow it down
_DRAFT = "chroma.part-"
_ROOM = 1 << 20  # bytes that Chroma may write where it opens a folder


class FolderBackend:
    """Keeps indexes in a folder.

    Args:
        home: The product's folder.
    """

    remote = False

    def __init__(self, home: str | Path) -> None:
        self.versions = Versions(home)

    def place(self, name: str) -> str:
        """Where a version is, for messages."""
        return str(self.versions.folder(name))

    def open(self, info: IndexInfo) -> Opened:
        """Open a complete version.

        Chroma writes even where it only reads; a folder that cannot be written to, or on a disk that is full,
        is copied into a private one, which goes with the store.

        Raises:
            IndexMissingError: It is damaged.
            StorageError: The folder cannot be read.
        """
        folder, copied = self.versions.folder(info.fingerprint), None
        with reading(str(folder)):
            if not _writable(folder):
                copied = Path(tempfile.mkdtemp(prefix="rader-index-"))
                folder = shutil.copytree(folder, copied / folder.name)
                for path in (folder, *folder.rglob("*")):
                    path.chmod(0o700)  # the copy took over the permissions too
            _require_whole(folder, info)
            store = open_folder(_chroma(folder))
        if copied:
            weakref.finalize(store, shutil.rmtree, copied, ignore_errors=True)
        return Opened(store, folder)

    def donor(self, info: IndexInfo) -> Donor:
        """The rows of a version.

        Raises:
            IndexMissingError: It is damaged.
            StorageError: The folder cannot be read.
        """
        return self._rows(info)

    def fill(self, plan: IndexInfo, rows: Rows, before: IndexInfo | None) -> IndexInfo:
        """Make a store of rows, aside until it is whole: Chroma's files cannot be trusted after a kill.

        Raises:
            OSError, sqlite3.Error, chromadb.errors.ChromaError: The folder cannot be written to.
        """
        folder, deleted = self.versions.folder(plan.fingerprint), plan.deleted
        if not any(folder.glob("chroma-*")):
            for leftover in folder.glob(f"{_DRAFT}*"):
                shutil.rmtree(leftover)
            draft = folder / f"{_DRAFT}{secrets.token_hex(4)}"
            deleted = self._copy(draft, rows, before) if before and before.layout == plan.layout else 0
            with closing(open_folder(draft, create_for=plan.count)) as store:
                store.fill(rows)
            settle(draft, plan.dim)
            sync(draft)
            self.versions.begin(plan.model_copy(update={"deleted": deleted}))
            draft.rename(_chroma(folder))
        found = plan.checksums | _checksums(_chroma(folder))
        return plan.model_copy(update={"deleted": deleted, "checksums": found})

    def _rows(self, info: IndexInfo) -> Rows:
        with closing(Index(self, info)) as index, index.reading():
            rows, checksum = index.rows, info.checksums.get(VECTORS)
            same = checksum is None or checksum == crc32(rows.folder / VECTORS)
            if not same or rows.corpus_sha256 != info.corpus_sha256:
                raise damaged(self.place(info.fingerprint), "passages or vectors have changed")
        return rows

    def _copy(self, draft: Path, rows: Rows, before: IndexInfo) -> int:
        """Begin with what the version before has in common, where that is worth it; how many rows it lost."""
        try:
            old = self._rows(before)
            gone = [key for row, key in enumerate(old.ids) if not _kept(old.line(row), key, rows)]
            deleted = before.deleted + len(gone)
            if deleted > _WORN * len(rows.ids):
                return 0
            copy_folder(_chroma(self.versions.folder(before.fingerprint)), draft)
            with closing(open_folder(draft)) as store:
                store.write_graph_every(len(rows.ids) - before.count + 2 * len(gone))
            with closing(open_folder(draft)) as store:
                store.delete(gone)
        except (RaderError, *DAMAGE, OSError):  # it is damaged, or the disk is full, which shows again
            shutil.rmtree(draft, ignore_errors=True)
            return 0
        return deleted


def _require_whole(folder: Path, info: IndexInfo) -> None:
    """Compare a version's files with its manifest, but the database, in which Chroma writes.

    Raises:
        IndexDamagedError, OSError: They differ, or one is missing; rows may be missing as a whole.
    """
    beside = {name: checksum for name, checksum in info.checksums.items() if "/" in name}
    graph = {name: one for name, one in info.checksums.items() if name not in beside and name != VECTORS}
    if graph and _checksums(_chroma(folder)) != graph:
        raise damaged(str(folder), "the graph's files have changed")
    rows = (folder / "rows").is_dir()
    for name, checksum in beside.items():
        if (rows or not name.startswith("rows/")) and crc32(folder / name) != checksum:
            raise damaged(str(folder), f"{name} has changed")
    if rows and not (folder / "rows" / VECTORS).is_file():
        raise damaged(str(folder), "its vectors are gone")


def _kept(line: bytes, passage_id: str, rows: Rows) -> bool:
    """Whether rows have a passage, word by word."""
    row = rows.row(passage_id)
    return row is not None and rows.line(row) == line


def _checksums(chroma: Path) -> dict[str, int]:
    """CRC-32 by name of the files of Chroma's graph, which it reads without looking."""
    return {path.name: crc32(path) for path in sorted(chroma.glob("*/*")) if path.is_file()}


def _chroma(folder: Path) -> Path:
    """Where Chroma's files are in a version's folder, or may go.

    The name is new for every store: Chroma shares its handles between all that open one path, and would write
    into the deleted files of a damaged store that somebody here still has open.
    """
    return next(folder.glob("chroma-*"), folder / f"chroma-{secrets.token_hex(4)}")


def _writable(folder: Path) -> bool:
    if shutil.disk_usage(folder).free < _ROOM:
        return False
    chroma = _chroma(folder)
    return all(os.access(path, os.W_OK) for path in (folder, chroma, chroma / DATABASE) if path.exists())
