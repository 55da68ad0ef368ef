r"""Trajectories as files that a person keeps, pure: Markdown, LaTeX and JSON.

Markdown keeps formulas between dollars. A LaTeX document sets those that are understood (`ui.tex`) and prints
the others letter by letter; it needs nothing but amsmath and amssymb. In both, text of a model, a corpus or a
person stays text: no HTML, no link, no command of it survives. JSON is what the log holds, one object a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.records import Step, StepHit, Trajectory
from ui.page import markup, render
from ui.page.latex import Segment, split
from ui.tex import prose

_PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\setcounter{MaxMatrixCols}{30}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\emergencystretch=3em
\begin{document}
"""
_FOUND = ("retrieve", "reflect")
_LINK = re.compile(r"\](?=\s*[(\[:])")
_OPENING = re.compile(r"^(\s*)(#{1,6}\s|[-=_*]{3,}\s*$|\|)", re.MULTILINE)


@dataclass(frozen=True)
class _Section:
    """A heading and what stands below it: a text, passages found, or a formula of its own."""

    title: str
    text: str = ""
    hits: tuple[StepHit, ...] = ()
    level: int = 2


def to_json(trajectories: Iterable[Trajectory]) -> str:
    """One trajectory a line, as in the log."""
    return "".join(f"{trajectory.to_json()}\n" for trajectory in trajectories)


def to_markdown(trajectories: Iterable[Trajectory]) -> str:
    """A Markdown document."""
    parts = []
    for section in _sections(trajectories):
        parts += [f"{'#' * section.level} {_markdown_line(section.title)}", _markdown(section.text)]
        hits = [(_markdown_line(_title(hit)), _markdown_line(_remarks(hit))) for hit in section.hits]
        parts.append("\n".join(f"- **{title}** {remarks}" for title, remarks in hits))
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(trajectories: Iterable[Trajectory]) -> str:
    """A LaTeX document that compiles with any engine."""
    parts = []
    for section in _sections(trajectories):
        command = "section" if section.level == 1 else "subsection"
        parts += [rf"\{command}*{{{prose.line(section.title)}}}", prose.body(section.text)]
        if section.hits:
            hits = [(prose.line(_title(hit)), prose.line(_remarks(hit))) for hit in section.hits]
            items = "\n".join(rf"\item \textbf{{{title}}} {remarks}" for title, remarks in hits)
            parts.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    return _PREAMBLE + "\n\n".join(part for part in parts if part) + "\n\\end{document}\n"


# What a document says


def _sections(trajectories: Iterable[Trajectory]) -> Iterator[_Section]:
    for trajectory in trajectories:
        yield _Section("Question", trajectory.problem, level=1)
        yield from _steps(_shown(trajectory))
        if trajectory.error:
            yield _Section("Stopped by an error", trajectory.error)
        if trajectory.answer:
            yield _Section("Answer", rf"\(\boxed{{{trajectory.answer}}}\)")
        yield _Section("About this run", _about(trajectory))


def _shown(trajectory: Trajectory) -> list[Step]:
    """The path of the answer where there was a search or a vote; else all steps."""
    return [step for step in trajectory.steps if step.chosen] or list(trajectory.steps)


def _steps(steps: Sequence[Step]) -> Iterator[_Section]:
    thoughts = 0
    for place, step in enumerate(steps):
        if step.action == "query" and step.text:
            yield _Section("Looking for", step.text, _hits(steps[place + 1 :]))
        elif step.action == "summarise":
            yield _Section(f"Recall: {_title(step.hits[0])}" if step.hits else "Recall", step.text)
        elif step.action in ("think", "answer") and step.text:
            thoughts += 1
            yield _Section(_heading(step, thoughts), step.text)


def _heading(step: Step, number: int) -> str:
    if step.action == "think":
        return f"Step {number}"
    return "Conclusion" if number > 1 else "Solution"


def _hits(after: Sequence[Step]) -> tuple[StepHit, ...]:
    """What the look-up before these steps found, as it was judged last."""
    hits: tuple[StepHit, ...] = ()
    for step in after:
        if step.action not in _FOUND:
            break
        hits = step.hits or hits
    return hits


def _about(trajectory: Trajectory) -> str:
    usage = trajectory.usage
    tokens = render.counted(usage.completion_tokens, "token")
    others = len(trajectory.steps) - len(_shown(trajectory))
    parts = [
        f"Strategy {trajectory.strategy}",
        f"model {trajectory.fingerprints.llm}",
        f"{render.duration(usage.seconds)}, {tokens}",
        trajectory.created,
        f"{render.counted(others, 'further step')} of the search are in the JSON" if others else "",
        f"graded {trajectory.grade}" if trajectory.grade else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _title(hit: StepHit) -> str:
    return hit.title or hit.id


def _remarks(hit: StepHit) -> str:
    """Id, score and its parts, verdict and reason of a passage."""
    [card] = render.cards([hit], {})
    scores = ", ".join(f"{name} {value}" for name, value in card.scores)
    verdict = {"relevant": "relevant", "irrelevant": "not relevant", None: "not judged"}[hit.verdict]
    return f"(`{hit.id}`) {scores}; {verdict}" + (f": {hit.reason}" if hit.reason else "")


# Markdown


def _markdown(text: str) -> str:
    pieces = []
    for piece in markup.fenced(markup.clean(text)):
        if piece.code:
            ticks = "`" * max(3, 1 + _ticks(piece.text))
            pieces.append(f"{ticks}\n{piece.text}\n{ticks}")
        elif piece.text.strip():
            pieces.append(_markdown_prose(piece.text.strip()))
    return "\n\n".join(pieces)


def _markdown_line(text: str) -> str:
    return _markdown_prose(" ".join(markup.clean(text).split()))


def _markdown_prose(text: str) -> str:
    return "".join(_markdown_segment(segment) for segment in split(text))


def _markdown_segment(segment: Segment) -> str:
    if segment.kind == "text":
        return _inert(segment.body)
    if segment.kind == "code":
        ticks = "`" * (1 + _ticks(segment.body))
        return f"{ticks} {segment.body} {ticks}"
    # Renderers that know no formulas must not see a tag or a link in one.
    body = _LINK.sub("] ", re.sub("<(?! )", "< ", " ".join(segment.body.split())))
    return f"${body}$" if segment.kind == "inline" else f"\n\n$${body}$$\n\n"


def _inert(text: str) -> str:
    """Text without HTML, links, headings and dollars that would begin a formula; lists and bold stay."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("$", r"\$").replace("`", "&#96;")
    return _OPENING.sub(r"\1\\\2", _LINK.sub("&#93;", text))


def _ticks(text: str) -> int:
    """The longest row of backticks in a text."""
    return max(map(len, re.findall("`+", text)), default=0)
