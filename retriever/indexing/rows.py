"""The rows of an index in plain files beside Chroma: ids, passages, vectors, all in the order of ids.

A build fills Chroma from them. Chroma finds neighbours fast and is slow in giving out what it holds
(milliseconds for a hundred rows): these files answer that part, and they make exact search possible.

rows/
├── ids.json        sorted
├── passages.jsonl  a passage a line, as JSON; its sha256 is that of the corpus
├── ends.npy        int64 (count,): where each line ends, in bytes
└── vectors.npy     float32 (count, dim); where Chroma runs on a server, only while it is filled
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retriever.encoder import Vectors
from retriever.files import sync
from retriever.passage import Passage

VECTORS = "vectors.npy"
_KEPT = 50_000  # passages kept as objects once they were asked for
_BLOCK = 1 << 20


class Rows:
    """Rows opened for reading; may be used from several threads.

    Args:
        folder: What `write_rows` wrote.

    Attributes:
        folder: As given.
        ids: The ids, sorted; a row is a place in this list.
        matrix: The vectors ``(count, dim)``, mapped from disk; None where there is no such file.

    Raises:
        OSError, ValueError: A file is missing or does not fit the others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids: list[str] = json.loads((folder / "ids.json").read_bytes())
        self._ends: npt.NDArray[np.int64] = np.load(folder / "ends.npy")
        with (folder / "passages.jsonl").open("rb") as file:
            self._text = mmap(file.fileno(), 0, access=ACCESS_READ)
        self.matrix: Vectors | None = np.load(folder / VECTORS, "r") if (folder / VECTORS).exists() else None
        fits = len(self.ids) == len(self._ends) and len(self._text) == self._ends[-1]
        if not fits or (self.matrix is not None and len(self.matrix) != len(self.ids)):
            raise ValueError(f"the files in {folder} do not belong together")
        self._passage = lru_cache(_KEPT)(self._read)

    @property
    def corpus_sha256(self) -> str:
        """What `retriever.corpus.Corpus.sha256` says of these passages."""
        return hashlib.sha256(self._text).hexdigest()

    def row(self, passage_id: str) -> int | None:
        """Where an id stands; None where it is not there."""
        row = bisect_left(self.ids, passage_id)
        return row if row < len(self.ids) and self.ids[row] == passage_id else None

    def line(self, row: int) -> bytes:
        """The passage of a row as JSON."""
        start = int(self._ends[row - 1]) if row else 0
        return self._text[start : int(self._ends[row]) - 1]

    def get(self, ids: Iterable[str]) -> list[Passage]:
        """The passages named, in the order asked; unknown ids are left out.

        Raises:
            ValueError: A line is damaged.
        """
        rows = (self.row(passage_id) for passage_id in ids)
        return [self._passage(row) for row in rows if row is not None]

    def same(self, passages: Iterable[Passage]) -> list[Passage]:
        """Those of some passages that are there with the same content, and so with the same vector."""
        return [passage for passage in passages if self._has(passage)]

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors ``(dim,)`` of the ids that are there."""
        matrix = self._vectors()
        return {key: matrix[row] for key in ids if (row := self.row(key)) is not None}

    def cosines(self, vector: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """Cosine of a unit vector ``(dim,)`` with the passages that are there."""
        known = {key: row for key in ids if (row := self.row(key)) is not None}
        # Not BLAS, which gives equal rows unequal cosines in the last bit, by where they stand.
        found = np.einsum("ij,j->i", self._vectors()[list(known.values())], vector)
        return dict(zip(known, found.tolist(), strict=True))

    def nearest(self, vector: Vectors, k: int, rows: npt.NDArray[np.intp]) -> list[str]:
        """Ids of the ``k`` of some rows that are nearest to a unit vector ``(dim,)``, unordered; exact."""
        matrix = self._vectors()
        few = len(rows) * 4 < len(self.ids)  # picking rows out costs more than multiplying
        cosines = matrix[rows] @ vector if few else (matrix @ vector)[rows]
        best = rows[np.argpartition(-cosines, k - 1)[:k]] if k < len(rows) else rows
        return [self.ids[row] for row in best]

    def drop_vectors(self) -> None:
        """Remove the file of the vectors."""
        self.matrix = None
        (self.folder / VECTORS).unlink(missing_ok=True)

    def _has(self, passage: Passage) -> bool:
        row = self.row(passage.id)
        if row is None:
            return False
        alike = self.line(row) == passage.model_dump_json().encode()  # spares reading it
        return alike or self._read(row).content_sha256 == passage.content_sha256

    def _vectors(self) -> Vectors:
        if self.matrix is None:
            raise ValueError("the vectors are on the server")
        return self.matrix

    def _read(self, row: int) -> Passage:
        return Passage.model_validate_json(self.line(row))


def write_rows(folder: Path, passages: Iterable[Passage], matrix: Vectors | None) -> None:
    """Write the rows of an index, whole or not at all.

    Args:
        folder: Where to; what is there is replaced.
        passages: Sorted by id.
        matrix: Vectors in the same order, ``(count, dim)``; None leaves the file out.

    Raises:
        OSError: The folder cannot be written to.
    """
    with replacing(folder) as draft:
        ids: list[str] = []
        ends: list[int] = []
        with (draft / "passages.jsonl").open("wb") as file:
            for passage in passages:
                ids.append(passage.id)
                file.write(passage.model_dump_json().encode() + b"\n")
                ends.append(file.tell())
        (draft / "ids.json").write_text(json.dumps(ids), encoding="utf-8")
        np.save(draft / "ends.npy", np.array(ends, dtype=np.int64))
        if matrix is not None:
            np.save(draft / VECTORS, matrix)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of ``folder`` when everything is written."""
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    yield draft
    sync(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def crc32(path: Path) -> int:
    """CRC-32 of a file: tells what changed by accident, at the speed of the disk."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found
