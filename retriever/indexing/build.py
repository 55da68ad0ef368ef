"""One build of an index: what the index before knows is taken over, the rest encoded, then Chroma is filled.

Every step leaves something whole behind, and a build that was killed goes on after the last of them: chunks
of new vectors, the rows, Chroma's files, BM25, the manifest.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress
from retriever.encoding.vectors import passage_vectors
from retriever.errors import IndexMissingError
from retriever.indexing.backend import Backend
from retriever.indexing.faults import writing
from retriever.indexing.index_info import SCHEMA, IndexInfo, fingerprint
from retriever.indexing.rows import VECTORS, Rows, crc32, replacing, write_rows
from retriever.indexing.store import DAMAGE
from retriever.lexical import LexicalIndex

_AT_ONCE = 1000  # passages looked up at once in the version before


def build(
    backend: Backend, corpus: Corpus, encoder: Encoder, progress: Progress | None, corpora: Mapping[str, int]
) -> IndexInfo:
    """Build a version of the index up to its manifest; who calls it holds the build lock.

    Raises:
        BadInputError: A passage cannot be encoded.
        StorageError: The folder cannot be written to.
        IndexServerError: The server fails.
    """
    start, versions = time.perf_counter(), backend.versions
    plan = _plan(corpus, encoder, corpora)
    folder, before = versions.folder(plan.fingerprint), versions.before(plan)
    with writing(backend.place(plan.fingerprint), remote=backend.remote):
        plan = _begun(backend, plan)
        rows = _whole(folder / "rows", plan)
        if rows is None:
            plan = _Rows(corpus, encoder, progress).written(folder, plan, backend, before)
            rows = Rows(folder / "rows")
        plan = backend.fill(plan, rows, before)
        with replacing(folder / "lexical") as draft:
            LexicalIndex.build(corpus).save(draft)
        shutil.rmtree(folder / "encoded", ignore_errors=True)
        seconds, now = round(time.perf_counter() - start, 3), datetime.now(UTC).replace(microsecond=0)
        found = plan.checksums | checksums_beside(folder)
        info = plan.model_copy(update={"seconds": seconds, "built": now, "checksums": found})
        versions.finish(info)
    return info


def checksums_beside(folder: Path) -> dict[str, int]:
    """CRC-32 of the files beside Chroma's, by path in a version's folder, such as ``rows/ids.json``."""
    files = (path for part in ("lexical", "rows") for path in sorted((folder / part).iterdir()))
    return {path.relative_to(folder).as_posix(): crc32(path) for path in files}


class _Rows:
    """The rows of a version in the making.

    Args:
        corpus: The passages.
        encoder: Makes the vectors.
        progress: Called with (passages done, passages in all).
    """

    def __init__(self, corpus: Corpus, encoder: Encoder, progress: Progress | None) -> None:
        self._passages = sorted(corpus, key=lambda passage: passage.id)
        self._encoder = encoder
        self._progress = progress
        self._matrix = np.zeros((len(corpus), encoder.dim), dtype=np.float32)

    def written(self, folder: Path, plan: IndexInfo, backend: Backend, before: IndexInfo | None) -> IndexInfo:
        """Write them below ``folder``; the plan with how they came about."""
        missing = self._missing(backend, before)
        new = [self._passages[row] for row in missing]
        found = passage_vectors(new, self._encoder, folder / "encoded", self._report)
        self._matrix[missing] = found.vectors
        write_rows(folder / "rows", self._passages, self._matrix)
        known = {"reused": plan.count - len(new), "encoded": len(new), "cut": found.cut}
        checksums = {VECTORS: crc32(folder / "rows" / VECTORS)}
        plan = plan.model_copy(update=known | {"checksums": checksums})
        backend.versions.begin(plan)
        return plan

    def _missing(self, backend: Backend, before: IndexInfo | None) -> list[int]:
        """Rows without a vector after those of the version before with the same content are taken over."""
        missing = set(range(len(self._passages)))
        with suppress(IndexMissingError):  # a damaged version has nothing to give
            if before is None:
                return sorted(missing)
            donor = backend.donor(before)
            for start in range(0, len(self._passages), _AT_ONCE):
                chunk = self._passages[start : start + _AT_ONCE]
                found = donor.vectors([passage.id for passage in donor.same(chunk)])
                rows = [start + place for place, passage in enumerate(chunk) if passage.id in found]
                if rows:  # NumPy refuses to assign nothing
                    self._matrix[rows] = [found[self._passages[row].id] for row in rows]
                missing.difference_update(rows)
        return sorted(missing)

    def _report(self, done: int, new: int) -> None:
        if self._progress:
            self._progress(len(self._passages) - new + done, len(self._passages))


def _plan(corpus: Corpus, encoder: Encoder, corpora: Mapping[str, int]) -> IndexInfo:
    """The manifest as far as it is known before the build."""
    return IndexInfo(
        fingerprint=fingerprint(encoder.fingerprint, corpus.sha256),
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        corpus_sha256=corpus.sha256,
        dim=encoder.dim,
        count=len(corpus),
        kinds=_counts(passage.kind for passage in corpus),
        sources=_counts(passage.source for passage in corpus),
        tags=_counts(tag for passage in corpus for tag in set(passage.tags)),
        corpora=dict(corpora),
        layout=SCHEMA,
    )


def _begun(backend: Backend, plan: IndexInfo) -> IndexInfo:
    """The plan as a build that was killed left it, else as it is, noted."""
    versions, name = backend.versions, plan.fingerprint
    if versions.complete(name):  # and yet it is built again: it is damaged
        versions.reset(name)
    begun = versions.planned(name)
    if begun is None:
        versions.begin(plan)
        return plan
    return begun.model_copy(update={"corpora": plan.corpora})


def _whole(folder: Path, plan: IndexInfo) -> Rows | None:
    """The rows that a build before this one wrote; None where they are not there, or not right."""
    with suppress(OSError, *DAMAGE):
        rows = Rows(folder)
        if (rows.corpus_sha256, crc32(folder / VECTORS)) == (plan.corpus_sha256, plan.checksums.get(VECTORS)):
            return rows
    return None


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
