"""Labelled queries teach: one query for each of its passages, nothing else made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.records import Trajectory
from retriever.errors import BadInputError
from tests.training.trainers.tiny import write
from training.trajectories.episodes import episodes
from training.trajectories.labelled import labelled_trajectories
from training.triples.queries import drafts

LINE = {"id": "q", "query": "How long is the third side?", "gold_ids": ["pythagoras", "cosines"]}


def file(folder: Path, *rows: dict[str, Any]) -> Path:
    write(folder / "queries.jsonl", list(rows))
    return folder / "queries.jsonl"


def test_a_query_asks_for_all_its_passages(tmp_path: Path) -> None:
    [one] = labelled_trajectories(file(tmp_path, LINE))
    assert Trajectory.model_validate_json(one.to_json()) == one
    [episode] = episodes(one)
    assert episode.positives == ("pythagoras", "cosines")
    assert [(draft.query_type, draft.text) for draft in drafts(episode)] == [("question", LINE["query"])]


def test_a_bad_line_is_named_or_counted(tmp_path: Path) -> None:
    path = file(tmp_path, LINE, LINE | {"id": "r", "gold_ids": []})
    with pytest.raises(BadInputError, match="line 2: gold_ids is empty"):
        list(labelled_trajectories(path))
    skipped: list[str] = []
    assert len(list(labelled_trajectories(path, skipped))) == 1
    assert len(skipped) == 1
