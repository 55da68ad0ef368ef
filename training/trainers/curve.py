"""loss.jsonl as a picture: the losses of training and validation, and nDCG@10, by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

Points = list[tuple[float, float]]

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 320, 56, 24
_RIGHT, _BOTTOM = _WIDTH - 56, _HEIGHT - 40
_SMOOTH = 50  # points of the drawn training loss at most, each the mean of its stretch


def draw_losses(file: Path) -> Path:
    """Write loss.svg beside loss.jsonl; what was not measured is not drawn."""
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    trained = smoothed([(each["step"], each["loss"]) for each in entries if "loss" in each])
    validated = [(each["step"], each["eval_loss"]) for each in entries if "eval_loss" in each]
    points = [(each["step"], each["eval_ndcg@10"]) for each in entries if "eval_ndcg@10" in each]
    steps = max((each["step"] for each in entries), default=1)
    losses = [value for _, value in trained + validated]
    drawn = [
        *_axis(losses, steps, "loss", _LEFT, "end"),
        _line(trained, losses, steps, "#1f6feb", "training loss", 0),
        _line(validated, losses, steps, "#d1242f", "validation loss", 1),
    ]
    if points:
        scores = [value for _, value in points]
        drawn += [*_axis(scores, steps, "nDCG@10", _RIGHT, "start")]
        drawn += [_line(points, scores, steps, "#1a7f37", "validation nDCG@10", 2)]
    picture = file.with_suffix(".svg")
    picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#57606a">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n' + "\n".join(drawn) + "\n</svg>\n",
        encoding="utf-8",
    )
    return picture


def smoothed(points: Points) -> Points:
    """At most `_SMOOTH` points: means of stretches of as many steps."""
    size = -(-len(points) // _SMOOTH) or 1
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [(each[-1][0], sum(value for _, value in each) / len(each)) for each in stretches]


def _axis(values: Sequence[float], steps: float, name: str, x: float, anchor: str) -> list[str]:
    """An upright axis with its two ends named; with the one on the left, the axis of the steps."""
    low, high = _range(values)
    aside = x - 6 if anchor == "end" else x + 6
    found = [
        f'<path d="M{x} {_TOP}V{_BOTTOM}" stroke="#d0d7de"/>',
        *(
            f'<text x="{aside}" y="{y}" text-anchor="{anchor}">{text}</text>'
            for y, text in ((_TOP + 4, f"{high:.3g}"), (_BOTTOM, f"{low:.3g}"), (_TOP - 10, name))
        ),
    ]
    if anchor == "end":
        found += [
            f'<path d="M{_LEFT} {_BOTTOM}H{_RIGHT}" stroke="#d0d7de"/>',
            f'<text x="{_RIGHT}" y="{_BOTTOM + 16}" text-anchor="end">step {steps:,.0f}</text>',
        ]
    return found


def _line(points: Points, values: Sequence[float], steps: float, colour: str, name: str, place: int) -> str:
    """A curve within the range of ``values``, and its name in the legend."""
    if not points:
        return ""
    low, high = _range(values)
    path = " ".join(
        f"{_LEFT + step / steps * (_RIGHT - _LEFT):.1f},"
        f"{_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP):.1f}"
        for step, value in points
    )
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="2"/>' for x, y in (each.split(",") for each in path.split())
    )
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        f'<g fill="{colour}">{dots}<text x="{_LEFT + place * 150}" y="{_HEIGHT - 6}">{name}</text></g>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
