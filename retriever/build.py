"""One build of an index: what is there is kept, what the index before knows is copied, the rest encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.passage import Passage

if TYPE_CHECKING:
    from retriever.index import Store

_CHUNK = 256  # passages encoded and written at once: what a killed build loses at most
_COPIED = 1000  # vectors taken over at once


class Build:
    """Fills a store with the vectors of a corpus.

    Args:
        store: Where they go; it may hold some already, from a build that was killed.
        corpus: The passages.
        encoder: Makes the vectors.
        progress: Called with (passages done, passages in all).

    Attributes:
        encoded: Vectors computed by this build.
        reused: Vectors taken over from another index.
    """

    def __init__(self, store: Store, corpus: Corpus, encoder: Encoder, progress: Progress | None) -> None:
        self.store = store
        self.encoded = 0
        self.reused = 0
        self._corpus = corpus
        self._encoder = encoder
        self._progress = progress
        self._done = store.count()

    def take_over(self, donor: Store) -> None:
        """Copy the vectors of passages whose content is the same in ``donor`` (same encoder)."""
        for chunk in _chunks(self._missing(), _COPIED):
            known = donor.content_hashes([passage.id for passage in chunk])
            same = [passage for passage in chunk if known.get(passage.id) == passage.content_sha256]
            if same:
                vectors = donor.vectors([passage.id for passage in same])
                self._add(same, np.stack([vectors[passage.id] for passage in same]))
                self.reused += len(same)

    def encode(self) -> None:
        """Encode what is missing; longest first, so that passages of one length share a batch."""
        todo = sorted(self._missing(), key=lambda passage: (-len(passage.content), passage.id))
        for chunk in _chunks(todo, _CHUNK):
            vectors = self._encoder.encode_passages(chunk, lambda n, _: self._report(self._done + n))
            self._add(chunk, vectors)
            self.encoded += len(chunk)

    def _missing(self) -> list[Passage]:
        there = self.store.ids()
        return [passage for passage in self._corpus if passage.id not in there]

    def _add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        self.store.add(passages, vectors)
        self._done += len(passages)
        self._report(self._done)

    def _report(self, done: int) -> None:
        if self._progress:
            self._progress(done, len(self._corpus))


def _chunks(passages: Sequence[Passage], size: int) -> Iterator[Sequence[Passage]]:
    for start in range(0, len(passages), size):
        yield passages[start : start + size]
