"""Problems written by hand become trajectories; bad lines are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.records import Trajectory
from retriever.errors import BadInputError
from training.trajectories.episodes import episodes
from training.trajectories.written import written_trajectories
from training.triples.queries import drafts

LINE = {
    "id": "parts",
    "problem": "A cake loses a slice.",
    "reasoning": "The slice is known, so what stays should follow.",
    "ask": "If a share of something is known, what is known of the rest?",
}


def file(folder: Path, *rows: object) -> Path:
    path = folder / "written.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_written_problem_asks_in_four_ways(tmp_path: Path) -> None:
    [one] = written_trajectories(file(tmp_path, LINE))
    assert Trajectory.model_validate_json(one.to_json()) == one
    [episode] = episodes(one)
    assert episode.positives == ("parts",)
    assert {draft.name: draft.text for draft in drafts(episode)} == {
        "question": LINE["problem"],
        "cot": f"{LINE['problem']}\n{LINE['reasoning']}",
        "step": LINE["reasoning"],
        "llm": LINE["ask"],
    }


def test_two_problems_for_one_theorem_are_two(tmp_path: Path) -> None:
    found = list(written_trajectories(file(tmp_path, LINE, LINE | {"problem": "Another cake."})))
    assert len({one.id for one in found}) == len({one.problem_id for one in found}) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({key: LINE[key] for key in ("id", "problem", "ask")}, "reasoning is missing"),
        (LINE | {"ask": "  "}, "ask is empty"),
        ([1], "not a JSON object"),
    ],
)
def test_a_bad_line_is_named_or_counted(tmp_path: Path, row: object, reason: str) -> None:
    path = file(tmp_path, LINE, row)
    with pytest.raises(BadInputError, match=rf"line 2: {reason}"):
        list(written_trajectories(path))
    skipped: list[str] = []
    assert len(list(written_trajectories(path, skipped))) == 1
    assert len(skipped) == 1
