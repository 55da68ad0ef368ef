"""Problem files: JSONL of this product (DESIGN, Files), and of MATH, GSM8K and NuminaMath as published.

A line's format is seen from its keys where none is named:

========== ==========================================================================================
rader      ``{"id", "problem", "answer"?, "solution"?}``
math       ``{"problem", "level", "type"|"subject", "solution"}``, the answer boxed in the solution
gsm8k      ``{"question", "answer"}``, the answer after ``####``
numina     ``{"problem", "solution", "source", "answer"?}``, else the answer boxed in the solution
========== ==========================================================================================
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.answers import boxed
from agent.records import Problem
from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows

Format = Literal["auto", "rader", "math", "gsm8k", "numina"]
FORMATS: tuple[Format, ...] = get_args(Format)
MOST_CHARS = 100_000  # what no model here reads

_CALCULATOR = re.compile(r"<<[^<>]*>>")  # GSM8K's annotations


class _Line(BaseModel):
    """One line once its format's columns have their names here; numeric answers become text."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", coerce_numbers_to_str=True, str_strip_whitespace=True
    )

    id: str = Field(default="", max_length=500)
    problem: str = Field(min_length=1, max_length=MOST_CHARS)
    answer: str | None = None
    solution: str | None = None
    level: int | None = None


class ProblemFile(NamedTuple):
    """What a file gave: its problems in order, and what was left out, a line each."""

    problems: list[Problem]
    skipped: list[str]
    duplicates: int


def read_problems(
    path: Path,
    *,
    kind: Format = "auto",
    levels: frozenset[int] | None = None,
    skip_bad: bool = False,
) -> ProblemFile:
    """The problems of a file, in order, each text once.

    Args:
        path: A JSONL file.
        kind: Its format.
        levels: Only problems of these levels of difficulty.
        skip_bad: Leave bad lines out and list them instead of stopping at the first.

    Raises:
        BadInputError: The file cannot be read, a line is bad, an id names two problems, or nothing is left.
    """
    skipped: list[str] = []
    by_id: dict[str, Problem] = {}
    texts: set[str] = set()
    duplicates = 0
    for place, row in rows(path):
        line = row if isinstance(row, str) else _parse(row, kind)
        if isinstance(line, str):
            if not skip_bad:
                raise BadInputError(f"{place}: {line}", REMEDY)
            skipped.append(f"{place}: {line}")
            continue
        if levels is not None and line.level not in levels:
            continue
        if line.problem in texts:
            duplicates += 1
            continue
        problem = _problem(line)
        if problem.id in by_id:
            raise BadInputError(
                f"{path}: the id {problem.id!r} is there twice", "Give each problem its own id"
            )
        texts.add(line.problem)
        by_id[problem.id] = problem
    if not by_id:
        raise BadInputError(
            f"{path} holds no problem to solve", 'A line is {"id": …, "problem": …, "answer": …}'
        )
    return ProblemFile(list(by_id.values()), skipped, duplicates)


def _problem(line: _Line) -> Problem:
    """A line without an id is named by its text, so that it keeps its name when the file is reordered."""
    name = line.id or hashlib.sha256(line.problem.encode()).hexdigest()[:16]
    return Problem(id=name, problem=line.problem, answer=line.answer or None, solution=line.solution)


def _parse(row: Row, kind: Format) -> _Line | str:
    found = kind if kind != "auto" else _sniff(row)
    if found is None:
        return f"no format fits its keys ({', '.join(list(row)[:8]) or 'none'})"
    try:
        return _Line.model_validate(_READERS[found](row))
    except ValidationError as error:
        return reasons(error)


def _sniff(row: Row) -> Literal["rader", "math", "gsm8k", "numina"] | None:
    if "problem" in row:
        if "id" in row:
            return "rader"
        return "math" if "level" in row else "numina"
    return "gsm8k" if "question" in row else None


def _rader(row: Row) -> Row:
    return {**row, "level": _level(row.get("level"))}


def _math(row: Row) -> Row:
    return {
        "id": _first(row, ("unique_id", "id")),
        "problem": row.get("problem"),
        "solution": row.get("solution"),
        "answer": row.get("answer") or _boxed(row.get("solution")),
        "level": _level(row.get("level")),
    }


def _gsm8k(row: Row) -> Row:
    worked, mark, final = str(row.get("answer") or "").rpartition("####")
    return {
        "id": _first(row, ("id",)),
        "problem": row.get("question"),
        "solution": _CALCULATOR.sub("", worked).strip() or None,
        "answer": final.strip().replace(",", "") if mark else None,
    }


def _numina(row: Row) -> Row:
    return {
        "id": _first(row, ("uuid", "id")),
        "problem": row.get("problem"),
        "solution": row.get("solution"),
        "answer": row.get("answer") or _boxed(row.get("solution")),
    }


_READERS: dict[str, Callable[[Row], Row]] = {
    "rader": _rader,
    "math": _math,
    "gsm8k": _gsm8k,
    "numina": _numina,
}


def _first(row: Row, names: Sequence[str]) -> object:
    return next((row[name] for name in names if row.get(name)), "")


def _boxed(solution: object) -> str | None:
    return boxed(solution) if isinstance(solution, str) else None


def _level(level: object) -> object:
    """``5`` and ``Level 5``; what is neither is no level."""
    digits = re.fullmatch(r"(?:Level )?(\d)", str(level)) if level is not None else None
    return int(digits[1]) if digits else None
