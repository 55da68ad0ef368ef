"""Models as inert HTML, pure: what serves, a version with its scores and card, weights, indexes, history."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from retriever.indexing.index_info import IndexStatus
from retriever.trained.promotions import Act, Event
from retriever.trained.release import Kind
from retriever.weights import ModelStatus
from ui.models.shelf import Shelf
from ui.page import markup
from ui.page.render import counted
from ui.trained import TrainedRow

_STATES = {"serving": "serves", "promoted before": "promoted before", "kept": "kept", "damaged": "damaged"}
_MEASURES = {"ndcg@10": "nDCG@10", "recall@10": "recall@10", "mrr@10": "MRR@10"}
_ACTS: dict[Act, str] = {"promote": "promoted", "rollback": "rolled back", "remove": "removed"}
_LEAKAGE = re.compile(r"^## Leakage[ \t]*\n(.*?)(?=^##? |\Z)", re.MULTILINE | re.DOTALL)
_MEND = "Let another serve, or add it anew: rader models promote FOLDER"
NOTHING = (
    "Nothing is trained yet. Train a retriever from what was collected with rader retrain, "
    "or promote a training by its folder: rader models promote OUT"
)


def choice(row: TrainedRow) -> str:
    """A version in the list to choose from, plain text."""
    return f"{markup.clean(row.version.name)}: {row.version.release.kind}, {_STATES[row.state]}"


def serving(shelf: Shelf) -> str:
    """What answers searches now, and what should but cannot."""
    retriever, reranker = shelf.serving("retriever"), shelf.serving("reranker")
    told = f"<b>{_text(retriever.version.name)}</b>" if retriever else "the untrained base encoder"
    passages = next((one.count for one in shelf.indexes if one.state == "serving"), 0)
    over = f" over {counted(passages, 'passage')}" if passages else ""
    again = (
        f" Its hits are ordered anew by <b>{_text(reranker.version.name)}</b> where asked."
        if reranker
        else ""
    )
    lines = [f'<p class="rd-serving">Searches are answered by {told}{over}.{again}</p>']
    if shelf.named:
        lines.append(note(f"The settings name {shelf.named}: it searches here, whatever is promoted."))
    return "".join([*lines, *map(problem, shelf.notes)])


def version(row: TrainedRow, card: str) -> str:
    """A version: what it is, its scores, what it was trained on, leakage, its card."""
    release = row.version.release
    facts = {
        "Is": f"{release.kind}, {'an adapter' if release.form == 'adapter' else 'whole weights'}",
        "Trained from": release.base.rsplit("/", maxsplit=1)[-1],
        "Since": f"{release.created:%Y-%m-%d %H:%M} UTC" if release.created else "",
        "Compared with": release.parent,
        "Lies in": "the package" if row.version.shipped else str(row.version.path),
    }
    parts = [
        _head(row.version.name, _STATES[row.state], row.state.replace(" ", "-")),
        "".join(problem(f"{each}. {_MEND}") for each in row.version.problems),
        _facts(facts),
        _scores(release.scores),
        _folded("Leakage", markup.document(_leakage(card))),
        _folded("Trained on", _facts({name: f"sha256 {mark}" for name, mark in release.data.items()})),
        _folded("Model card", markup.document(card)) if card else note("It has no model card."),
        f'<p class="rd-note"><a href="?name={quote(row.version.name, safe="")}">Link to this version</a></p>',
    ]
    return f'<article class="rd-block rd-model">{"".join(parts)}</article>'


def question(shelf: Shelf, name: str, kind: Kind, *, back: bool) -> str:
    """What is asked before ``name`` is promoted or rolled back."""
    now = shelf.serving(kind)
    instead = f" instead of {now.version.name}" if now and now.version.name != name else ""
    asked = (
        f"Roll back {name}, so that what served before it does?" if back else f"Let {name} serve{instead}?"
    )
    about = "At once: the index it had is still there."
    if not back:
        about = "Its index is built first where there is none; until then everything stays as it is."
    if kind == "reranker":
        about = "It holds from the next start on."
    return f'<p class="rd-asked"><b>{_text(asked)}</b> {about}</p>'


def weights(statuses: Iterable[ModelStatus]) -> str:
    """Models that can be pulled: state, size, what to run."""
    return _rows(
        _row(
            status.name,
            status.state if status.state != "pulled" or status.verified else "pulled, not yet verified",
            f"{status.purpose} · {size(status.bytes_total)} · {status.licence}",
            [*status.problems, f"Run: rader models pull {status.name}"] if status.state != "pulled" else [],
        )
        for status in statuses
    )


def indexes(shelf: Shelf) -> str:
    """All indexes, or why they cannot be told."""
    if shelf.no_indexes:
        return problem(shelf.no_indexes)
    if not shelf.indexes:
        return note("There is no index yet. The first question builds one of what ships, or run: rader index")
    return _rows(map(_index, shelf.indexes))


def history(events: Iterable[Event]) -> str:
    """What was promoted, rolled back and removed."""
    lines = [
        f"<li>{event.at:%Y-%m-%d %H:%M} UTC: {_text(event.name)} {_ACTS[event.did]}</li>" for event in events
    ]
    return f'<ul class="rd-history">{"".join(lines)}</ul>' if lines else note("Nothing was promoted yet.")


def problem(text: str) -> str:
    """One line about what is wrong, and what to do."""
    return f'<p class="rd-defect" role="alert">{_text(text)}</p>'


def told(text: str) -> str:
    """One line about what was done, or is being done; read out."""
    return f'<p class="rd-status" role="status">{_text(text)}</p>' if text else ""


def size(count: int) -> str:
    """``1.1 GB``, ``91 MB``, ``12 kB``."""
    unit, factor = next(((u, f) for u, f in (("GB", 1e9), ("MB", 1e6)) if count >= f), ("kB", 1e3))
    return f"{count / factor:.1f} {unit}" if count < 10 * factor else f"{count / factor:,.0f} {unit}"


def _index(one: IndexStatus) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in one.kinds.items())
    built = f" · {one.built:%Y-%m-%d %H:%M} UTC" if one.built else ""
    count = counted(one.count, "passage") + (f" ({kinds})" if kinds else "")
    about = f"{count} · {size(one.bytes)}{built} · {one.name[:12]}"
    remedy = ["Go on with it: rader index"] if one.state == "half-written" else []
    return _row(one.encoder or one.name[:12], one.state, about, remedy)


def _scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    if not scores:
        return note("It was not evaluated. Compare it: rader eval retrieval")
    head = "".join(f'<th scope="col">{name}</th>' for name in ("queries", "n", *_MEASURES.values()))
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_number(each.get("n"), 0)}</td>'
        + "".join(f"<td>{_number(each.get(measure), 1)}</td>" for measure in _MEASURES)
        + "</tr>"
        for name, each in scores.items()
    )
    table = (
        f"<table><caption>Points of 100</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return f'<div class="rd-scrolls" role="region" aria-label="Scores" tabindex="0">{table}</div>'


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _leakage(card: str) -> str:
    found = _LEAKAGE.search(card)
    return found[1] if found else "The model card says nothing about leakage."


def _facts(facts: Mapping[str, str]) -> str:
    pairs = (
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items() if value
    )
    return f'<dl class="rd-particulars">{"".join(pairs)}</dl>'


def _folded(title: str, body: str) -> str:
    return f'<details class="rd-card rd-document"><summary>{title}</summary><div>{body}</div></details>'


def _head(name: str, badge: str, style: str) -> str:
    return f'<h2 class="rd-model-name">{_text(name)} <span class="rd-badge rd-is-{style}">{badge}</span></h2>'


def _rows(rows: Iterable[str]) -> str:
    return f'<ul class="rd-shelf">{"".join(rows)}</ul>'


def _row(name: str, state: str, about: str, remedies: Iterable[str]) -> str:
    style = state.split(",", maxsplit=1)[0].replace(" ", "-")
    wrong = "".join(f'<p class="rd-remedy">{_text(line)}</p>' for line in remedies)
    badge = f'<span class="rd-badge rd-is-{style}">{_text(state)}</span>'
    return f"<li><b>{_text(name)}</b> {badge}<p>{_text(about)}</p>{wrong}</li>"


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="rd-note">{_text(text)}</p>'


def _text(text: str) -> str:
    return markup.escape(markup.clean(text))
