"""The two nouns of retrieval: a passage, and a passage found."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# How a hit's score came about: cosine of the encoder, BM25, or a reranker's score.
ScorePart = Literal["dense", "bm25", "rerank"]


class Passage(BaseModel):
    """One theorem, definition, formula, method or piece of code that can be retrieved.

    Unknown keys of a corpus line are ignored, so that corpora with columns of their own can be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    id: str = Field(min_length=1, max_length=500)
    title: str = ""
    text: str = Field(min_length=1)
    kind: str = "theorem"
    source: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    use_when: str = ""

    @property
    def content(self) -> str:
        """What encoders and BM25 read: title, other names, statement and when to use it, a line each."""
        names = " / ".join(name for name in (self.title, *self.aliases) if name)
        return "\n".join(part for part in (names, self.text, self.use_when) if part)

    @property
    def content_sha256(self) -> str:
        """Hash of ``content``: passages that share it have the same vector under the same encoder."""
        return hashlib.sha256(self.content.encode()).hexdigest()


class Hit(BaseModel):
    """A passage that a search found.

    ``score`` orders the hits (higher is better); ``parts`` says what it is made of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    passage: Passage
    score: float
    parts: dict[ScorePart, float] = Field(default_factory=dict)
