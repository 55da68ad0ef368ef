"""Text of a model, a corpus or a person to HTML that can do nothing, pure.

Everything is escaped; only a little Markdown is given back its looks: bold, italics, headings, lists, code
and fences. Links, images and HTML stay the characters they are. Formulas leave between delimiters made of
an invisible character that is taken out of all text before, so that no text can forge one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from ui.page.latex import Segment, split

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_MARK = "\u2063"  # invisible separator
DELIMITERS: list[dict[str, str | bool]] = [
    {"left": f"{_MARK}(", "right": f"{_MARK})", "display": False},
    {"left": f"{_MARK}[", "right": f"{_MARK}]", "display": True},
]
_TEMPLATE = str.maketrans({char: f"&#{ord(char)};" for char in "%{}$\n"})
_SCROLLS = '<div class="rd-scrolls" role="region" aria-label="Table" tabindex="0">'
_LOADING = [
    "link",
    "image",
    "autolink",
    "reference",
]  # rules of Markdown that make something to follow or load
_SLOT = re.compile("\ue000([0-9]+)\ue001")
_NOTES = re.compile("(?:\ue002[0-9]+\ue003)+")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n`]*\n(.*?)(?:^ {0,3}\1[ \t]*$\n?|\Z)", re.MULTILINE | re.DOTALL)
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_ITALIC = re.compile(r"(?<![\w*\ue001])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*\ue000])")
_BULLET = re.compile(r"\s*[-*•]\s+(.*)")
_NUMBER = re.compile(r"\s*(\d{1,4})[.)]\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
# Bidirectional overrides reorder what is read; private use characters are ours.
_UNSEEN = re.compile("[\u2061-\u2064\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufff0-\uffff]")


def clean(text: str) -> str:
    """``text`` without control characters, bidirectional overrides and the characters used as marks here."""
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def escape(text: str) -> str:
    """``text`` as HTML characters on one line, those of Gradio's own templates and marks escaped too."""
    return html.escape(text, quote=True).translate(_TEMPLATE)


def typeset(formula: str, *, display: bool = False) -> str:
    """A formula between the delimiters that the page typesets.

    ``<`` and ``&`` get a space behind them: neither a tag nor a character reference can begin so, however
    often the page escapes or parses the formula on its way.
    """
    body = re.sub(r"([<&])", r"\1 ", " ".join(clean(formula).split()))
    body = re.sub(r"(?<!\\)%", r"\\%", body)  # "15%" is meant, never a comment to the end of the line
    left, right = ("[", "]") if display else ("(", ")")
    return f"{_MARK}{left}{body}{_MARK}{right}"


def inline(text: str, *, final: bool = True) -> str:
    """One line of HTML: formulas, code, bold and italics; line breaks become spaces."""
    slots = Slots(_shown)
    return slots.fill(_styled(slots.take(" ".join(clean(text).split()), final=final)))


def plain(text: str) -> str:
    """Text as it was written, formulas typeset, line breaks kept: for what a person typed."""
    slots = Slots(_shown)
    return slots.fill(escape(slots.take(clean(text).strip(), final=True)).replace("&#10;", "<br>"))


def blocks(text: str, *, final: bool = True, notes: Sequence[tuple[int, str]] = ()) -> str:
    """Paragraphs, lists and fences of ``text`` as HTML on one line.

    Args:
        text: What somebody wrote.
        final: The text is complete; otherwise a formula opened at its end is not shown yet.
        notes: Places in ``text`` and HTML of ours to stand there; within a formula, behind it.
    """
    slots, parts = Slots(_shown), []
    *before, last = fenced(_with_places(text, [place for place, _ in notes]))
    for piece in (*before, last):
        if piece.code:
            parts.append(f"<pre><code>{escape(piece.text)}</code></pre>")
        else:
            parts.append(_paragraphs(slots.take(piece.text, final=final or piece is not last)))
    return _noted(slots.fill("".join(parts)), [note for _, note in notes])


def _with_places(text: str, places: Sequence[int]) -> str:
    """Clean text with a mark at each of those places of the text as it was."""
    cuts = [0, *places, len(text)]
    pieces = [clean(text[start:end]) for start, end in pairwise(cuts)]
    marks = [f"\ue002{number}\ue003" for number in range(len(places))]
    return pieces[0] + "".join(mark + piece for mark, piece in zip(marks, pieces[1:], strict=True))


def _noted(markup: str, notes: Sequence[str]) -> str:
    """``markup`` with notes in place of their marks; of those that stand together equal ones once."""

    def noted(marks: re.Match[str]) -> str:
        numbers = map(int, re.findall("[0-9]+", marks[0]))
        return "".join(dict.fromkeys(notes[number] for number in numbers))

    return _NOTES.sub(noted, markup)


