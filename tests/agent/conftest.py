"""Fixtures of the agent's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import grading
from agent.log import TrajectoryLog


@pytest.fixture
def log(tmp_path: Path) -> TrajectoryLog:
    """A trajectory log that does not exist yet, in a folder that does not exist yet."""
    return TrajectoryLog(tmp_path / "logs" / "trajectories.jsonl")


@pytest.fixture(scope="session", autouse=True)
def grader() -> Iterator[grading.Grader]:
    """The warm grader that `grade` uses, ended with the tests."""
    yield grading._GRADER
    grading._GRADER.close()
