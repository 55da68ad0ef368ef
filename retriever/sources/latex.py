r"""Theorem environments of LaTeX files, by a small scanner that nothing can derail.

A full parser does not fit: a macro that holds half an environment (``\newcommand{\bt}{\begin{theorem}}``)
makes pylatexenc 2.11 lose the rest of the document, and it reads some kilobytes a second. What matters here
is little: comments, verbatim text, definitions of macros, ``\begin`` and ``\end``.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from retriever.sources.latex_syntax import group, plain, visible, without_comments
from retriever.sources.statement import ABBREVIATIONS, KINDS, Fault, Statement

PROOF = "proof"

_DECLARATIONS = re.compile(
    r"""\\(?: newtheorem | spnewtheorem )\s*\*?\s* \{(?P<env>[^{}]+)\}
            \s* (?:\[[^\[\]]*\]\s*)? \{(?P<printed>(?:[^{}]|\{[^{}]*\})*)\}
      | \\declaretheorem \s*(?:\[(?P<keys>[^\[\]]*)\]\s*)? \{(?P<thmtools>[^{}]+)\}
      | \\newtcbtheorem \s*(?:\[[^\[\]]*\]\s*)? \{(?P<box>[^{}]+)\}\s*\{(?P<boxed>(?:[^{}]|\{[^{}]*\})*)\}
    """,
    re.VERBOSE,
)
_NAME_KEY = re.compile(r"\b(?:name|title)\s*=\s*\{?([^,{}]+)")
_KEYS = re.compile(r"\b(name|title|note|label)\s*=\s*(\{[^{}]*\}|[^,]*)")
_TAG = re.compile(r"\\(begin|end)\s*\{\s*([^{}\n]{1,60}?)\s*\}|\\(part|chapter|(?:sub){0,2}section)\b\s*\*?")
_LABEL = re.compile(r"\\label\s*\{([^{}]*)\}")
_INNER = re.compile(r"\\begin\{([^{}]*)\}.*?\\end\{\1\}", re.DOTALL)
_INVISIBLE = re.compile(
    r"\\(?:label|index|vspace|hspace)\s*\*?\s*\{[^{}]*\}|\\(?:leavevmode|noindent|hfill)\b"
)
_HEAD = 2_000  # characters at the beginning of an environment among which its label is


class Theorems(NamedTuple):
    """Environments that hold statements, with the kind of each, and those of them that are tcolorboxes.

    A tcolorbox takes its name and its label as two arguments in braces.
    """

    kinds: Mapping[str, str]
    boxes: frozenset[str] = frozenset()


def declared(text: str) -> Theorems:
    r"""What a file declares by ``\newtheorem`` and its like in thmtools, tcolorbox and Springer's classes."""
    kinds: dict[str, str] = {}
    boxes: set[str] = set()
    for match in _DECLARATIONS.finditer(without_comments(text)):
        printed = match["printed"] or match["boxed"] or ""
        if match["thmtools"] and (key := _NAME_KEY.search(match["keys"] or "")):
            printed = key[1]
        for env in (match["env"] or match["box"] or match["thmtools"]).split(","):
            kinds[env.strip()] = _kind(printed, env.strip())
        if match["box"]:
            boxes.add(match["box"].strip())
    return Theorems(kinds, frozenset(boxes))


def merged(declarations: Iterable[Theorems]) -> Theorems:
    """All of them together, with the names that need no declaration because everybody uses them."""
    kinds = {kind: kind for kind in KINDS} | ABBREVIATIONS | {PROOF: PROOF, "restatable": "theorem"}
    boxes: set[str] = set()
    for one in declarations:
        kinds |= one.kinds
        boxes |= one.boxes
    return Theorems(kinds, frozenset(boxes))


def statements(text: str, theorems: Theorems) -> Iterator[Statement | Fault]:
    r"""The statements of a file in the order they end; proofs are left out, ``\input`` is not followed.

    A statement inside another one, or inside a proof, is one of its own too.
    """
    scan = _Scan(text, theorems)
    for match in _TAG.finditer(scan.visible):
        if match[3]:
            scan.enter_section(match.end())
        elif match[1] == "begin":
            scan.open(match[2], match.start(), match.end())
        else:
            yield from scan.close(match[2], match.start(), match.end())
    yield from scan.unclosed(0)


