r"""Find the formulas in a text, pure: ``\( \)``, ``\[ \]``, ``$ $``, ``$$ $$``, bare ``\boxed{…}``.

Environments such as ``align`` count as formulas too. A formula counts once it is closed: while a text still
grows, an opened one is held back; in a finished text it stays plain. What a formula may hold is limited (see
`renderable`); what is refused is shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_CHARS = 2000
MAX_DEPTH = 60
MAX_FORMULAS = 400  # in one text; the rest stays plain

Kind = Literal["text", "inline", "display", "code"]

_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BEGIN = re.compile(
    r"\\begin\{((?:align|aligned|alignat|gather|gathered|equation|cases|array|split|[pbvBV]?matrix)\*?)\}"
)
_BACKTICKS = re.compile(r"`+")
_START = re.compile(r"[`$]|\\[(\[\\$]|\\(?:boxed|fbox)\s*\{|\\begin\{")
_PARTIAL = re.compile(r"\\[A-Za-z]*(?:\s*\{[A-Za-z]*\*?)?$")  # may yet become \( or \boxed{ or \begin{…}
_SENTENCE = re.compile(
    r"\d[\d.,]*\s+[A-Za-z]{2,}[ ,;.][^\\^_={}]*$"
)  # "5 and Bob has": money, not mathematics
_PRICE = re.compile(r"\d[\d.,]*(?:\s|$)")
# Commands that define macros for other formulas, leave the page, name classes, write into the browser's
# console, or draw outside their line.
_FORBIDDEN = re.compile(
    r"\\(?:href|url|includegraphics|html[A-Za-z]*|[gex]?def|let|futurelet|global|long|char|catcode"
    r"|(?:re|provide)?newcommand|newenvironment|require|(?:err)?message|show|rule|raisebox|(?:math)?[clr]lap"
    r"|smash|@[A-Za-z@]+)"
    r"(?![A-Za-z])"
)
# Lengths that reach over other text: of three digits, or of two backwards.
_FAR = re.compile(r"(?:-\s*\d{2,}|\d{3,})(?:\.\d*)?\s*(?:em|ex|pt|pc|cm|mm|in|mu|bp|dd|cc|nd|nc|sp|px)\b")


@dataclass(frozen=True)
class Segment:
    """A stretch of plain ``text``, an ``inline`` or ``display`` formula without delimiters, or ``code``."""

    kind: Kind
    body: str


def split(text: str, *, final: bool = True) -> list[Segment]:
    """The segments of ``text``, in order.

    Args:
        text: Plain text without fenced code.
        final: The text is complete; otherwise what may become a formula at its end is left out.
    """
    segments: list[Segment] = []
    plain, position, formulas = "", 0, 0
    while (start := _START.search(text, position)) is not None:
        plain += text[position : start.start()]
        found = _read(text, start.start())
        if found is None:
            if not final and _may_close(text, start.start()):
                return _joined(segments, plain, "")
            stray = _stray(text, start)
            plain, position = plain + stray.removeprefix("\\" * (stray == "\\$")), start.start() + len(stray)
            continue
        segment, position = found
        formulas += segment.kind != "code"
        if formulas > MAX_FORMULAS or (segment.kind != "code" and not renderable(segment.body)):
            plain += text[start.start() : position]
            continue
        segments, plain = [*_joined(segments, plain, ""), segment], ""
    rest = text[position:]
    return _joined(segments, plain, rest if final else _PARTIAL.sub("", rest))


def renderable(formula: str) -> bool:
    """Whether a formula may be typeset: short, shallow, its braces balanced, no command that reaches out."""
    if len(formula) > MAX_CHARS or _FORBIDDEN.search(formula):
        return False
    if _FAR.search(formula):
        return False
    depth = 0
    for char in re.sub(r"\\.", "", formula, flags=re.DOTALL):
        depth += (char == "{") - (char == "}")
        if not 0 <= depth <= MAX_DEPTH:
            return False
    return depth == 0 and not re.search(r"(?<!\\)(?:\\\\)*\\$", formula)


def _joined(segments: list[Segment], plain: str, rest: str) -> list[Segment]:
    text = plain + rest
    return [*segments, Segment("text", text)] if text else segments


def _stray(text: str, start: re.Match[str]) -> str:
    """What stays plain of an opening that nothing closes: of backticks all, or each would be tried again."""
    if start.group() == "`":
        return text[start.start() : _BACKTICKS.match(text, start.start()).end()]  # type: ignore[union-attr]
    return start.group() if start.group() in ("\\\\", "\\$") else start.group()[:1]


def _read(text: str, at: int) -> tuple[Segment, int] | None:
    """The formula or code that begins at ``at`` and where it ends; None where there is no such thing."""
    if text[at] == "`":
        code = _CODE.match(text, at)
        return (Segment("code", code.group(2).strip()), code.end()) if code else None
    if text.startswith("\\[", at):
        return _until(text, at + 2, "\\]", "display")
    if text.startswith("\\(", at):
        return _until(text, at + 2, "\\)", "inline")
    if text.startswith("$$", at):
        return _until(text, at + 2, "$$", "display")
    if text[at] == "$":
        return _dollar(text, at)
    return _bare(text, at)


def _until(text: str, start: int, close: str, kind: Kind) -> tuple[Segment, int] | None:
    end = _find(text, close, start)
    body = text[start:end].strip() if end >= 0 else ""
    return (Segment(kind, body), end + len(close)) if body else None


def _find(text: str, close: str, start: int) -> int:
    r"""Where ``close`` begins, not counting one whose backslash is itself escaped, as in ``\\]``."""
    last = start + MAX_CHARS + len(close)  # what is longer is no formula, and need not be searched
    end = text.find(close, start, last)
    while end > 0 and close[0] == "\\" and _escaped(text, end):
        end = text.find(close, end + 1, last)
    return end


def _escaped(text: str, at: int) -> bool:
    backslashes = 0
    while at > backslashes and text[at - 1 - backslashes] == "\\":
        backslashes += 1
    return backslashes % 2 == 1


def _dollar(text: str, at: int) -> tuple[Segment, int] | None:
    """A formula between single dollars, told from money as well as can be."""
    end = _find(text, "$", at + 1)
    while end > 0 and _escaped(text, end):
        end = _find(text, "$", end + 1)
    if end < 0:
        return None
    body, after = text[at + 1 : end], text[end + 1 : end + 2]
    if not body.strip() or _PARAGRAPH.search(body) or after.isdigit() or _SENTENCE.match(body):
        return None
    lopsided = body[0].isspace() != body[-1].isspace()
    if lopsided and (body[0].isdigit() or after.isalnum()):
        return None
    return Segment("inline", body.strip()), end + 1


def _bare(text: str, at: int) -> tuple[Segment, int] | None:
    if (box := _BOX.match(text, at)) is not None:
        end = _closing_brace(text, box.end())
        return (Segment("inline", text[at:end]), end) if end else None
    if (begin := _BEGIN.match(text, at)) is not None:
        close = f"\\end{{{begin.group(1)}}}"
        end = _find(text, close, begin.end()) + len(close)
        return (Segment("display", text[at:end]), end) if end >= len(close) else None
    return None


def _closing_brace(text: str, start: int) -> int | None:
    depth = 1
    for brace in _BRACE.finditer(text, start, start + MAX_CHARS):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.end()
        if depth > MAX_DEPTH:
            return None
    return None


def _may_close(text: str, at: int) -> bool:
    """Whether what begins at ``at`` and is not closed may still become a formula as the text grows."""
    rest = text[at:]
    if len(rest) > MAX_CHARS or rest.startswith(("\\\\", "\\$")):
        return False
    if rest[0] == "`":
        return "\n" not in rest
    if rest[0] == "$" and not rest.startswith("$$"):
        closed = text.find("$", at + 1) >= 0
        return not (closed or _PARAGRAPH.search(rest) or _PRICE.match(rest, 1))
    return True
