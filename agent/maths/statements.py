r"""Formulas of a text, cut into sides: ``a = b < c, d = e`` is two statements of three and of two sides.

Formulas (``$…$``, ``\(…\)``, ``\[…\]``, aligned environments) are cut at commas, arrows, words and line
breaks, and each statement at its relations. What stands in brackets, a matrix and a list of cases are whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

RELATIONS = {
    **dict.fromkeys(("=",), "="),
    **dict.fromkeys(("<", r"\lt"), "<"),
    **dict.fromkeys((">", r"\gt"), ">"),
    **dict.fromkeys(("≤", r"\le", r"\leq", r"\leqslant"), "<="),
    **dict.fromkeys(("≥", r"\ge", r"\geq", r"\geqslant"), ">="),
    **dict.fromkeys(("≠", r"\ne", r"\neq"), "!="),
    **dict.fromkeys(("≈", r"\approx", r"\simeq", r"\doteq"), "~"),
}
# Relations that are not checked; they end a side all the same.
_OTHERS = frozenset(
    re.findall(r"\S+", r"≡ ∈ \equiv \cong \sim \propto \in \notin \subset \subseteq \perp \parallel")
)
_BREAKS = frozenset(
    re.findall(
        r"\S+",
        r", ; . ? \\ \implies \Rightarrow \Longrightarrow \iff \Leftrightarrow \Longleftrightarrow \to "
        r"\rightarrow \longrightarrow \therefore \because \land \lor \wedge \vee \quad \qquad \impliedby "
        r"\Leftarrow \newline \mapsto \longmapsto \tag \forall \exists \hfill \hspace",
    )
)
_SIGN_FIRST = re.compile(r"\s*(?:[+\-*/]|\\(?:cdot|times|div|pm)(?![A-Za-z]))")
_SIGN_LAST = re.compile(r"(?:[+\-*/(]|\\(?:cdot|times|div|pm))\s*$")
_LINES = "align|aligned|alignat|equation|gather|gathered|split|eqnarray|multline|displaymath"
MATH = re.compile(
    r"(?<!\\)\$\$(?P<a>.+?)(?<!\\)\$\$|(?<!\\)\\\[(?P<b>.+?)\\\]|(?<!\\)\\\((?P<c>.+?)\\\)"
    rf"|\\begin\{{(?P<env>(?:{_LINES})\*?)\}}(?P<d>.+?)\\end\{{(?P=env)\}}"
    r"|(?<![\\$])\$(?P<e>(?=[^\s$])(?:\\\$|[^$\n]|\n(?!\s*\n))+?(?<![\s\\]))\$(?!\d)",
    re.DOTALL,
)
_TOKEN = re.compile(
    rf"\\(?:begin|end)\{{(?:{_LINES})\*?\}}"
    r"|\\begin\{(?P<env>[A-Za-z]+\*?)\}(?:.*?\\end\{(?P=env)\}|.*\Z)"  # a matrix, cases: one thing, not read
    r"|\\text(?:bf|it|rm)?\s*\{[^{}]*\}|\\(?:left|right)\s*\.|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|(?<!\d)\.\d+|.",
    re.DOTALL,
)
_ALIGNED = re.compile(r"\s*(?:[=<>≤≥≠≈+\-*/]|\\(?:le|ge|ne|lt|gt|approx|equiv|cdot|times|div)[a-z]*)")
_THOUSANDS_NEXT = re.compile(r"(?:\\!)?\d{3}(?!\d)")
_LAYOUT = re.compile(rf"\\(?:begin|end)\{{(?:{_LINES})\*?\}}")
_WORDS = re.compile(r"\\text\w*\s*\{(.*)\}", re.DOTALL)
_CONNECTIVE = re.compile(
    r"\b(?:and|or|so|then|if|for|where|since|because|thus|therefore|gives?|implies|when|which|is|are|by|from|"
    r"with|not|but|hence|as|that|only|remainder|rem|mod|modulo|base|possible|impossible|true|false|we|have|"
    r"get|to)\b|^\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Side:
    """One side of a relation, where it stands and how it is written."""

    text: str
    start: int
    end: int


@dataclass
class Statement:
    """Sides with relations between them; ``new_line``: a line break stands before it."""

    new_line: bool = False
    sides: list[Side] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)


def statements(text: str, start: int, end: int) -> list[Statement]:
    """The statements of a formula; one that begins with its relation goes on from the line before.

    A side that is broken between two lines is left empty: it cannot be read.
    """
    found = list(_cut(text, start, end))
    for before, statement in pairwise(found):
        if statement.new_line:
            last, first = before.sides[-1], statement.sides[0]
            if not first.text and statement.relations:
                statement.sides[0] = last
            elif _SIGN_FIRST.match(first.text) or _SIGN_LAST.search(last.text):
                before.sides[-1] = replace(last, text="")
                statement.sides[0] = replace(first, text="")
    return found


def _cut(text: str, start: int, end: int) -> Iterator[Statement]:
    """A formula cut at commas, arrows, words and line breaks, and each piece at its relations."""
    tokens = list(_TOKEN.finditer(text, start, end))
    statement, depth, begin = Statement(), 0, start
    for match in tokens:
        piece = match[0]
        depth += (piece in ("(", "[", "{", r"\{")) - (piece in (")", "]", "}", r"\}"))
        kind = _kind(piece, text[match.end() : match.end() + 12], text[begin : match.start()])
        if not kind or (depth > 0 and piece != r"\\"):
            continue
        statement.sides.append(_side(text, begin, match.start()))
        begin = match.end()
        if kind == "relation":
            statement.relations.append(piece)
        elif statement.relations or statement.sides[0].text:
            yield statement
            statement, depth = Statement(new_line=piece == r"\\"), 0
        else:  # nothing but space so far
            statement, depth = Statement(new_line=statement.new_line or piece == r"\\"), 0
    statement.sides.append(_side(text, begin, end))
    yield statement


def _kind(piece: str, after: str, before: str) -> str:
    """What ``piece`` is for the cutting; empty if it belongs to a side."""
    if piece in RELATIONS or piece in _OTHERS:
        return "relation"
    if piece == "&":  # the mark of alignment, or the next column
        aligns = _ALIGNED.match(after) or not before.strip(" &\n")
        return "" if aligns else "break"
    if piece == "," and _THOUSANDS_NEXT.match(after) and re.search(r"(?<!\d)\d{1,3}$", before):
        return ""
    if piece == "." and re.match(r"\\(?:overline|bar|dot|ldots)", after):  # a repeating decimal
        return ""
    if piece in _BREAKS or _LAYOUT.fullmatch(piece):
        return "break"
    words = _WORDS.fullmatch(piece)
    return "break" if words and _CONNECTIVE.search(words[1]) else ""


def _side(text: str, start: int, end: int) -> Side:
    """The side between ``start`` and ``end``, without space around it."""
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip(" \n\t&"))
    inside = inside.strip(" \n\t&")
    return Side(inside, start, start + len(inside))
