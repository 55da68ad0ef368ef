r"""Finds claims in a text: an equation, inequality or approximation between two written sides.

Statements come from its formulas (`agent.maths.statements`) and from arithmetic in plain words
(`agent.maths.arithmetic`); a chain ``a = b = c`` makes a claim of each link. Nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from agent.maths.arithmetic import chains
from agent.maths.formulas import Doubt, Formula
from agent.maths.grammar import read_formula
from agent.maths.notation import tidy, ungrouped, unspaced
from agent.maths.statements import MATH, RELATIONS, Side, statements
from agent.maths.surroundings import Surroundings

MOST_CLAIMS = 200  # of one text
MOST_CHARS = 20_000  # of one text that are read
NEAR = 20  # characters between two sides that stand together; farther ones are joined by their relation
_HIDDEN = re.compile(r"```.*?(?:```|\Z)|\[asy\].*?(?:\[/asy\]|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_NAMED = re.compile(r"\d+(?:\s*-\s*\d+)+")  # a 6-8-10 triangle
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_DIGITS_BOXED = re.compile(r"\d\s*\\(?:boxed|fbox)\s*\{\s*\d")  # 355\boxed{680} is one number
_PAIR = re.compile(r"[(\[]\s*\d{1,3}(?:,\s*\d{3})+\s*[)\]]")  # 36132, or the gcd of 36 and 132
_SEVERAL = re.compile(r"\d\s*[,;:]\s*$")
_NOUN = re.compile(r"\\text\s*\{[^{}]*\}(?:\s*\^\s*(?:\{[^{}]*\}|\d))?")


@dataclass(frozen=True)
class Claim:
    """A relation between two sides of a text.

    ``text`` is the claim on one line; it stands between ``start`` and ``end``, with other words in between
    where a chain goes on in the next line. ``doubt`` says why it cannot be decided, ``caution`` why it must
    not be called false; both are mostly empty.
    """

    text: str
    start: int
    end: int
    relation: str
    left: Formula = field(default_factory=Formula)
    right: Formula = field(default_factory=Formula)
    doubt: str = ""
    caution: str = ""


def find_claims(text: str) -> list[Claim]:
    """The claims of ``text`` in their order, `MOST_CLAIMS` at most, from its lines within `MOST_CHARS`."""
    if len(text) > MOST_CHARS:
        text = text[:MOST_CHARS].rpartition("\n")[0]
    found = [*islice(_in_formulas(text), MOST_CLAIMS), *islice(_in_words(text), MOST_CLAIMS)]
    return sorted(found, key=lambda claim: (claim.start, claim.end))[:MOST_CLAIMS]


def _in_formulas(text: str) -> Iterator[Claim]:
    around, visible = Surroundings(text), _visible(text)
    for match in MATH.finditer(visible):
        name = next(name for name in "abcde" if match[name] is not None)
        for statement in statements(visible, *match.span(name)):
            yield from links(statement.sides, statement.relations, around)


def _in_words(text: str) -> Iterator[Claim]:
    around, words = Surroundings(text), MATH.sub(lambda match: "\x00" * len(match[0]), _visible(text))
    for sides, relations in chains(words):
        yield from (claim for claim in links(sides, relations, around) if not claim.doubt)


def _visible(text: str) -> str:
    """``text`` with spaces for code, drawings and addresses."""
    return _HIDDEN.sub(lambda match: " " * len(match[0]), text)


def links(sides: list[Side], relations: list[str], around: Surroundings) -> Iterator[Claim]:
    """A claim for each relation that can be checked."""
    for left, relation, right in zip(sides, relations, sides[1:], strict=False):
        if relation in RELATIONS:
            start, end = min(left.start, right.start), right.end
            together = 0 <= right.start - left.end < NEAR
            text = around.text[start:end] if together else f"{left.text} {relation} {right.text}"
            claim = Claim(
                text=" ".join(re.sub(r"&|\\\\(?!\w)", " ", text).split()),
                start=start,
                end=end,
                relation=RELATIONS[relation],
                caution=around.caution(left.start, right.start, right.end) or _listed(left, around.text),
            )
            if _NAMED.fullmatch(left.text) and _NAMED.fullmatch(right.text):
                yield replace(claim, doubt="two names made of numbers")
                continue
            try:
                yield replace(claim, left=_formula(left, "u"), right=_formula(right, "w"))
            except Doubt as doubt:
                yield replace(claim, doubt=str(doubt))


def _listed(left: Side, text: str) -> str:
    """Why a number on the left may be the last one of several: ``11, 22; 30 = …``; empty if it is not."""
    bare = left.text.replace(".", "").isdigit()
    return "one number of several" if bare and _SEVERAL.search(text[: left.start][-8:]) else ""


def _formula(side: Side, name: str) -> Formula:
    if _DIGITS_BOXED.search(side.text) or _PAIR.search(side.text):
        raise Doubt("one number or two")
    text = re.sub(rf"{_BOX.pattern}|\\\$|&", " ", unspaced(ungrouped(tidy(side.text))))
    bare, nouns = _NOUN.subn(" ", text)
    formula = read_formula(bare, name)
    if nouns:
        formula.cautions.add("units")
    return formula
