"""Tiny triples for the trainers' tests: which of forty made-up theorems holds a query's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from retriever.corpus import Corpus
from retriever.passage import Passage
from tests.conftest import TINY_WORDS
from training.trainers.config import RerankerTraining, RetrieverTraining

TYPES = ("cot", "llm", "question", "lexical")


def make_corpus(size: int = 40) -> Corpus:
    """Passages of ten words each."""
    draw = np.random.default_rng(0)
    words = TINY_WORDS.split()
    return Corpus(
        Passage(id=f"p{number}", title=" ".join(draw.choice(words, 2)), text=" ".join(draw.choice(words, 10)))
        for number in range(size)
    )


def make_triples(folder: Path, corpus: Corpus, rows: int = 48, validation: int = 16) -> Path:
    """Write triples.jsonl and, where it has rows, validation.jsonl; up to three negatives a row."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(1)
    for name, count in (("triples", rows), ("validation", validation)):
        lines = [_row(f"{name}{number}", draw, corpus) for number in range(count)]
        if lines:
            write(folder / f"{name}.jsonl", lines)
    return folder


def _row(name: str, draw: np.random.Generator, corpus: Corpus) -> dict[str, Any]:
    positive, *others = (corpus.passages[place] for place in draw.permutation(len(corpus))[:4])
    return {
        "id": name,
        "query": " ".join(draw.permutation(positive.text.split())[:5]),
        "query_type": str(draw.choice(TYPES)),
        "positive": positive.id,
        "negatives": [each.id for each in others[: draw.integers(1, 4)]],
        "trajectory": name,
    }


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    """Lines of JSON."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recipe(base: Path, **changes: Any) -> RetrieverTraining:
    """A retriever's recipe for two dozen steps on the CPU."""
    options: dict[str, Any] = {"base": str(base), "batch": 8, "lr": 5e-3, "device": "cpu", "mini_batch": 4}
    return RetrieverTraining(**(options | changes))


def reranker_recipe(base: Path, **changes: Any) -> RerankerTraining:
    """A reranker's."""
    options: dict[str, Any] = {"base": str(base), "batch": 8, "lr": 5e-3, "device": "cpu", "mini_batch": 4}
    return RerankerTraining(**(options | changes))
