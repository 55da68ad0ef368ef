"""The tokens of a formula, read one after another."""

from __future__ import annotations

import re

SPACE = re.compile(r"\s+\Z")
_TOKEN = re.compile(r"\\(?:operatorname\*|[A-Za-z]+|.)|\s+|.", re.DOTALL)


class RefusedError(ValueError):
    """Something that cannot be vouched for."""


class Tokens:
    """Commands, stretches of space and single characters; ``at`` is the place of the next one."""

    def __init__(self, formula: str) -> None:
        self._all: list[str] = _TOKEN.findall(formula)
        self.at = 0

    def peek(self) -> str:
        """The next word; empty at the end."""
        return self._all[self.at] if self.at < len(self._all) else ""

    def next(self) -> str:
        """Read a word."""
        word = self.peek()
        if not word:
            raise RefusedError("the formula ends too early")
        self.at += 1
        return word

    def skip(self) -> None:
        """Read over space."""
        while SPACE.match(self.peek()):
            self.at += 1

    def raw(self) -> str:
        """The text between two braces, as it stands."""
        self.skip()
        if self.next() != "{":
            raise RefusedError("a brace is missing")
        parts, depth = [], 1
        while depth:
            word = self.next()
            depth += (word == "{") - (word == "}")
            parts.append(word)
        return "".join(parts[:-1])

    def option(self) -> str | None:
        """The text between two brackets that follow at once; None where there are none."""
        if self.peek() != "[":
            return None
        end = next((n for n in range(self.at, len(self._all)) if self._all[n] == "]"), -1)
        if end < 0:
            return None
        self.at, inner = end + 1, self._all[self.at + 1 : end]
        return "".join(inner)
