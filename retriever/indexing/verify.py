"""Whether an index is what it should be, passage by passage."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from retriever.encoder import Encoder, Vectors
from retriever.index import ChromaServer, Index, open_index
from retriever.passage import Passage

TOLERANCE = 1e-4  # most that a component of a vector may differ when it is computed again
TOLERANCE_QUANTISED = 0.05  # int8 activations depend on what else is in the batch
_NEAREST = 10
_RECALL = 0.9  # of the graph, on the sample; below it something is broken rather than approximate


class VerifyReport(BaseModel):
    """What `verify_index` found; sound where ``faults`` is empty.

    ``sampled`` passages were encoded again and searched for; ``recall`` is the share of their ten nearest
    passages, found by exact search, that the graph finds too; ``deviation`` is the largest difference of a
    component of a vector from the one computed again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    count: int
    sampled: int
    recall: float
    deviation: float
    faults: list[str]


def verify_index(
    home: str | Path,
    encoder: Encoder,
    *,
    sample: int = 64,
    seed: int = 0,
    tolerance: float | None = None,
    server: ChromaServer | None = None,
) -> VerifyReport:
    """Check the index that serves an encoder against what it should be.

    Every passage is looked at: the hash of the corpus, ids and contents in Chroma, vectors of unit length and
    the same beside Chroma, BM25's ids. A seeded sample is encoded again, and searched for through the graph.

    Args:
        home: The product's folder.
        encoder: The encoder.
        sample: Passages to encode again; all where there are fewer.
        seed: Of the sample.
        tolerance: Largest difference allowed of a component; None takes 1e-4, or 0.05 for an int8 backend.
        server: The Chroma server where the index is.

    Raises:
        IndexMissingError, IndexMismatchError: There is none to check, or it cannot even be opened.
        StorageError, IndexServerError: It cannot be read.
    """
    index = open_index(home, encoder, server=server)
    with closing(index), index.reading():
        passages = index.passages()
        chosen = random.Random(seed).sample(range(len(passages)), min(sample, len(passages)))  # noqa: S311
        again = encoder.encode_passages([passages[row] for row in chosen])
        stored, faults = _vectors(index)
        faults += [*_contents(index, passages), *_lexical(index)]
        deviation = float(np.nan_to_num(np.abs(again - stored[chosen]), nan=np.inf).max())
        if deviation > (_tolerance(encoder) if tolerance is None else tolerance):
            faults.append(f"vectors differ by up to {deviation:.2g} from what the encoder computes now")
        recall = _recall(index, stored, chosen)
        if recall < _RECALL:
            faults.append(f"the graph finds only {recall:.0%} of the nearest passages")
    return VerifyReport(
        name=index.info.fingerprint,
        count=len(index),
        sampled=len(chosen),
        recall=recall,
        deviation=deviation,
        faults=faults,
    )


def _contents(index: Index, passages: list[Passage]) -> list[str]:
    """Whether the passages are those of the manifest, and Chroma has the same."""
    faults = []
    if index.rows.corpus_sha256 != index.info.corpus_sha256:
        faults.append("the passages are not those that were indexed")
    there = index.store.content_hashes(sorted(index.store.ids()))
    wanted = {passage.id: passage.content_sha256 for passage in passages}
    for reason, ids in (
        ("are missing in Chroma", wanted.keys() - there.keys()),
        ("are in Chroma and should not be", there.keys() - wanted.keys()),
        (
            "have another content in Chroma",
            {key for key in wanted if there.get(key, wanted[key]) != wanted[key]},
        ),
    ):
        if ids:
            faults.append(f"{len(ids)} passages {reason}, such as {min(ids)}")
    return faults


def _lexical(index: Index) -> list[str]:
    return [] if index.lexical.ids == index.rows.ids else ["BM25 holds other passages"]


def _vectors(index: Index) -> tuple[Vectors, list[str]]:
    """Chroma's vectors ``(count, dim)`` in the order of ids, and what is wrong with them."""
    ids, beside = index.vectors()
    found = index.store.vectors(ids)
    none = np.full(index.info.dim, np.nan, dtype=np.float32)
    stored = np.stack([found.get(key, none) for key in ids])
    faults = []
    bad = np.flatnonzero(~(np.abs(np.linalg.norm(stored, axis=1) - 1) < 1e-3))  # NaN is bad too
    if len(bad):
        faults.append(f"{len(bad)} vectors are not of unit length, such as that of {ids[bad[0]]}")
    other = np.flatnonzero(~(np.abs(stored - beside).max(axis=1) < 1e-6))
    if len(other):
        faults.append(
            f"{len(other)} vectors differ from those beside Chroma, such as that of {ids[other[0]]}"
        )
    return stored, faults


def _recall(index: Index, stored: Vectors, rows: list[int]) -> float:
    """Share of the nearest passages of some rows that Chroma's graph finds; equals count alike."""
    place = {key: row for row, key in enumerate(index.rows.ids)}
    k, hits = min(_NEAREST, len(stored)), 0
    for row in rows:
        exact = stored @ stored[row]
        least = np.partition(exact, -k)[-k] - 1e-6
        near = [place[key] for key, _ in index.store.nearest(stored[row], k) if key in place]
        hits += int((exact[near] >= least).sum())
    return hits / (k * len(rows))


def _tolerance(encoder: Encoder) -> float:
    return TOLERANCE_QUANTISED if "int8" in str(getattr(encoder, "backend", "")) else TOLERANCE
