"""The index: passages with their vectors in Chroma, and BM25 beside it.

A version is built beside the one that serves and switched in when it is complete (`indexing.versions`),
so that a build killed at any moment leaves the old one serving; the next build goes on where it stopped. Each
encoder has its own version. Chroma is touched in `retriever.indexing.store` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress
from retriever.errors import BadInputError, IndexMismatchError, IndexMissingError, RaderError
from retriever.filters import Where
from retriever.indexing.backend import Backend
from retriever.indexing.build import build
from retriever.indexing.faults import REBUILD
from retriever.indexing.folder import FolderBackend
from retriever.indexing.index_info import IndexInfo, fingerprint
from retriever.indexing.reader import Index
from retriever.indexing.server import ChromaServer, ServerBackend

__all__ = ["ChromaServer", "Index", "IndexInfo", "Where", "build_index", "open_index"]


def build_index(
    home: str | Path,
    corpus: Corpus,
    encoder: Encoder,
    progress: Progress | None = None,
    *,
    corpora: Mapping[str, int] | None = None,
    server: ChromaServer | None = None,
) -> IndexInfo:
    """Build the index of a corpus and let it serve; does nothing where it is there already.

    Vectors of passages that the encoder's index before held with the same content are taken over.

    Args:
        home: The product's folder; the index goes into ``home/index``.
        corpus: At least one passage.
        encoder: Makes the vectors, ``(dim,)`` each.
        progress: Called with (passages done, passages in all).
        corpora: Passages by where they came from, for the record; None takes the corpus's own counts.
        server: Keep the index on this Chroma server instead.

    Raises:
        BadInputError: The corpus is empty, or a passage cannot be encoded.
        StorageError: The folder cannot be written to.
        IndexServerError: The server does not answer or refuses.
    """
    if not len(corpus):
        raise BadInputError("the corpus is empty", "Name a file with at least one passage")
    backend = backend_of(home, server)
    with backend.versions.building():
        info = backend.versions.complete(fingerprint(encoder.fingerprint, corpus.sha256))
        if info is None or not _sound(backend, info):
            info = build(backend, corpus, encoder, progress, corpus.counts if corpora is None else corpora)
        backend.versions.switch(info)
    return info


def open_index(home: str | Path, encoder: Encoder, *, server: ChromaServer | None = None) -> Index:
    """Open the index that serves an encoder.

    Raises:
        IndexMissingError: There is none, only a half-written one, or it is damaged.
        IndexMismatchError: Those that there are were built with other encoders.
        StorageError: It lies in a folder that cannot be read.
        IndexServerError: The server does not answer or refuses.
    """
    backend = backend_of(home, server)
    info = backend.versions.current(encoder.fingerprint)
    if info is None:
        raise _none_for(encoder, backend)
    return Index(backend, info)


def backend_of(home: str | Path, server: ChromaServer | None) -> Backend:
    """Where indexes are kept: below ``home``, or on a server where one is named."""
    return ServerBackend(home, server) if server else FolderBackend(home)


def _none_for(encoder: Encoder, backend: Backend) -> RaderError:
    """Why no index serves an encoder."""
    other = backend.versions.current()
    if other:
        return IndexMismatchError(
            f"the index was built with another encoder ({other.encoder}, {other.encoder_fingerprint[:8]}) "
            f"than the one that searches it ({encoder.name}, {encoder.fingerprint[:8]})",
            REBUILD,
        )
    half = backend.versions.unfinished()
    message = "the index is only half-written: its build was stopped" if half else "no index yet"
    return IndexMissingError(message, REBUILD)


def _sound(backend: Backend, info: IndexInfo) -> bool:
    """Whether a complete version can be opened and answers."""
    try:
        index = Index(backend, info)
    except IndexMissingError:
        return False
    try:
        return len(index.lexical.ids) == info.count and bool(index.search(np.ones(info.dim), 1))
    except IndexMissingError:
        return False
    finally:
        index.close()
