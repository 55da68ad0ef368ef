"""A text as LaTeX, pure: formulas that are understood are set, all the rest is printed as it stands."""

from __future__ import annotations

from ui.page import markup
from ui.page.latex import Segment
from ui.tex.chars import escape
from ui.tex.formula import translate


def body(text: str) -> str:
    """Paragraphs, lists, headings and fenced code of ``text``, with formulas, bold and italics."""
    slots = markup.Slots(_shown)
    parts = []
    for piece in markup.fenced(markup.clean(text)):
        if piece.code:
            parts.append(_code(piece.text))
        else:
            parts += [_group(group, slots) for group in markup.groups(slots.take(piece.text))]
    return "\n\n".join(parts)


def line(text: str) -> str:
    """``text`` on one line, with formulas, bold and italics."""
    slots = markup.Slots(_shown)
    return slots.fill(_styled(slots.take(" ".join(markup.clean(text).split()))))


def _group(group: markup.Group, slots: markup.Slots) -> str:
    lines = [slots.fill(_styled(one)) for one in group.lines]
    if group.kind == "h":
        return rf"\noindent\textbf{{{lines[0]}}}"
    if group.kind == "p":
        # LaTeX ends no line that prints nothing, so each has an empty box
        return "\\mbox{}\\newline\n".join(lines)
    items = "\n".join(rf"\item[{_label(group, place)}] {one}" for place, one in enumerate(lines))
    return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"


def _label(group: markup.Group, place: int) -> str:
    return f"{group.start + place}." if group.kind == "ol" else r"\textbullet"


def _styled(text: str) -> str:
    return markup.emphasised(escape(text), "\\textbf{{}}", "\\textit{{}}")


def _shown(segment: Segment) -> str:
    """A formula, set where it is understood; else the characters it is made of."""
    if segment.kind != "code":
        formula = translate(segment.body)
        if formula is not None and segment.kind == "inline":
            return f"${formula}$"
        if formula is not None:
            return f"\\[ {formula} \\]"
    return rf"\texttt{{{escape(segment.body)}}}"


def _code(text: str) -> str:
    """Lines of code one below another; verbatim would end at the wrong ``\\end``."""
    lines = [rf"\mbox{{}}{escape(one).replace(' ', '~')}" for one in text.split("\n")]
    return "\\begin{flushleft}\\ttfamily\n" + "\\par\n".join(lines) + "\n\\end{flushleft}"
