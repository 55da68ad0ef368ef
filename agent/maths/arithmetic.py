"""Arithmetic in plain words: ``3 + 4 = 7``, ``0.2 x 50 = $10``, ``15% of 80 is 12``.

A run of numbers and signs is a claim when it stands alone: a letter, a sign or half a number beside it would
make it part of something longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.maths.statements import RELATIONS, Side

_NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
_RUN = re.compile(
    rf"(?:(?<![^\s(=])-)?[($]{{0,9}}{_NUMBER}"
    rf"(?:{_NUMBER}|[ \t()+*/^=<>≤≥≠≈×÷·−–$-]|(?<=[\d) ])[xX](?=[ \t]*[\d($]))*(?<=[\d)])"
)
_PERCENT = re.compile(
    rf"(?P<part>\d+(?:\.\d+)?)\s?(?:\\?%|percent) of \$?(?P<whole>{_NUMBER}) (?:is|=|equals) "
    rf"\$?(?P<result>{_NUMBER})"
)
_RELATION = re.compile("[" + "".join(sign for sign in RELATIONS if len(sign) == 1) + "]")
_MARK = re.compile(
    r"(?m)^[ \t]*(?:[-*•+]|\(?\d{1,2}[.)])(?=[ \t])|\*\*|__|(?<!\s)(?:[;.]|,(?!\s+\d{3}(?!\d)))(?=\s)"
)
_HALF_BEFORE = re.compile(
    r"(?:[+\-*/^×÷·−–(_{\\%&|#@~)\]\x00][ \t]*|[A-Za-z\d'\"]|\d[:.]|\d,[ \t]*|\s\.[ \t]*"
    r"|(?<![A-Za-z])[B-HJ-Zb-z][ \t]+)$"
)
_LABEL = re.compile(r"\d+(?:[-–]\d+)?")  # "Week 2 = 35 + 35", "Weeks 1-2 = 26"
_HALF_AFTER = re.compile(
    r"[A-Za-z_^'%\\:{\[!°\x00]|\s*[+\-*/^×÷·]|[ \t]*(?:[\\%{\[|\x00]|[B-HJ-Zb-z](?![A-Za-z]))|[.,]\d"
)


def chains(text: str) -> Iterator[tuple[list[Side], list[str]]]:
    """Sides and the relations between them, for each run of arithmetic in ``text``."""
    text = _MARK.sub(lambda match: "\n" * len(match[0]), text)
    for match in _PERCENT.finditer(text):
        if not _HALF_AFTER.match(text, match.end()):
            part = Side(
                rf"\frac{{{match['part']}}}{{100}} \cdot {match['whole']}", match.start(), match.end("whole")
            )
            yield [part, Side(match["result"], *match.span("result"))], ["="]
    for match in _RUN.finditer(text):
        sides, relations = _cut(text, *match.span())
        before = text[max(0, match.start() - 8) : match.start()]
        if relations and (_HALF_BEFORE.search(before) or _LABEL.fullmatch(sides[0].text)):
            sides, relations = sides[1:], relations[1:]
        if relations and _HALF_AFTER.match(text, match.end()):
            sides, relations = sides[:-1], relations[:-1]
        if relations:
            yield sides, relations


def _cut(text: str, start: int, end: int) -> tuple[list[Side], list[str]]:
    cuts = list(_RELATION.finditer(text, start, end))
    edges = [start, *(place for cut in cuts for place in cut.span()), end]
    if text[start] == "(" and text[start:end].count("(") > text[
        start : cuts[0].start() if cuts else end
    ].count(")"):
        edges[0] += 1
    if text[end - 1] == ")" and text[start:end].count(")") > text[edges[0] : end].count("("):
        edges[-1] -= 1
    sides = [_side(text, *edges[at : at + 2]) for at in range(0, len(edges), 2)]
    return sides, [cut[0] for cut in cuts]


def _side(text: str, start: int, end: int) -> Side:
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    inside = inside.strip()
    latex = re.sub(r"[xX]", r"\\times ", inside.replace("$", "")).replace("*", r"\cdot ")
    latex = re.sub(r"\^\s*(\d+)", r"^{\1}", latex)
    return Side(latex, start, start + len(inside))
