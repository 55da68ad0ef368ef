"""Text of a model, a corpus or a person to HTML that can do nothing, pure.

Everything is escaped; only a little Markdown is given back its looks: bold, italics, headings, lists, code
and fences. Links, images and HTML stay the characters they are. Formulas leave between delimiters made of
an invisible character that is taken out of all text before, so that no text can forge one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from ui.page.latex import split

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
    slots = _Slots()
    return slots.fill(_styled(slots.take(" ".join(clean(text).split()), final=final)))


def plain(text: str) -> str:
    """Text as it was written, formulas typeset, line breaks kept: for what a person typed."""
    slots = _Slots()
    return slots.fill(escape(slots.take(clean(text).strip(), final=True)).replace("&#10;", "<br>"))


def blocks(text: str, *, final: bool = True) -> str:
    """Paragraphs, lists and fences of ``text`` as HTML on one line.

    Args:
        text: What somebody wrote.
        final: The text is complete; otherwise a formula opened at its end is not shown yet.
    """
    slots, parts, position, text = _Slots(), [], 0, clean(text)
    for fence in _FENCE.finditer(text):
        parts.append(_paragraphs(slots.take(text[position : fence.start()], final=True)))
        parts.append(f"<pre><code>{escape(fence.group(2).rstrip())}</code></pre>")
        position = fence.end()
    parts.append(_paragraphs(slots.take(text[position:], final=final)))
    return slots.fill("".join(parts))


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


@dataclass
class _Slots:
    """Formulas and code, put aside while the text around them is escaped and styled."""

    held: list[str] = field(default_factory=list)

    def take(self, text: str, *, final: bool) -> str:
        parts = []
        for segment in split(text, final=final):
            if segment.kind == "text":
                parts.append(segment.body)
                continue
            if segment.kind == "code":
                self.held.append(f"<code>{escape(segment.body)}</code>")
            else:
                self.held.append(typeset(segment.body, display=segment.kind == "display"))
            parts.append(f"\ue000{len(self.held) - 1}\ue001")
        return "".join(parts)

    def fill(self, markup: str) -> str:
        return _SLOT.sub(lambda slot: self.held[int(slot.group(1))], markup)


def _styled(line: str) -> str:
    return _ITALIC.sub(r"<em>\1</em>", _BOLD.sub(r"<strong>\1</strong>", escape(line)))


def _paragraphs(text: str) -> str:
    """Lines grouped into paragraphs and lists."""
    made: list[str] = []
    kind, items, start = "", list[str](), 1

    def close() -> None:
        nonlocal items
        if items and kind == "p":
            made.append(f"<p>{'<br>'.join(items)}</p>")
        elif items:
            opening = f'<ol start="{start}">' if kind == "ol" else "<ul>"
            made.append(opening + "".join(f"<li>{item}</li>" for item in items) + f"</{kind}>")
        items = []

    for line in text.split("\n"):
        new, body, number = _line(line)
        if new != kind or new == "h":
            close()
            kind, start = new, number
        if new == "h":
            made.append(f'<p class="rd-heading">{_styled(body)}</p>')
        elif new:
            items.append(_styled(body))
    close()
    return "".join(made)


def _line(line: str) -> tuple[str, str, int]:
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
