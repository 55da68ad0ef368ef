r"""One side of a claim as a tree, and what else there is to know about it.

latex2sympy is kind to its reader: ``2(3)`` is the mixed number 5, ``I^2`` is I, ``12_8`` is 12 and ``\gamma``
Euler's constant. A claim must not be called false on such a reading, so sides are read strictly
(`agent.maths.grammar`); what can be read in two ways, or in none, is a `Doubt`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

Caution = Literal["percent", "degrees", "units", "mixed number", "angle", "logarithm", "operator"]
Tree = list[Any]
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\.\d+|[A-Za-z]|\S")


class Doubt(Exception):  # noqa: N818
    """Why a side cannot be read in one way only."""


@dataclass
class Formula:
    """A side of a claim.

    Attributes:
        tree: What it says: an operation and what it is applied to, ``["+", ["number", "3"], ["name", "x"]]``.
        literals: Decimals and mixed numbers by the name that stands for them in ``tree``: each a list of the
            values that it may have.
        half: For each decimal, half a unit of its last digit.
        operations: How many operations it holds; none is a bare number or name.
        lead: The number that it begins with, if an operation follows.
        variables: The names of its variables, ``x_{1}`` for instance.
        cautions: What makes a difference of the two sides no proof that they differ.
    """

    tree: Tree = field(default_factory=list)
    literals: dict[str, list[str]] = field(default_factory=dict)
    half: dict[str, str] = field(default_factory=dict)
    operations: int = 0
    lead: str = ""
    variables: set[str] = field(default_factory=set)
    cautions: set[Caution] = field(default_factory=set)


class Tokens:
    """The tokens of a side, and its numbers and variables as they are written for latex2sympy.

    Args:
        text: LaTeX, `notation.tidy`.
        side: A letter for the names of its literals.
    """

    def __init__(self, text: str, side: str) -> None:
        self.formula = Formula()
        self._tokens, self._side, self._at = _TOKEN.findall(text), side, 0
        self._in_angle = False

    @property
    def ahead(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        """The next token, which is then behind."""
        piece = self.ahead
        self._at += 1
        return piece

    def taken(self, *pieces: str) -> bool:
        """Whether the next tokens are ``pieces``, which are then behind."""
        found = self._tokens[self._at : self._at + len(pieces)] == list(pieces)
        self._at += len(pieces) if found else 0
        return found

    def operation(self) -> None:
        """Count one operation."""
        self.formula.operations += 1

    def number(self, piece: str) -> Tree:
        """The number that begins with ``piece``, with its per cent or degree sign."""
        if self._at == 1 and len(self._tokens) > 1:
            self.formula.lead = piece
        if self.ahead == "_" or (piece[0] == "0" and piece.isdigit() and len(piece) > 1):
            raise Doubt("a number in another base, or a time")
        if self.taken(r"\%") or self.taken("%"):
            self.formula.cautions.add("percent")
            return ["/", self._literal(piece), ["number", "100"]]
        if self.taken("^", r"\circ"):
            if self._in_angle:
                return ["/", ["*", self._literal(piece), ["pi"]], ["number", "180"]]
            self.formula.cautions.add("degrees")
            return self._literal(piece)
        return self._mixed(piece) if self.ahead == r"\frac" else self._literal(piece)

    def _mixed(self, piece: str) -> Tree:
        """A whole number and a fraction: their sum or, what is rarely meant, their product."""
        match self._tokens[self._at : self._at + 7]:
            case [_, "{", top, "}", "{", bottom, "}"] if (piece + top + bottom).isdigit() and int(bottom):
                self._at += 7
                self.formula.cautions.add("mixed number")
                whole, part = int(piece), int(top)
                return self._named([f"{whole * int(bottom) + part}/{bottom}", f"{whole * part}/{bottom}"])
        raise Doubt("a number before a fraction")

    def _literal(self, piece: str) -> Tree:
        if "." not in piece:
            return ["number", piece]
        literal = self._named([piece])
        self.formula.half[literal[1]] = f"5e-{len(piece.split('.')[1]) + 1}"
        return literal

    def _named(self, values: list[str]) -> Tree:
        name = f"{self._side} {len(self.formula.literals)}"
        self.formula.literals[name] = values
        return ["name", name]

    def variable(self, piece: str) -> Tree:
        """A variable, with its index."""
        if self.taken("_"):
            piece += "_" + self._index()
        self.formula.variables.add(piece)
        return ["name", piece]

    def _index(self) -> str:
        piece = self.take()
        if piece != "{":
            return piece
        inside = ""
        while self.ahead not in ("}", ""):
            inside += self.take()
        self.take()
        return inside
