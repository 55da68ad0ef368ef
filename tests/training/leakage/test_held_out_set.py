"""The held-out questions of the benchmarks: whole, over what ships, and nothing that was trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from retriever.corpus import shipped_theorems
from retriever.queries import read_queries
from training.leakage.overlap import OverlapIndex, Reference

ROOT = Path(__file__).parents[3]
QUERIES = read_queries(ROOT / "benchmarks" / "data" / "held_out.jsonl")


def test_every_question_has_reasoning_and_a_theorem_that_ships() -> None:
    titles = {passage.id: passage.title for passage in shipped_theorems()}
    for query in QUERIES:
        assert query.cot
        for gold in query.gold_ids:
            assert titles[gold].casefold() not in f"{query.query} {query.cot}".casefold()


def test_nothing_that_ships_for_training_repeats_them() -> None:
    index = OverlapIndex(list(_references()))
    lines = (ROOT / "training" / "data" / "written.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        row = json.loads(line)
        for field in ("problem", "reasoning", "ask"):
            assert not index.find(row.get(field) or ""), row["id"]


def _references() -> Iterator[Reference]:
    for query in QUERIES:
        yield Reference("held_out", query.id, query.query)
        yield Reference("held_out", query.id, query.cot or "")
