"""Texts as they are compared: what two copies of one problem share, however they were typed."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Commands about looks and spaces: a copy may have others.
_LOOKS = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|quad|qquad|ds|text|mathrm|mathbf|mathit|textbf|textit|"
    r"operatorname|paren|begin|end|big|Big|bigg|Bigg)(?![A-Za-z])|\\[,;:!()\[\]\s]"
)
_SAME = {r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\le": r"\leq", r"\ge": r"\geq", r"\ne": r"\neq"}
_WORD = re.compile(r"\\[a-z]+|[^\W\d_]+|\d+(?:\.\d+)?")


def words(text: str) -> list[str]:
    r"""Words, numbers and LaTeX commands in small letters, in order; signs, spaces and looks are left out."""
    plain = _LOOKS.sub(" ", unicodedata.normalize("NFKC", text)).casefold()
    return [_SAME.get(word, word) for word in _WORD.findall(plain)]


def digest(text: str) -> str:
    """What texts with the same `words` share, 32 hex digits; a text without any word stands for itself."""
    found = words(text)
    return _hash(" ".join(found) if found else text.strip())


def template(text: str) -> str:
    """What texts share that differ in their numbers alone, 32 hex digits."""
    found = words(text)
    return _hash(" ".join("#" if word[0].isdigit() else word for word in found) if found else text.strip())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
