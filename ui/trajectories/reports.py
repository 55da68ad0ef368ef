"""What a job says, as inert HTML, pure: how far it is, what it came to, the gate's table and decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ui.jobs import Job
from ui.page import markup
from ui.trajectories.listing import when

_COUNTS = ("correct", "wrong", "ungradable", "ungraded", "failed")
_STATES = {"running": "Running", "done": "Done", "stopped": "Stopped", "failed": "Failed"}


def job(shown: Job, result: Callable[[dict[str, Any]], str]) -> str:
    """A job: its name, its state, how far it is, and what it came to."""
    head = f"<h3>{_text(shown.label)}</h3>"
    state = f'<span role="status">{_STATES[shown.state]}</span>'
    begun = f"<span>begun {when(shown.started)} UTC</span>"
    running = " rd-running" if shown.state == "running" else ""
    line = f'<p class="rd-status{running}">{state}{begun}</p>'
    return f'<section class="rd-job">{head}{line}{_body(shown, result)}</section>'


def _body(shown: Job, result: Callable[[dict[str, Any]], str]) -> str:
    match shown.state:
        case "running":
            return _progress(shown)
        case "done":
            return result(shown.result)
        case "stopped":
            return "<p>What was finished is kept. Go on takes it up where it was.</p>"
        case "failed":
            return _failed(shown.says)


def collected(counts: Mapping[str, Any]) -> str:
    """What a collection holds."""
    told = [f"{counts.get(name, 0):,} {name}" for name in _COUNTS if counts.get(name)]
    what = (
        f"{counts.get('done', 0):,} of {counts.get('attempts', 0):,} attempts, {counts.get('new', 0):,} new"
    )
    return f"<p>{_text(what)}: {_text(', '.join(told))}.</p>"


def retrained(report: Mapping[str, Any]) -> str:
    """The gate's table and what it decided, out of a `RetrainReport`."""
    rows = "".join(_set(name, each) for name, each in report.get("compared", {}).items())
    together = report.get("steps")
    if together:
        n, delta, interval = together
        rows += _cells("step queries together", n, "", "", _difference(delta, interval))
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("nDCG@10", "Queries", "Now serving", "New", "Difference, 95% interval")
    )
    table = (
        f'<div class="rd-scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    return f"{table}{_decision(report)}"


def _decision(report: Mapping[str, Any]) -> str:
    if report.get("promoted"):
        name = _text(str(report.get("name", "")))
        return f'<p class="rd-decision"><strong>Promoted.</strong> {name} serves from now on.</p>'
    reasons = "".join(f"<li>{_text(str(reason))}</li>" for reason in report.get("reasons", ()))
    serving = _text(str(report.get("over") or "the untrained base"))
    return (
        f'<div class="rd-decision"><p><strong>Refused:</strong> {serving} goes on serving.</p>'
        f"<ul>{reasons}</ul></div>"
    )


def _set(name: str, each: Mapping[str, Any]) -> str:
    old, new = (f"{each[side]['ndcg@10']:.1f}" for side in ("promoted", "new"))
    return _cells(name, each["n"], old, new, _difference(each["delta"], each["ci95"]))


def _cells(name: str, *values: object) -> str:
    rest = "".join(f"<td>{_text(str(value))}</td>" for value in values)
    return f'<tr><th scope="row">{_text(name)}</th>{rest}</tr>'


def _difference(delta: float, interval: tuple[float, float]) -> str:
    return f"{delta:+.1f} ({interval[0]:+.1f} to {interval[1]:+.1f})"


def _progress(shown: Job) -> str:
    what, done, total = shown.progress
    known = f' max="{int(total)}" value="{int(done)}"' if total else ""
    bar = f'<progress aria-label="How far it is"{known}></progress>'
    share = f" ({int(done):,} of {int(total):,})" if total else ""
    return f'<p class="rd-progress">{bar}<span>{_text(what or "starting")}{share}</span></p>'


def _failed(says: str) -> str:
    silent = "It ended without a word: killed, or out of memory. Go on takes it up where it was."
    return f'<p class="rd-notice">{_text(says.removeprefix("rader: ") or silent)}</p>'


def _text(text: str) -> str:
    return markup.escape(markup.clean(text))
