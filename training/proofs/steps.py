r"""A proof's text in units of reasoning: a sentence with the formula it announces, or a row of a calculation.

ProofWiki's text, as its dumps have it, puts a displayed formula on a line of its own and a whole calculation
on one line, each row as ``\(formula\) reason``, often with the next sentences behind the last reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

STEP_CHARS = 600  # most characters of one step

_KINDS = "Proof|Solution|Resolution|Refutation|Demonstration|Explanation"
_LABEL = re.compile(rf"\[(?:(?:Outline of|Informal|Direct)\s+)?(?:{_KINDS})s?\b[^\]\n]*\]")
TOMBSTONE = re.compile(r"\$\\(?:blacksquare|Box|qed)\$")
_ROW = re.compile(r"\\\((?P<formula>.*?)\\\)", re.DOTALL)
# A sentence that begins behind the reason of a row; reasons have a small letter or are a title.
_OPENERS = (
    "Then|Hence|Thus|So|Therefore|That is|Now|But|Let|We|It|From|By|Also|Finally|Similarly|Since|As|Because|"
    "Suppose|Assume|Conversely|Next|For|If|When|Note|Consider|This|Taking|Putting|Setting|Substituting|"
    "Recall|In particular|On the other hand|However|Consequently|Using|And|The result|To|Otherwise"
)
_OPENER = re.compile(rf"\s+(?=(?:{_OPENERS})\b)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z$])")
_RELATION = re.compile(
    r"(?:\\text\s*\{[^}]*\}:?\s*(?:\\quad\s*)?)?(?:[=<>]|\\(?:leadsto\w*|implies|iff|equiv|cong|approx|sim|"
    r"ne|neq|le|leq|ge|geq|in|subseteq|supseteq|divides|vdash|prec\w*|succ\w*)(?![A-Za-z]))"
)


def split_proofs(text: str) -> list[str]:
    """The proofs that a page holds, in order, each once: "[Proof 2]" begins another."""
    parts = [part.strip() for part in _LABEL.split(text)]
    return list(dict.fromkeys(part for part in parts if part))


def units(proof: str, most: int = STEP_CHARS) -> list[str]:
    """One proof in units, none longer than ``most`` characters, nothing lost but tombstones and blanks."""
    found: list[str] = []
    announced = False  # the unit before ends with a colon, or its sentence goes on
    for text, goes_on in _raw_units(TOMBSTONE.sub("", proof)):
        if found and (announced or goes_on) and len(found[-1]) + len(text) < most:
            found[-1] = f"{found[-1]}\n{text}"
        else:
            found.append(text)
        announced = text.endswith(":")
    return [piece for unit in found for piece in _pieces(unit, most)]


def continues_calculation(unit: str) -> bool:
    """Whether the unit is a row that begins with a relation: its left side stands in the one before."""
    return bool(_RELATION.match(unit.removeprefix("\\(").lstrip()))


def pack(parts: list[str], most: int = STEP_CHARS) -> list[str]:
    """Parts joined, a line each, into as few texts of at most ``most`` characters as their order allows."""
    packed: list[str] = []
    for part in parts:
        if packed and len(packed[-1]) + len(part) < most:
            packed[-1] = f"{packed[-1]}\n{part}"
        else:
            packed.append(part)
    return packed


def _raw_units(proof: str) -> Iterator[tuple[str, bool]]:
    """Rows and sentences, with whether each only goes on with the sentence before."""
    before = ""
    for line in proof.splitlines():
        first = True
        for text in _rows(line.strip()):
            yield text, first and _goes_on(text, before)
            before, first = text, False


def _rows(line: str) -> Iterator[str]:
    """One line: its rows, each with its reason, and the sentences around them."""
    rows = list(_ROW.finditer(line))
    starts = [*(row.start() for row in rows), len(line)]
    yield from _sentences(line[: starts[0]])
    for row, following in zip(rows, starts[1:], strict=True):
        behind = line[row.end() : following]
        reason, *rest = _OPENER.split(behind, maxsplit=1)
        yield f"{row[0]} {reason.strip()}".strip()
        yield from _sentences(" ".join(rest))


def _sentences(text: str) -> Iterator[str]:
    """Sentences; a full stop within a formula ends none."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if text.count("$", start, end.start()) % 2 == 0:
            yield text[start : end.start()].strip()
            start = end.end()
    if rest := text[start:].strip():
        yield rest


def _goes_on(text: str, before: str) -> bool:
    """Whether a line goes on with the sentence of the line before: "where …", or a formula within it."""
    if before.endswith((".", "!", "?")):
        return False
    return text[0].islower() or (text[0] == "$" and bool(re.search(r"(?:[,:]|\b[a-z]+)$", before)))


def _pieces(unit: str, most: int) -> Iterator[str]:
    """A unit cut at blanks, outside formulas where that is possible."""
    while len(unit) > most:
        blanks = [at.start() for at in re.finditer(r"\s", unit[: most + 1])]
        outside = [at for at in blanks if unit.count("$", 0, at) % 2 == 0 and at > most // 2]
        cut = (outside or blanks or [most])[-1] or most
        yield unit[:cut].strip()
        unit = unit[cut:].strip()
    if unit:
        yield unit
