"""The gold passage's rank by step: drawn for the eye, and the same as a table, pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retriever.search import Mode
from ui.compare.ranks import DEPTH, Column, Comparison, reciprocal

_WIDTH, _LEFT, _RIGHT = 440, 34, 428
_TOP, _BOTTOM, _MISSING, _HEIGHT = 12, 150, 170, 196
_TICKS = (1, 3, 10, 30, 100)
_APART = 5  # between the marks of columns that have the same rank
# Told apart without colour: circle, square, triangle, diamond.
_SHAPES: dict[Mode, str] = {
    "bm25": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "base": "M-3.6 -3.6H3.6V3.6H-3.6Z",
    "rader": "M0 -4.6L4.6 3.6H-4.6Z",
    "hybrid": "M0 -5L5 0L0 5L-5 0Z",
}
HINT = "Name a passage under “Known to help” to see its rank in every column, step by step, as a chart."


def chart(comparison: Comparison) -> str:
    """The chart and its table as inert HTML; a hint where no gold passage is known."""
    if not comparison.gold:
        return f'<p class="rd-note">{HINT}</p>'
    searched = [column for column in comparison.columns if column.results is not None]
    return f"<figure>{_picture(comparison, searched)}{_table(comparison, searched)}</figure>"


def _picture(comparison: Comparison, columns: Sequence[Column]) -> str:
    """Ranks on a logarithmic scale, the first on top; what was not found lies on a line of its own."""
    steps = len(comparison.queries)
    grid = "".join(
        f'<path class="rd-grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" '
        f'text-anchor="end">{text}</text>'
        for y, text in [*((_y(tick), str(tick)) for tick in _TICKS), (_MISSING, "none")]
    )
    names = "".join(
        f'<text x="{_x(n, steps):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{_short(query.name)}</text>'
        for n, query in enumerate(comparison.queries)
    )
    lines = "".join(
        _line(column.mode, comparison.ranks(column), (place - (len(columns) - 1) / 2) * _APART)
        for place, column in enumerate(columns)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Rank of the gold passage by step; the table beside it has the numbers">'
        f"{grid}{names}{lines}</svg>"
    )


def _line(mode: Mode, ranks: Sequence[int | None], aside: float) -> str:
    points = [(_x(n, len(ranks)) + aside, _y(rank)) for n, rank in enumerate(ranks)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = "".join(f'<path transform="translate({x:.1f} {y:.1f})" d="{_SHAPES[mode]}"/>' for x, y in points)
    return f'<g class="rd-series rd-of-{mode}"><polyline points="{path}"/>{marks}</g>'


def _short(name: str) -> str:
    return name.removeprefix("Step ")


def _x(step: int, steps: int) -> float:
    left, right = _LEFT + 26, _RIGHT - 26
    return (left + right) / 2 if steps == 1 else left + step * (right - left) / (steps - 1)


def _y(rank: int | None) -> float:
    return _MISSING if rank is None else _TOP + math.log(rank) / math.log(DEPTH) * (_BOTTOM - _TOP)


def _table(comparison: Comparison, columns: Sequence[Column]) -> str:
    heads = "".join(f'<th scope="col">{legend(column.mode)}</th>' for column in columns)
    ranks = [comparison.ranks(column) for column in columns]
    rows = "".join(
        f'<tr><th scope="row">{query.name}</th>{_cells([each[n] for each in ranks])}</tr>'
        for n, query in enumerate(comparison.queries)
    )
    means = "".join(f"<td>{reciprocal(each):.2f}</td>" for each in ranks)
    return (
        "<table><caption>Rank of the first gold passage</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody>"
        f'<tfoot><tr><th scope="row">Mean of 1/rank</th>{means}</tr></tfoot></table>'
    )


def _cells(ranks: Sequence[int | None]) -> str:
    best = min((rank for rank in ranks if rank), default=0)
    return "".join(
        f'<td class="rd-best">{rank}</td>' if rank == best else f"<td>{rank or f'over {DEPTH}'}</td>"
        for rank in ranks
    )


def legend(mode: Mode) -> str:
    """A retriever's name behind its mark."""
    return (
        f'<svg class="rd-mark rd-of-{mode}" viewBox="-6 -6 12 12" aria-hidden="true">'
        f'<path d="{_SHAPES[mode]}"/></svg>{mode}'
    )
