"""Feedback: a log beside the trajectories; later words count, torn lines harm nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.feedback import FeedbackLog, beside
from agent.log import TrajectoryLog
from retriever.errors import BadInputError, StorageError
from tests.agent.test_log import trajectory


@pytest.fixture
def log(tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(tmp_path / "feedback.jsonl")


def test_the_last_word_counts_and_an_empty_one_takes_it_back(log: FeedbackLog) -> None:
    assert log.read() == {}
    for key, value in [("answer", "up"), ("answer", "down"), ("hit:a:b", "up"), ("right:3", "vieta")]:
        log.give("t1", key, value)
    log.give("t2", "training", "approved")
    log.give("t2", "training", "")
    assert log.read() == {"t1": {"answer": "down", "hit:a:b": "up", "right:3": "vieta"}}


@pytest.mark.parametrize(
    ("key", "value"),
    [("answer", "good"), ("hit:", "up"), ("hit", "up"), ("right:x", "a"), ("training", "up"), ("x", "y")],
)
def test_what_cannot_be_said_is_refused_and_left_out(log: FeedbackLog, key: str, value: str) -> None:
    with pytest.raises(BadInputError):
        log.give("t", key, value)
    log.path.write_text(
        f'{{"trajectory": "t", "key": "{key}", "value": "{value}"}}\n[1]\n{{"key": 1}}\n{{"tra'
    )
    log.give("t", "answer", "up")
    assert log.read() == {"t": {"answer": "up"}}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="feedback"):
        FeedbackLog(tmp_path / "file" / "feedback.jsonl").give("t", "answer", "up")


def test_trajectories_are_read_with_the_feedback_beside_them(tmp_path: Path) -> None:
    log = TrajectoryLog(tmp_path / "trajectories.jsonl")
    log.append(trajectory("one"))
    log.append(trajectory("two"))
    FeedbackLog(beside(log.path)).give("two", "answer", "up")
    assert [one.feedback for one in log.read()] == [None, {"answer": "up"}]
