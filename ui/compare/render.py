"""A comparison as inert HTML, a block for each query, pure."""

from __future__ import annotations

from dataclasses import replace

from agent.records import StepHit
from ui.compare.ranks import DEPTH, Column, Comparison, Row
from ui.page import markup, render

GROUP = "\n\n"  # between blocks, so that each is a Markdown block of its own


def results(comparison: Comparison) -> str:
    """All queries with what each column found for them."""
    return GROUP.join(_block(comparison, n) for n in range(len(comparison.queries)))


def status(comparison: Comparison, link: str) -> str:
    """One line on how far the comparison is."""
    count = len(comparison.queries)
    searches = "1 query" if count == 1 else f"{count} queries"
    if not comparison.complete:
        return _status(
            f"Searching for {searches}. The first search by an encoder may index the library: minutes."
        )
    failed = ", ".join(column.mode for column in comparison.columns if column.error)
    parts = [f"{searches}, {render.counted(len(comparison.columns), 'retriever')}"]
    parts += [f"{failed} could not search"] if failed else []
    parts += [] if link else ["too long for a link"]
    return _status("; ".join(parts) + ".", running=False)


def _status(text: str, *, running: bool = True) -> str:
    style = " rd-running" if running else ""
    return f'<p class="rd-status{style}"><span role="status">{markup.escape(text)}</span></p>'


def _block(comparison: Comparison, n: int) -> str:
    query = comparison.queries[n]
    columns = "".join(_column(comparison, column, n) for column in comparison.columns)
    return (
        f'<article class="rd-block rd-step"><h2 class="rd-head">{query.name}</h2>'
        f'<div class="rd-text">{markup.blocks(query.step)}</div>'
        f'<div class="rd-columns">{columns}</div></article>'
    )


def _column(comparison: Comparison, column: Column, n: int) -> str:
    """What a retriever found for a query; or why nothing is there."""
    if column.error:
        found = f'<p class="rd-fault">{markup.inline(column.error)}</p>'
    elif column.results is None:
        found = '<p class="rd-waiting">Searching…</p>'
    else:
        note = markup.inline(column.results[n].note)
        rows = "".join(_row(row, row.rank > comparison.shown) for row in comparison.rows(column, n))
        hits = f'<ol class="rd-hits">{rows}</ol>' if rows else '<p class="rd-note">Nothing was found.</p>'
        found = (f'<p class="rd-note">{note}</p>' if note else "") + hits
    head = f"<span>{column.mode}</span>{_gold(comparison, column, n)}"
    return f'<section class="rd-col"><h3 class="rd-head">{head}</h3>{found}</section>'


def _gold(comparison: Comparison, column: Column, n: int) -> str:
    if not comparison.gold or column.results is None:
        return ""
    rank = comparison.ranks(column)[n]
    return f'<span class="rd-meta">{f"gold at {rank}" if rank else f"gold not in the first {DEPTH}"}</span>'


def _row(row: Row, below: bool) -> str:
    passage = row.hit.passage
    hit = StepHit(id=passage.id, title=passage.title, score=row.hit.score, parts=row.hit.parts)
    marks = (*(("gold",) if row.gold else ()), *(("only here",) if row.alone else ()))
    card = replace(render.cards([hit], {passage.id: passage})[0], rank=row.rank, marks=marks)
    styles = [("rd-gold", row.gold), ("rd-alone", row.alone), ("rd-below", below)]
    return f'<li class="{" ".join(name for name, on in styles if on)}">{render.card(card)}</li>'
