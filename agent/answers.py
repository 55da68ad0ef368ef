"""Answers: the boxed one of a text, and whether it equals the gold answer."""

from __future__ import annotations

import re

from agent.maths.notation import closing
from agent.records import Grade

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


def boxed(text: str) -> str | None:
    r"""What the last closed ``\boxed{…}`` of ``text`` holds; None if there is none or it is empty."""
    found = None
    for match in _BOX.finditer(text):
        end = closing(text, match.end())
        if end is not None and text[match.end() : end].strip():
            found = text[match.end() : end].strip()
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
