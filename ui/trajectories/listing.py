"""The list of trajectories as inert HTML of links, pure: each page and each trajectory has an address."""

from __future__ import annotations

import html

from agent.transcript import cut
from ui.page import markup, render
from ui.trajectories.catalogue import PAGE, Listed, Page
from ui.trajectories.filters import ALL, Filter, address

PATH = "trajectories"
_PROBLEM_CHARS = 220
_GRADES = {
    "correct": "Correct",
    "wrong": "Wrong",
    "ungradable": "Not gradable",
    "ungraded": "No gold answer",
    "stopped": "Stopped",
    "failed": "Failed",
}


def grade_name(graded: str) -> str:
    """What a person calls a grade or an outcome."""
    return _GRADES.get(graded, graded)


def listing(page: Page, filter_: Filter, opened: str = "", in_log: str = "") -> str:
    """The rows of a page, and the way to the other pages.

    Args:
        page: What is listed.
        filter_: What was asked for.
        opened: Id of the trajectory that is open; it is marked.
        in_log: The log that it lies in.
    """
    if not page.rows:
        return _nothing(filter_)
    rows = "".join(_row(each, page, filter_, opened, in_log) for each in page.rows)
    return f'<div class="rd-list">{_pages(page, filter_)}<ul class="rd-rows">{rows}</ul></div>'


def link(text: str, query: str, *, current: bool = False) -> str:
    """A link within this view; ``text`` is HTML already."""
    mark = ' aria-current="true"' if current else ""
    return f'<a class="rd-link" href="{PATH}{html.escape(query)}"{mark}>{text}</a>'


def when(created: str) -> str:
    """``2026-11-23 16:02``, UTC."""
    return markup.escape(markup.clean(created[:16].replace("T", " ")))


def badge(graded: str) -> str:
    """A grade as a coloured word."""
    style = graded if graded in _GRADES else "ungraded"
    return f'<span class="rd-grade rd-is-{style}">{markup.inline(grade_name(graded))}</span>'


def _row(each: Listed, page: Page, filter_: Filter, opened: str, in_log: str) -> str:
    row = each.row
    current = (row.id, row.log) == (opened, in_log)
    problem = markup.inline(cut(row.problem, _PROBLEM_CHARS), final=False) or "(no text)"
    facts = [
        markup.inline(row.strategy),
        render.counted(row.steps, "step"),
        render.counted(row.tokens, "token"),
        when(row.created),
    ]
    told = "".join(f"<span>{fact}</span>" for fact in facts)
    training = f'<span class="rd-training">{markup.inline(each.training)}</span>' if each.training else ""
    body = (
        f'<span class="rd-problem">{problem}</span>'
        f'<span class="rd-facts">{badge(row.graded)}{training}{told}</span>'
    )
    to = address(filter_, page=page.number, opened=row.id, log=row.log)
    return f"<li>{link(body, to, current=current)}</li>"


def _pages(page: Page, filter_: Filter) -> str:
    first = (page.number - 1) * PAGE + 1
    told = f"{first:,} to {first + len(page.rows) - 1:,} of {page.total:,}, newest first"
    ways = []
    if page.number > 1:
        ways.append(link("Newer", address(filter_, page=page.number - 1)))
    if page.number < page.last:
        ways.append(link("Older", address(filter_, page=page.number + 1)))
    return f'<p class="rd-pages"><span role="status">{told}</span>{"".join(ways)}</p>'


def _nothing(filter_: Filter) -> str:
    if filter_ != ALL:
        told = f"Nothing matches. {link('Clear the filter', '')}"
    else:
        told = (
            "No trajectory yet. Every question asked in Solve leaves one here, "
            "step by step; or collect many at once from a file of problems, under Collect."
        )
    return f'<p class="rd-empty">{told}</p>'