class _Open(NamedTuple):
    """An environment that has begun: its name, where it begins and its body does, its section, its proofs."""

    env: str
    start: int
    body: int
    section: str
    proofs: list[tuple[int, int]]


class _Scan:
    """Where a scan stands: the open environments and the section."""

    def __init__(self, text: str, theorems: Theorems) -> None:
        self.text, self.theorems = text, theorems
        self.visible = visible(text)
        self._section = ""
        self._open: list[_Open] = []
        self._count: Counter[str] = Counter()  # of the open ones
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    def enter_section(self, at: int) -> None:
        short = group(self.text, at, "[")
        title = group(self.text, short[1] if short else at, "{")
        self._section = plain(title[0]) if title else ""

    def open(self, env: str, start: int, body: int) -> None:
        if self._kind(env):
            self._open.append(_Open(env, start, body, self._section, []))
            self._count[env] += 1

    def close(self, env: str, start: int, end: int) -> Iterator[Statement | Fault]:
        if not self._count[env]:  # the end of something else
            return
        depth = next(at for at in reversed(range(len(self._open))) if self._open[at].env == env)
        yield from self.unclosed(depth + 1)
        ended = self._open.pop()
        self._count[env] -= 1
        proofs = ended.proofs
        if self._kind(env) == PROOF:
            proofs = [(ended.start, end)]
        else:
            yield self._statement(ended, start)
        if self._open:
            self._open[-1].proofs.extend(proofs)

    def unclosed(self, depth: int) -> Iterator[Fault]:
        """Complain of all that is open from ``depth`` on, and forget it."""
        for one in self._open[depth:]:
            self._count[one.env] -= 1
            yield Fault(self._line(one.start), rf"\begin{{{one.env}}} has no \end{{{one.env}}}")
        del self._open[depth:]

    def _kind(self, env: str) -> str | None:
        return self.theorems.kinds.get(env) or self.theorems.kinds.get(env.removesuffix("*"))

    def _line(self, position: int) -> int:
        return bisect_left(self._line_ends, position) + 1

    def _statement(self, ended: _Open, end: int) -> Statement:
        pieces, at = [], ended.body
        for start, stop in ended.proofs:
            pieces.append(self.text[at:start])
            at = stop
        body = without_comments("".join([*pieces, self.text[at:end]]))
        kind = self._kind(ended.env) or ""
        name, label, body = _optional_argument(body)
        if ended.env.removesuffix("*") == "restatable":
            of, label, body = _two_arguments(body)
            kind = self._kind(of) or kind
        elif ended.env in self.theorems.boxes:
            name, label, body = _two_arguments(body)
        return Statement(
            line=self._line(ended.start),
            kind=kind,
            text=_clean(body),
            name=plain(name),
            label=label.strip() or _label(body),
            section=ended.section,
        )


def _kind(printed: str, env: str) -> str:
    """The kind that a printed name means: "Main Theorem" is a theorem, "Satz" is what it says."""
    words: list[str] = re.findall(r"[^\W\d_]+", re.sub(r"\\[A-Za-z]+", " ", printed.lower()))
    if PROOF in words:
        return PROOF
    known = [word for word in words if word in KINDS]
    if known:
        return known[-1]
    return env if env in KINDS else ABBREVIATIONS.get(env, " ".join(words) or env)


def _optional_argument(body: str) -> tuple[str, str, str]:
    r"""Name and label in the brackets after ``\begin{…}``, and what follows them."""
    option = group(body, 0, "[")
    if option is None:
        return "", "", body
    content, end = option
    keys = {key: value.strip().strip("{}") for key, value in _KEYS.findall(content)}
    if keys:
        name = keys.get("name") or keys.get("title") or keys.get("note") or ""
        return name, keys.get("label", ""), body[end:]
    return content, _label(content), body[end:]


def _two_arguments(body: str) -> tuple[str, str, str]:
    """What is in two groups in braces at the beginning, and what follows them."""
    first = group(body, 0, "{") or ("", 0)
    second = group(body, first[1], "{") or ("", first[1])
    return first[0].strip(), second[0].strip(), body[second[1] :]


def _label(body: str) -> str:
    """The label of a statement, not one of an equation in it."""
    found = _LABEL.search(_INNER.sub("", body[:_HEAD]))
    return found[1].strip() if found else ""


def _clean(body: str) -> str:
    lines = textwrap.dedent(_INVISIBLE.sub("", body)).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
