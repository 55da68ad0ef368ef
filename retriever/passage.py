"""The two nouns of retrieval: a passage, and a passage found."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# How a hit's score came about: cosine of the encoder, BM25, or a reranker's score.
ScorePart = Literal["dense", "bm25", "rerank"]
# A passage is something to be read at one go. The longest of ProofWiki's 22,850 statements has 13,058
# characters; encoders read a few thousand. What is longer by far is a book that nobody has split.
MOST_CHARACTERS = 1_000_000


class Passage(BaseModel):
    """One theorem, definition, formula, method or piece of code that can be retrieved.

    Unknown keys of a corpus line are ignored, so that corpora with columns of their own can be read.
    Refused: more than `MOST_CHARACTERS` of content, a NUL anywhere (storage would end the text there), and a
    line end or another control character in the id (it would break the lines of run files and logs).
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

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        content = self.content
        if len(content) > MOST_CHARACTERS:
            numbers = {"length": f"{len(content):,}", "most": f"{MOST_CHARACTERS:,}"}
            raise PydanticCustomError("too_long", "{length} characters, and {most} is the most", numbers)
        if any("\0" in part for part in (content, self.kind, self.source, *self.tags)):
            raise PydanticCustomError("nul", "it holds a NUL character")
        if any(character < " " or character == "\x7f" for character in self.id):
            raise PydanticCustomError("control", "the id holds a control character")
        return self

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
