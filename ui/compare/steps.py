"""A pasted solution to its steps, and each step to a query, pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from retriever.errors import BadInputError
from training.triples.queries import COT_CHARS, last_thoughts
from ui.page import latex

QueryType = Literal["cot", "step"]
QUERY_TYPES: tuple[QueryType, ...] = get_args(QueryType)
MOST_STEPS = 40
MOST_CHARS = 40_000  # of a problem and its steps

_NAMED = re.compile(
    r"[ \t]*(?:#{1,6}[ \t]+)?(?P<bold>\*\*)?step[ \t]+\d{1,3}[ \t]*"
    r"(?:[.:)–—-]|(?=\*\*)|$)(?P<end>\*\*)?[ \t]*",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"[ \t]*(?:#{1,6}[ \t]+)?(?P<bold>\*\*)?\d{1,3}[.)](?=[ \t*]|$)(?P<end>\*\*)?[ \t]*")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_HEADING = re.compile(r"#{1,6}[ \t].*|\*\*[^*\n]+\*\*:?|[^\n]{1,80}:")
_WORD = re.compile(r"[^\W\d_]{2,}")


class Query(NamedTuple):
    """What one row of a comparison asks: its name, the step as it was written, and what is searched for."""

    name: str
    step: str
    text: str


def split_steps(text: str) -> list[str]:
    """The steps of a solution in order, without their numbers.

    Lines that begin with ``Step 2:`` each begin a step, or else lines that begin with ``2.``, where there are
    two or more; otherwise a paragraph is a step. A paragraph that only displays a formula belongs to the one
    before, a heading to the one after.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for mark in (_NAMED, _NUMBERED):
        if sum(mark.match(line) is not None for line in lines) > 1:
            return _at_marks(lines, mark)
    return _paragraphs("\n".join(lines))


def queries(problem: str, steps: str, kind: QueryType) -> tuple[Query, ...]:
    """A query for the problem, where there is one, and for every step.

    Args:
        problem: The problem's text; may be empty.
        steps: The solution's text; may be empty.
        kind: ``cot`` asks with the problem and all steps so far, as triples of that type do; ``step`` with
            the step alone.

    Raises:
        BadInputError: There is no text at all, or too much of it.
    """
    problem, parts = problem.strip(), split_steps(steps)
    if not problem and not parts:
        raise BadInputError("there is nothing to search for", "Paste a problem or steps, or try an example")
    if len(problem) + len(steps) > MOST_CHARS:
        count = f"{len(problem) + len(steps):,}"
        raise BadInputError(f"the text has {count} characters; the limit is {MOST_CHARS:,}", "Shorten it")
    if len(parts) > MOST_STEPS:
        raise BadInputError(
            f"these are {len(parts)} steps; the limit is {MOST_STEPS}", "Join some of them, or leave some out"
        )
    first = [Query("Problem", problem, problem)] if problem else []
    asked = [part if kind == "step" else _cot(problem, parts[: n + 1]) for n, part in enumerate(parts)]
    return (*first, *(Query(f"Step {n}", *both) for n, both in enumerate(zip(parts, asked, strict=True), 1)))


def _cot(problem: str, steps: Sequence[str]) -> str:
    thoughts = last_thoughts(tuple(steps), COT_CHARS - len(problem))
    return f"{problem}\n{thoughts}" if problem else thoughts


def _at_marks(lines: Sequence[str], mark: re.Pattern[str]) -> list[str]:
    steps = [""]
    for line in lines:
        begin = mark.match(line)
        if begin is None:
            steps[-1] += f"\n{line}"
            continue
        opened = "**" if begin["bold"] and not begin["end"] else ""  # bold that goes on behind the number
        steps.append(opened + line[begin.end() :])
    return [step.strip() for step in steps if step.strip(" \t\n*")]


def _paragraphs(text: str) -> list[str]:
    steps: list[str] = []
    heading = ""
    for paragraph in filter(None, map(str.strip, _BLANK_LINES.split(text))):
        if _HEADING.fullmatch(paragraph) and not heading:
            heading = paragraph
        elif steps and not heading and not _says_something(paragraph):
            steps[-1] += f"\n{paragraph}"
        else:
            steps.append(f"{heading}\n{paragraph}".strip())
            heading = ""
    return [*steps, heading] if heading else steps


def _says_something(paragraph: str) -> bool:
    """Whether there are words outside of formulas."""
    return any(
        segment.kind == "code" or (segment.kind == "text" and _WORD.search(segment.body))
        for segment in latex.split(paragraph)
    )