def document(text: str, *, heading: int = 3) -> str:
    """A Markdown file as HTML on one line, tables and all; HTML, links and images stay characters.

    Args:
        text: The file, front matter left out.
        heading: Level that its highest heading becomes, 1 to 6.
    """
    parser = _markdown()
    tokens = parser.parse(clean(text))
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) - min(levels) + heading)}"
    made = str(parser.renderer.render(tokens, parser.options, {}))
    made = made.replace("<table>", f"{_SCROLLS}<table>").replace("</table>", "</table></div>")
    return made.translate(_TEMPLATE)


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.front_matter import front_matter_plugin

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(_LOADING)
    return parser.use(front_matter_plugin)


class Piece(NamedTuple):
    """A stretch of text, or the ``code`` between two fences."""

    text: str
    code: bool


def fenced(text: str) -> list[Piece]:
    """The pieces of a text, prose at the end; a fence that is not closed reaches as far as the text."""
    pieces, position = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [Piece(text[position : fence.start()], False), Piece(fence.group(2).rstrip(), True)]
        position = fence.end()
    return [*pieces, Piece(text[position:], False)]


@dataclass
class Slots:
    """Formulas and code, put aside while the text around them is escaped and styled.

    Args:
        show: How a formula or code looks in the end.
    """

    show: Callable[[Segment], str]
    held: list[str] = field(default_factory=list)

    def take(self, text: str, *, final: bool = True) -> str:
        """``text`` with marks in place of formulas and code."""
        parts = []
        for segment in split(text, final=final):
            if segment.kind == "text":
                parts.append(segment.body)
                continue
            self.held.append(self.show(segment))
            parts.append(f"\ue000{len(self.held) - 1}\ue001")
        return "".join(parts)

    def fill(self, markup: str) -> str:
        """``markup`` with what was put aside in place of its marks."""
        return _SLOT.sub(lambda slot: self.held[int(slot.group(1))], markup)


def _shown(segment: Segment) -> str:
    marks, body = "".join(_NOTES.findall(segment.body)), _NOTES.sub("", segment.body)
    if segment.kind == "code":
        return f"<code>{escape(body)}</code>{marks}"
    return typeset(body, display=segment.kind == "display") + marks


def emphasised(line: str, bold: str, italic: str) -> str:
    """An escaped line with its bold and italics, each a template such as ``<em>{}</em>``."""
    line = _BOLD.sub(lambda found: bold.replace("{}", found.group(1)), line)
    return _ITALIC.sub(lambda found: italic.replace("{}", found.group(1)), line)


def _styled(line: str) -> str:
    return emphasised(escape(line), "<strong>{}</strong>", "<em>{}</em>")


class Group(NamedTuple):
    """Lines that belong together: a paragraph, a list that counts from ``start``, a heading."""

    kind: Literal["p", "ul", "ol", "h"]
    lines: list[str]
    start: int


def groups(text: str) -> list[Group]:
    """Lines grouped into paragraphs, lists and headings, without the marks that say so."""
    found: list[Group] = []
    fresh = True
    for line in text.split("\n"):
        kind, body, number = _line(line)
        if not kind:
            fresh = True
            continue
        if fresh or kind == "h" or kind != found[-1].kind:
            found.append(Group(kind, [], number))
        found[-1].lines.append(body)
        fresh = False
    return found


def _paragraphs(text: str) -> str:
    return "".join(_group(group) for group in groups(text))


def _group(group: Group) -> str:
    lines = [_styled(line) for line in group.lines]
    if group.kind == "h":
        return f'<p class="rd-heading">{lines[0]}</p>'
    if group.kind == "p":
        return f"<p>{'<br>'.join(lines)}</p>"
    opening = f'<ol start="{group.start}">' if group.kind == "ol" else "<ul>"
    return opening + "".join(f"<li>{line}</li>" for line in lines) + f"</{group.kind}>"


def _line(line: str) -> tuple[Literal["p", "ul", "ol", "h", ""], str, int]:
    """What a line belongs to (``p``, ``ul``, ``ol``, ``h`` or nothing), its text, its number in a list."""
    if not line.strip():
        return "", "", 1
    if heading := _HEADING.match(line):
        return "h", heading.group(1), 1
    if bullet := _BULLET.match(line):
        return "ul", bullet.group(1), 1
    if number := _NUMBER.match(line):
        return "ol", number.group(2), int(number.group(1))
    return "p", line.strip(), 1
