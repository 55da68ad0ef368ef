"""What triples are made with and what they come to: the triple itself, settings, the report."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.triples.negatives import DEPTH, MOST_COSINE
from training.triples.queries import QUERY_TYPES, QueryType

Side = Literal["train", "validation"]
FILES: dict[Side, str] = {"train": "triples.jsonl", "validation": "validation.jsonl"}
VALIDATION = 0.05
NEGATIVES = 12  # METHOD, Bi-encoder
FEW = 100  # triples that nothing can be learned from


class Triple(BaseModel):
    """A query, the id of a passage that helps, and ids of passages that do not (DESIGN, Files)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    query: str = Field(min_length=1)
    query_type: QueryType
    positive: str = Field(min_length=1)
    negatives: tuple[str, ...] = ()
    trajectory: str


class TriplesConfig(BaseModel):
    """How triples are made.

    Attributes:
        types: The query types wanted.
        negatives: At most so many for a query; rejected ones come before mined ones.
        depth: Hits that each retriever is asked for when mining.
        most_cosine: A mined negative nearer to its positive is dropped.
        validation: Share of the problems that validate, 0 to 1.
        held_out: Share of the theorems of proofs that are left for evaluation, with every problem whose
            proof uses one (`training.proofs.splits`).
        approved: Also what a person approved.
        allow_leakage: Keep what is too like a benchmark, and only report it.
        seed: Of both splits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    types: tuple[QueryType, ...] = Field(default=QUERY_TYPES, min_length=1)
    negatives: int = Field(default=NEGATIVES, ge=0, le=1000)
    depth: int = Field(default=DEPTH, ge=1, le=1000)
    most_cosine: float = Field(default=MOST_COSINE, gt=0, le=1)
    validation: float = Field(default=VALIDATION, ge=0, lt=1)
    held_out: float = Field(default=0.0, ge=0, lt=1)
    approved: bool = False
    allow_leakage: bool = False
    seed: int = 0


class TriplesReport(BaseModel):
    """What was made of what.

    ``train`` and ``validation`` count triples by query type, ``dropped`` says what was left out and why,
    ``negatives`` is their mean number. ``skipped`` are bad lines of the input, ``inputs`` the sha256 of each
    file, ``settings`` the configuration with the retrievers and the model that took part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    triples: int
    train: dict[str, int]
    validation: dict[str, int]
    trajectories: int
    problems: int
    theorems: int
    negatives: float
    without_negatives: int
    dropped: dict[str, int]
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    inputs: dict[str, str]
    corpus_sha256: str
    passages: int
    settings: dict[str, object]


def warnings_of(counts: dict[Side, Counter[str]], without: int, merged: int) -> list[str]:
    """What a user should know before training on so few, or so alike."""
    train, found = counts["train"].total(), []
    if train < FEW:
        found.append(f"only {train} triples to train on: nothing can be learned from fewer than {FEW}")
    if not counts["validation"].total():
        found.append("no problem validates: give more trajectories, or a larger --validation")
    if without == train + counts["validation"].total():
        found.append("no triple has a hard negative, and a reranker needs some: mine them with --mine bm25")
    if merged:
        found.append(f"{merged} theorems stand under one id in two corpora: the first named was taken")
    return found
