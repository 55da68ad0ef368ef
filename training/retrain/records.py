"""What a turn of the loop is made with, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from training.trainers.config import RetrieverTraining
from training.triples.records import FEW, TriplesConfig

if TYPE_CHECKING:
    from retriever.encoder import Encoder
    from retriever.index import IndexInfo


class RetrainConfig(BaseModel):
    """How the loop goes.

    Attributes:
        training: The recipe; its base is what learning begins with.
        triples: How triples are made.
        held_out: Share of the problems, and of the theorems of proofs, that is compared on.
        titles: Plain queries by title to compare on, at most.
        least: Triples below which nothing is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: RetrieverTraining
    triples: TriplesConfig = TriplesConfig()
    held_out: float = Field(default=0.1, ge=0, lt=1)
    titles: int = Field(default=300, ge=0)
    least: int = Field(default=FEW, ge=1)


@dataclass(frozen=True)
class Tools:
    """What the loop works with.

    Attributes:
        home: The product's folder.
        serving: Name of the version that serves; empty for the untrained base.
        encoder: The encoder of a name or folder, as it searches.
        old: What `encoder` calls the one that serves.
        follow: Builds an encoder's index of the passages that are indexed.
        watch: Called with (what is done, how much, of how much).
    """

    home: Path
    serving: str
    old: str
    encoder: Callable[[str], Encoder]
    follow: Callable[[Encoder], IndexInfo | None]
    watch: Callable[[str, int, int], None]


class RetrainReport(BaseModel):
    """What came of it; ``name`` is empty and ``reasons`` says why where the new one was refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promoted: bool
    name: str
    over: str
    reasons: tuple[str, ...]
    steps: tuple[int, float, tuple[float, float]] | None
    compared: dict[str, dict[str, Any]]
    triples: int
    indexed: int
    folder: str
    skipped: tuple[str, ...]
    table: str = Field(exclude=True)
