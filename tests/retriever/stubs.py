"""Stand-ins: small corpora, and an encoder without a model for tests that are not about encoding."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from retriever.encoder import Encoder, Progress, Vectors
from retriever.passage import Passage

SUBJECTS = (
    "prime number",
    "triangle angle",
    "graph path",
    "integral limit",
    "matrix group",
    "probability sum",
)


def passages(count: int, start: int = 0) -> list[Passage]:
    """Theorems with ids ``t/000`` onwards, every sixth of one subject, each with a word of its own."""
    return [
        Passage(
            id=f"t/{i:03}",
            title=f"Theorem {i}",
            text=f"the {SUBJECTS[i % 6]} theorem, case w{i}x",
            kind="theorem" if i % 2 else "code",
        )
        for i in range(start, start + count)
    ]


class HashEncoder(Encoder):
    """Bags of hashed words, 16 dimensions; counts what it encodes. Needs no torch."""

    def __init__(self, seed: int = 0) -> None:
        self.query_prompt = self.passage_prompt = ""
        self.cut_queries = self.cut_passages = 0
        self.seed = seed
        self.encoded: list[str] = []

    name = "hash"  # type: ignore[assignment]
    dim = 16  # type: ignore[assignment]
    max_tokens = 100  # type: ignore[assignment]

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return hashlib.sha256(f"hash {self.seed}".encode()).hexdigest()

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        return np.stack([self._vector(query) for query in queries])

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        self.encoded += [passage.id for passage in passages]
        if progress:
            progress(len(passages), len(passages))
        return np.stack([self._vector(passage.content) for passage in passages])

    def token_counts(self, texts: Sequence[str], prompt: str = "") -> list[int]:
        return [len(text.split()) for text in texts]

    def _vector(self, text: str) -> Vectors:
        vector = np.full(self.dim, 0.1, dtype=np.float32)
        for word in text.lower().split():
            digest = hashlib.sha256(f"{self.seed} {word}".encode()).digest()
            vector += np.frombuffer(digest[: self.dim], dtype=np.int8).astype(np.float32) / 128
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
