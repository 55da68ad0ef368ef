"""An index in memory that searches exactly: for evaluation, where the approximation of HNSW would count.

It answers what `Retriever` asks of `retriever.index.Index`, so that what is measured is the product's own
search with every passage looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.encoding.vectors import PassageVectors, passage_vectors
from retriever.errors import BadInputError
from retriever.filters import Where, checked
from retriever.indexing.index_info import SCHEMA, IndexInfo, fingerprint
from retriever.lexical import LexicalIndex, best_rows
from retriever.passage import Passage

_ROUNDING = 1e-5  # more than a sum of 32-bit products can be off


def exact_index(
    corpus: Corpus, encoder: Encoder | None, home: str | Path, progress: Progress | None = None
) -> ExactIndex:
    """The exact index of a corpus; its vectors are kept in ``home/vectors`` and encoded only once.

    Args:
        corpus: At least one passage.
        encoder: Makes the vectors when they are first needed; None: the index is searched by words alone.
        home: The product's folder.
        progress: Called with (passages done, passages in all) while vectors are made.

    Raises:
        BadInputError: The corpus is empty.
    """
    if not len(corpus):
        raise BadInputError("the corpus is empty", "Name a file with at least one passage")
    passages = sorted(corpus, key=lambda passage: passage.id)
    mark = encoder.fingerprint if encoder else ""
    info = IndexInfo(
        fingerprint=fingerprint(mark, corpus.sha256),
        encoder=encoder.name if encoder else "",
        encoder_fingerprint=mark,
        corpus_sha256=corpus.sha256,
        dim=0,
        count=len(passages),
        kinds=dict(sorted(Counter(passage.kind for passage in passages).items())),
        layout=SCHEMA,
    )
    encode = partial(passage_vectors, passages, encoder, home, progress) if encoder else None
    return ExactIndex(passages, info, encode)


class ExactIndex:
    """Passages and their vectors in memory; may be used from several threads.

    Args:
        passages: Sorted by id, so that ties come out in the order of ids.
        info: What an index of these passages would have as its manifest.
        encode: Makes the vectors, once; None where there are none.

    Attributes:
        info: As given; ``dim`` and ``cut`` are known once there are vectors.
    """

    def __init__(
        self, passages: Sequence[Passage], info: IndexInfo, encode: Callable[[], PassageVectors] | None
    ) -> None:
        self.info = info
        self._encode = encode
        self._passages = list(passages)
        self._row = {passage.id: row for row, passage in enumerate(self._passages)}
        self._ids_of: dict[str, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._passages)

    @cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the same passages, built when first used."""
        return LexicalIndex.build(self._passages)

    def search(
        self, vector: npt.ArrayLike, k: int, where: Where | None = None
    ) -> list[tuple[Passage, float]]:
        """The passages nearest to a unit vector ``(dim,)`` with their cosine, best first, ties by id.

        Args:
            vector: As the index's encoder makes it.
            k: At most so many.
            where: Values that ``kind``, ``source`` or ``tags`` may have.

        Raises:
            BadInputError: As `load`; or the filter names a field that there is not.
            StorageError: As `load`.
        """
        return self.search_many(np.asarray(vector)[None, :], k, where)[0]

    def search_many(
        self, vectors: npt.ArrayLike, k: int, where: Where | None = None
    ) -> list[list[tuple[Passage, float]]]:
        """`search` for each of ``(n, dim)`` vectors, in one matrix product."""
        queries = np.asarray(vectors, dtype=np.float32)
        near = queries @ self._vectors.T
        if checked(where):
            near[:, ~self._allowed(where or {})] = -np.inf
        return [self._best(query, scores, k) for query, scores in zip(queries, near, strict=True)]

    def cosines(self, vector: npt.ArrayLike, ids: Sequence[str]) -> dict[str, float]:
        """Cosine of a unit vector ``(dim,)`` with the passages named."""
        known = {key: self._row[key] for key in ids if key in self._row}
        found = self._cosines(np.asarray(vector, dtype=np.float32), list(known.values()))
        return dict(zip(known, found.tolist(), strict=True))

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages named, in the order asked; unknown ids are left out."""
        return [self._passages[self._row[key]] for key in ids if key in self._row]

    def passages(self) -> list[Passage]:
        """All passages, sorted by id."""
        return list(self._passages)

    def ids(self, where: Where) -> frozenset[str]:
        """Ids of the passages that a filter lets through.

        Raises:
            BadInputError: The filter names a field that there is not.
        """
        key = json.dumps({name: sorted(values) for name, values in (checked(where) or {}).items()})
        if key not in self._ids_of:
            self._ids_of[key] = frozenset(p.id for p in self._passages if _matches(p, where))
        return self._ids_of[key]

    def close(self) -> None:
        """Nothing to let go of; there for what `retriever.index.Index` has."""

    def load(self) -> None:
        """Read or encode the vectors now rather than with the first search.

        Raises:
            BadInputError: The index has no vectors, or a passage cannot be encoded.
            StorageError: The folder that keeps them cannot be written to.
        """
        _ = self._vectors

    @cached_property
    def _vectors(self) -> Vectors:
        if self._encode is None:
            raise BadInputError("this index holds no vectors", "Give an encoder, or search by words: bm25")
        vectors, cut = self._encode()
        self.info = self.info.model_copy(update={"dim": vectors.shape[1], "cut": cut})
        return vectors

    def _allowed(self, where: Where) -> npt.NDArray[np.bool_]:
        ids = self.ids(where)
        return np.fromiter((p.id in ids for p in self._passages), dtype=bool, count=len(self))

    def _best(self, query: Vectors, near: Vectors, k: int) -> list[tuple[Passage, float]]:
        """The ``k`` nearest, told apart by cosines that are the same wherever a vector stands."""
        last = near[best_rows(near, k)[-1]] if len(near) else 0
        rows = np.flatnonzero((near >= last - _ROUNDING) & (near > -np.inf))
        cosines = self._cosines(query, rows)
        return [(self._passages[rows[i]], float(cosines[i])) for i in best_rows(cosines, k)]

    def _cosines(self, query: Vectors, rows: npt.NDArray[np.intp] | list[int]) -> Vectors:
        # Not BLAS, which gives equal vectors unequal cosines in the last bit, by where they stand.
        found: Vectors = np.einsum("ij,j->i", self._vectors[rows], query)
        return found


def _matches(passage: Passage, where: Where) -> bool:
    return all(_values(passage, name) & set(values) for name, values in where.items())


def _values(passage: Passage, name: str) -> set[str]:
    value: str | tuple[str, ...] = getattr(passage, name)
    return {value} if isinstance(value, str) else set(value)
