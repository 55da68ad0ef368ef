"""`Index`: one complete version of the index, open for reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from retriever.encoder import Vectors
from retriever.files import storage_errors
from retriever.filters import Where, checked, lets_nothing_through
from retriever.indexing.backend import Backend
from retriever.indexing.faults import damaged, reading
from retriever.indexing.index_info import IndexInfo
from retriever.indexing.rows import Rows, replacing, write_rows
from retriever.lexical import LexicalIndex
from retriever.passage import Passage

_SPARE = 16  # hits asked for beyond k, so that ties at the cut are broken by id and not by chance
_FILTERS = 64  # whose ids are remembered


class Index:
    """One complete version of the index, open for reading; may be used from several threads.

    Args:
        backend: Where it is kept.
        info: Its manifest.

    Attributes:
        info: Its manifest.
        store: The Chroma collection.
        rows: The ids, passages and vectors beside it.

    Raises:
        IndexMissingError: It is damaged.
        StorageError, IndexServerError: It cannot be read.
    """

    def __init__(self, backend: Backend, info: IndexInfo) -> None:
        self.info = info
        self._remote = backend.remote
        self._place = backend.place(info.fingerprint)
        self.store, self._folder = backend.open(info)
        self._ids = lru_cache(_FILTERS)(self._ids_of)
        self._rows_of = lru_cache(_FILTERS)(self._rows_where)
        try:
            with self.reading():
                if self.store.count() != info.count:
                    raise damaged(self._place, "passages are missing")
                self.rows = self._opened_rows()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self.info.count

    @cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the same passages, read when first used."""
        folder = self._folder / "lexical"
        with reading(str(self._folder)):
            try:
                return LexicalIndex.load(folder)
            except (OSError, ValueError, KeyError):
                if not self._remote:
                    raise
            with replacing(folder) as draft:
                LexicalIndex.build(self.passages()).save(draft)
            return LexicalIndex.load(folder)

    def search(
        self, vector: npt.ArrayLike, k: int, where: Where | None = None
    ) -> list[tuple[Passage, float]]:
        """The passages nearest to a unit vector ``(dim,)`` with their cosine, best first, ties by id.

        Through Chroma's graph, which may miss some; exact where a filter is given (not on a server).

        Args:
            vector: As the index's encoder makes it.
            k: At most so many.
            where: Values that ``kind``, ``source`` or ``tags`` may have.

        Raises:
            BadInputError: The filter names another field.
            IndexMissingError, IndexServerError: The index is damaged, or the server fails.
        """
        if lets_nothing_through(checked(where) or {}):
            return []
        query = np.asarray(vector, dtype=np.float32)
        with self.reading():
            found = self._nearest(query, min(k + _SPARE, len(self)), where or None)
        best = sorted(found.items(), key=lambda hit: (-hit[1], hit[0]))[:k]
        return list(zip(self.get([key for key, _ in best]), (cosine for _, cosine in best), strict=True))

    def cosines(self, vector: npt.ArrayLike, ids: Sequence[str]) -> dict[str, float]:
        """Cosine of a unit vector ``(dim,)`` with the passages named."""
        query = np.asarray(vector, dtype=np.float32)
        with self.reading():
            if self.rows.matrix is not None:
                return self.rows.cosines(query, ids)
            return {key: float(row @ query) for key, row in self.store.vectors(ids).items()}

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages named, in the order asked; unknown ids are left out."""
        with self.reading():
            return self.rows.get(ids)

    def passages(self) -> list[Passage]:
        """All passages, sorted by id."""
        return self.get(self.rows.ids)

    def vectors(self) -> tuple[list[str], Vectors]:
        """All ids, sorted, and their vectors ``(count, dim)``, for exact search; fetched from a server."""
        ids = self.rows.ids
        if self.rows.matrix is not None:
            return ids, self.rows.matrix
        with self.reading():
            return ids, np.concatenate(list(self.store.matrix(ids)))

    def ids(self, where: Where) -> frozenset[str]:
        """Ids of the passages that a filter lets through.

        Raises:
            BadInputError: The filter names a field that there is not.
        """
        return frozenset() if lets_nothing_through(checked(where) or {}) else self._ids(_key(where))

    def reading(self) -> AbstractContextManager[None]:
        """Turn what goes wrong inside into an error of this package, for users of ``store`` and ``rows``."""
        return reading(self._place, remote=self._remote)

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    def _nearest(self, query: Vectors, k: int, where: Where | None) -> dict[str, float]:
        if self.rows.matrix is None:
            return dict(self.store.nearest(query, k, where))
        if where is None:
            near = [key for key, _ in self.store.nearest(query, k)]
        else:
            near = self.rows.nearest(query, k, self._rows_of(_key(where)))
        return self.rows.cosines(query, near)

    def _ids_of(self, key: str) -> frozenset[str]:
        with self.reading():
            return frozenset(self.store.ids(json.loads(key)))

    def _rows_where(self, key: str) -> npt.NDArray[np.intp]:
        rows = (self.rows.row(passage_id) for passage_id in sorted(self._ids(key)))
        return np.array([row for row in rows if row is not None], dtype=np.intp)

    def _opened_rows(self) -> Rows:
        """The rows; written anew where they are not kept, or those of a server are not right."""
        folder = self._folder / "rows"
        if folder.exists():
            with suppress(OSError, ValueError) if self._remote else nullcontext():
                rows = Rows(folder)
                if rows.ids and len(rows.ids) == len(self):
                    return rows
            if not self._remote:
                raise damaged(self._place, "passages are missing")
        ids = sorted(self.store.ids())
        passages = sorted(self.store.passages(ids), key=lambda passage: passage.id)
        matrix = None if self._remote else np.concatenate(list(self.store.matrix(ids)))
        with storage_errors(folder):
            write_rows(folder, passages, matrix)
        return Rows(folder)


def _key(where: Where) -> str:
    return json.dumps({name: sorted(values) for name, values in where.items()}, sort_keys=True)
