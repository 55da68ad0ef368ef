"""Exports: what is written is what was there."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from agent.log import TrajectoryLog
from agent.records import Trajectory, Usage
from retriever.errors import BadInputError, StorageError
from tests.training.samples import step, trajectory
from tests.ui.trajectories.samples import FOUND, HOSTILE, run
from ui.trajectories.exports import clean, export

RUNS = [
    run(1, feedback={"training": "approved", "hit:am-gm": "up"}),
    run(2, problem=HOSTILE, grade=None, answer=None, outcome="failed", error="no server"),
    trajectory([step(1, "retrieve", "1 passage", FOUND)], id="found"),
]


def test_jsonl_is_a_log(tmp_path: Path) -> None:
    file = tmp_path / "new" / "trajectories.jsonl"
    assert list(export(RUNS, file, "jsonl")) == [1, 2, 3]
    assert list(TrajectoryLog(file).read(skip_bad=False)) == RUNS


def test_parquet_gives_the_same_again(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "trajectories.parquet"
    assert list(export(RUNS, file, "parquet")) == [1, 2, 3]
    assert [read(row) for row in parquet.read_table(file).to_pylist()] == RUNS


def test_parquet_is_read_by_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    file = tmp_path / "trajectories.parquet"
    list(export(RUNS, file, "parquet"))
    [row, *_] = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    assert [each["action"] for each in row["steps"]] == [each.action for each in RUNS[0].steps]
    assert row["feedback"] == [{"key": "training", "value": "approved"}, {"key": "hit:am-gm", "value": "up"}]


def read(row: dict[str, Any]) -> Trajectory:
    """A row of Parquet as a trajectory: feedback and parts as they were."""
    said = {each["key"]: each["value"] for each in row["feedback"] or []}
    for each in row["steps"]:
        for hit in each["hits"]:
            hit["parts"] = {name: value for name, value in hit["parts"].items() if value is not None}
    return Trajectory.model_validate(json.loads(json.dumps(row | {"feedback": said or None})))


def test_many_are_written_in_groups(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "trajectories.parquet"
    *_, count = export((run(number) for number in range(900)), file, "parquet")
    opened = parquet.ParquetFile(file)
    assert (count, opened.metadata.num_rows) == (900, 900)
    assert opened.metadata.num_row_groups > 1


def test_nothing_is_an_empty_file(tmp_path: Path) -> None:
    assert list(export([], tmp_path / "a.jsonl", "jsonl")) == []
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert list(export([], tmp_path / "a.parquet", "parquet")) == []
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 0


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(BadInputError, match="too large for Parquet"):
        list(export([run(1, usage=Usage(completion_tokens=10**40))], tmp_path / "a.parquet", "parquet"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        list(export(RUNS, tmp_path / "file" / "a.jsonl", "jsonl"))


def test_old_exports_go_and_young_ones_stay(tmp_path: Path) -> None:
    for name, age in (("old", 4000), ("young", 10)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trajectories.jsonl").write_text("{}")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    clean(tmp_path)
    clean(tmp_path / "no-such-folder")
    assert [path.name for path in tmp_path.iterdir()] == ["young"]
