"""Answers: the boxed one of a text, and whether it equals the gold answer."""

from __future__ import annotations

import re

from agent.records import Grade

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def boxed(text: str) -> str | None:
    r"""What the last closed ``\boxed{…}`` of ``text`` holds; None if there is none or it is empty."""
    closed = _closed(text)
    boxes = ((match.end(), closed.get(match.end())) for match in _BOX.finditer(text))
    found = [(start, end) for start, end in boxes if end is not None and text[start:end].strip()]
    return text[slice(*found[-1])].strip() if found else None


def _closed(text: str) -> dict[int, int]:
    """For each brace that is closed, where its inside begins and ends; in one pass, however deep."""
    opened: list[int] = []
    found = {}
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            opened.append(brace.end())
        elif brace.group() == "}" and opened:
            found[opened.pop()] = brace.start()
    return found


def grade(answer: str | None, gold: str | None, *, seconds: float = 10.0) -> Grade | None:
    """Whether ``answer`` is mathematically equal to ``gold``.

    Returns:
        None where there is no gold answer; ``ungradable`` where there is no answer, or where the comparison
        crashed or took more than ``seconds``: such a run is counted apart and never rewarded.
    """
    if gold is None:
        return None
    if answer is None:
        return "ungradable"
    from agent.grading import equal

    verdict = equal(answer, gold, seconds=seconds)
    return "ungradable" if verdict is None else ("correct" if verdict else "wrong")
