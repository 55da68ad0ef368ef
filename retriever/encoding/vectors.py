"""Vectors of passages kept on disk, so that a corpus is encoded once however often it is evaluated.

home/vectors/ENCODER/
├── lock        held by the one process that encodes
└── SHA256.npz  up to `CHUNK` passages: ``content`` (n, 32) sha256 of each text, ``vectors`` (n, dim),
                ``cut`` (n,) whether the text was longer than the encoder reads

Nothing here can be wrong unseen: a vector is found by its encoder's fingerprint and its text's hash, a file
is written whole or not at all, and one whose bytes do not have the hash in its name is encoded anew.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retriever.encoder import Encoder, Progress, Vectors
from retriever.files import storage_errors
from retriever.passage import Passage

CHUNK = 256  # passages encoded and written at once: what a killed run loses at most


class PassageVectors(NamedTuple):
    """Unit vectors ``(passages, dim)``, and how many of the passages were cut."""

    vectors: Vectors
    cut: int


def passage_vectors(
    passages: Sequence[Passage], encoder: Encoder, home: str | Path, progress: Progress | None = None
) -> PassageVectors:
    """Vectors of passages; only those that are not kept yet are encoded.

    Args:
        passages: Any; those with the same content share a vector.
        encoder: Makes the vectors.
        home: The product's folder; vectors go into ``home/vectors``.
        progress: Called with (passages done, passages in all).

    Raises:
        BadInputError: A passage cannot be encoded.
        StorageError: The folder cannot be written to.
    """
    from filelock import FileLock

    folder = Path(home) / "vectors" / encoder.fingerprint[:32]
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            return _Matrix(passages, encoder, folder, progress).filled()


class _Chunk(NamedTuple):
    """What one file holds: hex hashes of texts, for each a vector ``(dim,)`` and whether it was cut."""

    content: list[str]
    vectors: Vectors
    cut: npt.NDArray[np.bool_]


class _Matrix:
    """The vectors of some passages while they come together, from files and from the encoder."""

    def __init__(
        self, passages: Sequence[Passage], encoder: Encoder, folder: Path, progress: Progress | None
    ) -> None:
        self._passages = passages
        self._encoder = encoder
        self._folder = folder
        self._progress = progress
        self._vectors = np.zeros((len(passages), encoder.dim), dtype=np.float32)
        self._cut = 0
        self._missing: dict[str, list[int]] = {}  # hash of a content → the rows that wait for its vector
        for row, passage in enumerate(passages):
            self._missing.setdefault(passage.content_sha256, []).append(row)

    def filled(self) -> PassageVectors:
        for file in sorted(self._folder.glob("*.npz")):
            if chunk := _read(file):
                self._take(chunk)
        self._report(0)
        for content in self._todo():
            chunk = self._encoded(content)
            _write(self._folder, chunk)
            self._take(chunk)
        return PassageVectors(self._vectors, self._cut)

    def _take(self, chunk: _Chunk) -> None:
        for key, vector, cut in zip(*chunk, strict=True):
            rows = self._missing.pop(key, [])
            self._vectors[rows] = vector
            self._cut += len(rows) * int(cut)

    def _encoded(self, content: list[str]) -> _Chunk:
        encoder, passages = self._encoder, [self._passages[self._missing[key][0]] for key in content]
        cut_before, cut = encoder.cut_passages, np.zeros(len(passages), dtype=bool)
        vectors = encoder.encode_passages(passages, lambda done, _: self._report(done))
        if encoder.cut_passages > cut_before:  # counting tokens again takes time, so only where it matters
            counts = encoder.token_counts([each.content for each in passages], encoder.passage_prompt)
            cut = np.array(counts) > encoder.max_passage_tokens
        return _Chunk(content, vectors, cut)

    def _todo(self) -> Iterator[list[str]]:
        """Hashes of what is to be encoded; longest first, so that passages of one length share a batch."""
        todo = sorted(
            self._missing, key=lambda key: (-len(self._passages[self._missing[key][0]].content), key)
        )
        yield from (todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK))

    def _report(self, fresh: int) -> None:
        if self._progress:
            everything, waiting = len(self._passages), sum(map(len, self._missing.values()))
            self._progress(everything - waiting + fresh, everything)


def _read(file: Path) -> _Chunk | None:
    """What a file holds; None, and the file is gone, where it is damaged."""
    data = file.read_bytes()
    if file.stem != hashlib.sha256(data).hexdigest():
        file.unlink()
        return None
    with np.load(io.BytesIO(data)) as arrays:
        content = [bytes(row).hex() for row in arrays["content"]]
        return _Chunk(content, arrays["vectors"], arrays["cut"])


def _write(folder: Path, chunk: _Chunk) -> None:
    content = np.frombuffer(bytes.fromhex("".join(chunk.content)), dtype=np.uint8).reshape(-1, 32)
    buffer = io.BytesIO()
    np.savez(buffer, content=content, vectors=chunk.vectors, cut=chunk.cut)
    name = hashlib.sha256(buffer.getbuffer()).hexdigest()
    draft = folder / f"{name}.tmp"
    with draft.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / f"{name}.npz")
