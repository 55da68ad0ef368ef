"""A reranker teaches the retriever: its scores of every row's listed passages, computed once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.files import storage_errors
from retriever.reranking.cross_encoder import CrossEncoderReranker
from training.trainers.config import Distillation
from training.trainers.data import TripleSet

if TYPE_CHECKING:
    from datasets import Dataset

SCORES = "teacher.jsonl"
Progress = Callable[[int, int, str], None]


def taught(
    triples: TripleSet, corpus: Corpus, config: Distillation, out: Path, progress: Progress | None = None
) -> Dataset:
    """The rows with a column ``teacher``: scores of the positive and of each negative, in their order.

    Scores are kept in OUT/teacher.jsonl, a line a row, so that an interrupted run goes on.

    Raises:
        WeightsError: The teacher is no reranker.
    """
    teacher = CrossEncoderReranker(config.reranker, adapter=config.adapter or None)
    file, rows = out / SCORES, triples.rows
    known = _known(file, teacher.fingerprint)
    with storage_errors(out), file.open("a", encoding="utf-8") as kept:
        for number, row in enumerate(rows):
            if number < len(known):
                continue
            passages = [corpus.passages[place] for place in (row["positive"], *row["negatives"])]
            scores = [float(score) for score in teacher.score(row["query"], passages) if score is not None]
            known.append(scores)
            kept.write(json.dumps({"teacher": teacher.fingerprint, "scores": scores}) + "\n")
            if progress and number % 32 == 0:
                progress(number, len(rows), "the reranker scores")
    scaled: list[Any] = [[score / config.temperature for score in scores] for scores in known]
    return rows.add_column("teacher", scaled)


def _known(file: Path, fingerprint: str) -> list[list[float]]:
    """Whole lines of this teacher; what comes after the first other line is cut off."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found: list[list[float]] = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # half a line, from a kill
            break
        if entry["teacher"] != fingerprint:
            break
        found.append(entry["scores"])
    file.write_text("".join(f"{line}\n" for line in lines[: len(found)]), encoding="utf-8")
    return found
