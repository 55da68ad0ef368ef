"""A line of a log as a list shows it, and as it is read again from its place."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agent.records import Trajectory
from retriever.jsonl import MOST_BYTES

PROBLEM_CHARS = 2000  # in which words are looked for
_MOST = 2**53


class Row(NamedTuple):
    """One trajectory as a list shows it.

    Attributes:
        log: Key of its log.
        id: Its name there.
        place: First byte of its line.
        length: Bytes of its line.
        problem: Its beginning.
        strategy: How it was solved.
        graded: Its grade; ``ungraded``; or the outcome of a run that did not come to its end.
        answer: What was answered.
        created: ISO 8601.
        steps: How many.
        tokens: Written by the model.
        feedback: What the line itself says that people said, as JSON; empty where it says nothing.
    """

    log: str
    id: str
    place: int
    length: int
    problem: str
    strategy: str
    graded: str
    answer: str
    created: str
    steps: int
    tokens: int
    feedback: str


def row_at(log: str, place: int, line: bytes) -> Row | None:
    """The row of a line; None where it is no trajectory."""
    read = _trajectory(line)
    if read is None:
        return None
    return Row(
        log=log,
        id=read.id,
        place=place,
        length=len(line),
        problem=read.problem[:PROBLEM_CHARS],
        strategy=read.strategy,
        graded=(read.grade or "ungraded") if read.outcome == "finished" else read.outcome,
        answer=read.answer or "",
        created=read.created,
        steps=len(read.steps),
        tokens=min(read.usage.completion_tokens, _MOST),
        feedback=json.dumps(read.feedback) if read.feedback else "",
    )


def read_at(path: Path, trajectory: str, place: int, length: int) -> Trajectory | None:
    """The trajectory of that id in those bytes of a log; None where the log was changed since."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(place)
        read = _trajectory(file.read(length))
        return read if read and read.id == trajectory else None
    return None


def next_line(file: BinaryIO) -> bytes | None:
    """The next line; None where nobody has ended it yet. One that is too long is read past and empty."""
    line = file.readline(MOST_BYTES + 1)
    if line.endswith(b"\n"):
        return line
    while line and not line.endswith(b"\n"):
        line = file.readline(MOST_BYTES + 1)
    return b"" if line else None


def _trajectory(line: bytes) -> Trajectory | None:
    try:
        return Trajectory.model_validate_json(line)
    except ValueError:
        return None
