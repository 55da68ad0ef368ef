"""The look at triples and prompts before a training begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.leakage.watch import LeakageError
from training.trainers.leakage import leakage

THEFT = "In how many ways can seven people sit around a round table so that two of them never meet?"


@pytest.mark.parametrize("name", ["triples", "validation"])
def test_both_files_of_triples_are_looked_at(tmp_path: Path, name: str) -> None:
    benchmark = tmp_path / "asked.jsonl"
    benchmark.write_text(json.dumps({"id": "q", "query": THEFT, "gold_ids": ["a"]}) + "\n")
    (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": "t", "query": THEFT}) + "\n")
    with pytest.raises(LeakageError, match=r"1 of \S+ texts repeat .* t \(same\) of q"):
        leakage(tmp_path, tmp_path, [str(benchmark)])
    told = leakage(tmp_path, tmp_path, [str(benchmark)], allow=True)["leakage"]
    assert told["kept"]
    assert [found["same"] for found in told["benchmarks"].values()] == [1]
