"""Problem files: JSONL of ``{"id", "problem", "answer"?, "solution"?}`` (DESIGN, Files)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.records import Problem
from retriever.errors import BadInputError


class ProblemLine(BaseModel):
    """One line of a problem file; columns of its own are ignored, numeric answers become text."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str
    problem: str
    answer: str | None = None
    solution: str | None = None
    level: int | None = None


def read_problems(path: Path, *, levels: frozenset[int] | None = None) -> list[Problem]:
    """The problems of a file, in order; with ``levels``, only those of these levels of difficulty.

    Raises:
        BadInputError: the file cannot be read, a line is bad, or nothing is left.
    """
    lines = [line for line in _lines(path) if levels is None or line.level in levels]
    if not lines:
        raise BadInputError(
            f"{path} holds no problem to solve", 'A line is {"id": …, "problem": …, "answer": …}'
        )
    return [
        Problem(id=line.id, problem=line.problem, answer=line.answer, solution=line.solution)
        for line in lines
    ]


def _lines(path: Path) -> Iterator[ProblemLine]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _parse(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read ({error})", "Check the path; it must be UTF-8") from error


def _parse(path: Path, number: int, line: str) -> ProblemLine:
    try:
        return ProblemLine.model_validate(json.loads(line))
    except (json.JSONDecodeError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise BadInputError(f"{path}, line {number}: {reason}", "Mend the line or take it out") from error
