"""Another encoder's index of the same passages, built beside the one that serves."""

from __future__ import annotations

from pathlib import Path

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress
from retriever.errors import IndexMissingError
from retriever.index import ChromaServer, Index, IndexInfo, backend_of, build_index


def serving_index(
    home: str | Path, fingerprint: str = "", *, server: ChromaServer | None = None
) -> IndexInfo | None:
    """The manifest of the index that serves an encoder, or of the one built last; None where there is none.

    Args:
        home: The product's folder.
        fingerprint: The encoder's.
        server: The Chroma server where it is.
    """
    versions = backend_of(home, server).versions
    return versions.current(fingerprint) or versions.current()


def indexed_corpus(home: str | Path, info: IndexInfo, *, server: ChromaServer | None = None) -> Corpus:
    """The passages of an index, with the counts of where they came from.

    Raises:
        IndexMissingError: It is damaged.
        StorageError, IndexServerError: It cannot be read.
    """
    index = Index(backend_of(home, server), info)
    try:
        return Corpus(index.passages(), counts=info.corpora)
    finally:
        index.close()


def follow(
    home: str | Path,
    encoder: Encoder,
    leader: str = "",
    progress: Progress | None = None,
    *,
    server: ChromaServer | None = None,
) -> IndexInfo | None:
    """Build an encoder's index of the passages that another's holds; the other one stays as it is.

    Args:
        home: The product's folder.
        encoder: Whose index is built; nothing is done where it holds the same passages already.
        leader: Fingerprint of the other encoder; empty takes the index built last.
        progress: Called with (passages done, passages in all).
        server: The Chroma server where the indexes are.

    Returns:
        Its manifest; None where there is no index to follow, or only a damaged one.

    Raises:
        StorageError, IndexServerError: It cannot be written.
    """
    info = serving_index(home, leader, server=server)
    if info is None:
        return None
    own = backend_of(home, server).versions.current(encoder.fingerprint)
    if own and own.corpus_sha256 == info.corpus_sha256:
        return own
    try:
        corpus = indexed_corpus(home, info, server=server)
    except IndexMissingError:
        return None
    return build_index(home, corpus, encoder, progress, server=server)
