"""What is known of an index without opening it: its manifest, its name, its state."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

# Raise when the layout of a version, the tokeniser or BM25's settings change: it forces a rebuild.
# 2: tags can be filtered by, rows lie beside Chroma, the graph is written out whole.
SCHEMA = 2


class IndexInfo(BaseModel):
    """What an index holds and how it was made; its manifest.

    ``kinds``, ``sources`` and ``tags`` count passages by value, ``corpora`` by where they came from.
    ``encoded`` and ``reused`` count the vectors that were computed and those taken over from the index
    before; ``cut`` counts passages among the encoded that were longer than the encoder reads. ``deleted``
    counts rows that were removed and still burden the graph. ``checksums`` are CRC-32 by file name of the
    vectors' file and of those of the graph, which are read by code that trusts them, and by path of the files
    beside Chroma's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    encoder: str
    encoder_fingerprint: str
    corpus_sha256: str
    dim: int
    count: int
    kinds: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, int] = Field(default_factory=dict)
    corpora: dict[str, int] = Field(default_factory=dict)
    encoded: int = 0
    reused: int = 0
    cut: int = 0
    deleted: int = 0
    seconds: float = 0.0
    built: datetime | None = None
    layout: int = 1  # the SCHEMA it was built under; manifests did not always say
    checksums: dict[str, int] = Field(default_factory=dict)


class Serving(NamedTuple):
    """Names of the version that serves an encoder and of the one that did before."""

    current: str | None = None
    previous: str | None = None


State = Literal["serving", "previous", "half-written", "unused"]


class IndexStatus(BaseModel):
    """One version as ``rader index --list`` shows it; ``bytes`` are those on this machine's disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: State
    encoder: str = ""
    encoder_fingerprint: str = ""
    count: int = 0
    kinds: dict[str, int] = Field(default_factory=dict)
    corpora: dict[str, int] = Field(default_factory=dict)
    bytes: int = 0
    built: datetime | None = None


def fingerprint(encoder_fingerprint: str, corpus_sha256: str) -> str:
    """Names an index: all that decides what it answers; 32 hex digits."""
    parts = [SCHEMA, encoder_fingerprint, corpus_sha256, "cosine"]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
