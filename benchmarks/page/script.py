"""What the scripted model says: a long answer with formulas, or the number that the question holds."""

from __future__ import annotations

import re
from typing import Any

from tests.ui import scripts

MARK = 100_000  # numbers of this size are marks: who asks with one must get it back, and nobody else's
END = r"That is all. \boxed{42}"
SENTENCE = (
    r"Since $x_{0} = \frac{{{0}}}{{7}}$ is bounded by the sum, the next term of the sequence is smaller."
)
WORDS = len(SENTENCE.split(" "))


def long_answer(tokens: int) -> str:
    """About ``tokens`` tokens in paragraphs of four sentences, each with a formula."""
    sentences = [SENTENCE.format(n) for n in range(tokens // WORDS)]
    paragraphs = [" ".join(sentences[n : n + 4]) for n in range(0, len(sentences), 4)]
    return "\n\n".join([*paragraphs, END])


def marks(text: str) -> set[int]:
    """All marks in a text."""
    return {int(found) for found in re.findall(r"(?<!\d)1\d{5}(?!\d)", text)}


def answering(body: dict[str, Any]) -> str:
    """As the tests' model, but the boxed answer is the mark of the question."""
    asked = marks(" ".join(str(message["content"]) for message in body["messages"]))
    return scripts.solve(body).replace("42", str(max(asked, default=42)))
