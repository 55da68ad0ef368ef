"""From what an agent did to what a page shows, pure: display data, and that data as inert HTML.

A conversation is shown as blocks: a question, thoughts, look-ups with theorem cards, a result, a closing
line. A block is one line of HTML without blank lines, so that blocks can be joined by blank lines into one
Markdown value of which only changed blocks are drawn again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.records import Check, Decided, StepHit, Trajectory, Verdict
from agent.transcript import cut
from retriever.passage import Passage, ScorePart
from ui.page import feedback, markup
from ui.page.latex import renderable

PASSAGE_CHARS = 6000
QUERY_CHARS = 400
CHANGED = "changed by you"

_PARTS: dict[ScorePart, str] = {"dense": "dense", "bm25": "BM25", "rerank": "rerank"}
_CLAIMS: dict[Decided, str] = {"holds": "hold", "fails": "do not hold", "unknown": "cannot be told"}
_MARKS: dict[Decided, str] = {
    "holds": '<span class="rd-holds">✓</span>',
    "fails": '<span class="rd-false">✗</span>',
}
_VERDICTS: dict[Verdict | None, tuple[str, str]] = {
    "relevant": ("relevant", "Relevant"),
    "irrelevant": ("irrelevant", "Not relevant"),
    None: ("unjudged", ""),
}


@dataclass(frozen=True)
class Card:
    """One passage found: ``open`` says whether its statement is unfolded.

    ``rank`` from 1 and ``marks``, words about the passage, are there where passages are compared.
    """

    id: str
    title: str
    statement: str
    kind: str
    use_when: str
    scores: tuple[tuple[str, str], ...]
    verdict: Verdict | None
    reason: str
    rank: int | None = None
    marks: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Relevant theorems show their statement at once."""
        return self.verdict == "relevant"


@dataclass
class Thought:
    """A thought or an answer being written; seconds, tokens and checks are known once it is ``done``.

    ``changed`` says that a person wrote it, of a look-up its query or what it recalls.
    """

    title: str
    text: str = ""
    changed: bool = False
    done: bool = False
    seconds: float = 0.0
    tokens: int = 0
    checks: tuple[Check, ...] = ()


@dataclass
class Lookup:
    """A query and what came of it; ``run`` and the query's step ``n`` are for feedback on it."""

    query: str = ""
    cards: tuple[Card, ...] | None = None
    recall: str = ""
    recalled: str = ""
    done: bool = False
    changed: bool = False
    run: str = ""
    n: int = 0


def cards(hits: Sequence[StepHit], passages: dict[str, Passage]) -> tuple[Card, ...]:
    """Cards for hits, in their order; a passage that is missing leaves its title and scores."""
    return tuple(_card(hit, passages.get(hit.id)) for hit in hits)


def _card(hit: StepHit, passage: Passage | None) -> Card:
    parts = tuple((_PARTS[part], number(value)) for part, value in hit.parts.items())
    return Card(
        id=hit.id,
        title=hit.title or (passage.title if passage else "") or hit.id,
        statement=cut(passage.text, PASSAGE_CHARS) if passage else "",
        kind=passage.kind if passage else "",
        use_when=cut(passage.use_when, PASSAGE_CHARS) if passage else "",
        scores=(("score", number(hit.score)), *parts),
        verdict=hit.verdict,
        reason=hit.reason,
    )


def number(value: float) -> str:
    """A score with three significant places at most: ``0.83``, ``12.4``, ``-1.05``."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def counted(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``, ``1,200 tokens``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def question(text: str, heading: str = "You asked") -> str:
    """What was asked."""
    return _block("question", heading, f'<div class="rd-text">{markup.plain(text)}</div>')


def thought(shown: Thought) -> str:
    """A thought with its title, and with its cost once complete; a formula shows once it is closed."""
    meta = f"{duration(shown.seconds)} · {counted(shown.tokens, 'token')}" if shown.seconds else ""
    meta = CHANGED if shown.changed else meta
    body = markup.blocks(shown.text, final=shown.done, notes=_marks(shown.checks))
    text = _text(body) if body else _waiting()
    return _block("thought", shown.title, text + checks(shown.checks), meta=meta)


def _marks(shown: Sequence[Check]) -> list[tuple[int, str]]:
    """A mark behind each claim that was decided."""
    ends = sorted((check.span[1], check.verdict) for check in shown if check.verdict in _MARKS)
    return [(end, _MARKS[verdict]) for end, verdict in ends]


def checks(shown: Sequence[Check]) -> str:
    """What the checker says of a thought's claims: how many hold, which fail, how many cannot be told."""
    found = Counter(check.verdict for check in shown)
    if not found["holds"] + found["fails"]:
        return ""
    counts = " · ".join(f"{found[verdict]} {words}" for verdict, words in _CLAIMS.items() if found[verdict])
    failed = "".join(
        f"<li>{formula(check.claim)} <span>does not hold: {markup.inline(check.reason)}</span></li>"
        for check in shown
        if check.verdict == "fails"
    )
    fails = f'<ul class="rd-fails">{failed}</ul>' if failed else ""
    return f'<div class="rd-checks"><p>Checked: {counts}</p>{fails}</div>'


def formula(text: str) -> str:
    """A formula without delimiters: typeset where it can be, else as it is written."""
    shown = renderable(text) and "$" not in text
    return markup.typeset(text) if shown else markup.escape(markup.clean(text))


def lookup(shown: Lookup) -> str:
    """A look-up: query, theorem cards, and the fact recalled from them."""
    query = markup.inline(cut(shown.query, QUERY_CHARS))
    parts = [f'<p class="rd-query">{query}</p>' if query else _waiting()]
    if shown.cards is not None:
        parts += [card(one, shown.run) for one in shown.cards] or [
            '<p class="rd-note">Nothing new was found.</p>'
        ]
    if shown.recall:
        source = f" ({markup.inline(shown.recalled)})" if shown.recalled else ""
        recall = markup.inline(shown.recall, final=shown.done)
        parts.append(f'<p class="rd-text rd-recall"><strong>Recall{source}:</strong> {recall}</p>')
    if shown.done and shown.run:
        parts.append(feedback.right(shown.run, shown.n))
    return _block("lookup", "Looking for:", "".join(parts), meta=CHANGED if shown.changed else "")


def card(shown: Card, run: str = "") -> str:
    """A theorem card: title and verdict always in sight, statement and score split unfolded on demand.

    Args:
        shown: The card.
        run: The run that found it; where it is known, the card asks whether the theorem helped.
    """
    style, verdict = _VERDICTS[shown.verdict]
    rank = f'<span class="rd-rank">{shown.rank}</span> ' if shown.rank else ""
    badges = [f'<span class="rd-badge">{mark}</span>' for mark in (verdict, *shown.marks) if mark]
    reason = f'<p class="rd-reason">{markup.inline(shown.reason)}</p>' if shown.reason else ""
    scores = "".join(f"<span><b>{name}</b> {value}</span>" for name, value in shown.scores)
    use = f'<p class="rd-use">{markup.inline(shown.use_when)}</p>' if shown.use_when else ""
    return (
        f'<details class="rd-card rd-{style}"{" open" if shown.open else ""}>'
        f'<summary>{rank}<span class="rd-title">{markup.inline(shown.title)}</span>'
        f"{''.join(badges)}{reason}</summary>"
        f'{_text(_statement(shown))}{use}<p class="rd-scores">{scores}</p>'
        f"{feedback.helped(run, shown.id, shown.title) if run else ''}</details>"
    )


def _statement(shown: Card) -> str:
    if shown.kind == "code":
        return f"<pre><code>{markup.escape(markup.clean(shown.statement))}</code></pre>"
    return markup.blocks(shown.statement)


def result(answer: str) -> str:
    r"""The answer, boxed: typeset where it can be, as text where not."""
    return _block("result", "Answer", _text(boxed(answer, display=True)))


def boxed(answer: str, *, display: bool = False) -> str:
    """An answer in its box, as a formula where it can be one."""
    formula = f"\\boxed{{{answer}}}"
    return markup.typeset(formula, display=display) if renderable(formula) else markup.plain(answer)


def error(message: str) -> str:
    """One line about what went wrong."""
    return _block("error", "Stopped by an error", f'<p class="rd-text">{markup.inline(message)}</p>')


def closing(trajectory: Trajectory) -> str:
    """What the run came to: its time, tokens, steps and look-ups."""
    usage, steps = trajectory.usage, trajectory.steps
    looked = sum(step.action == "retrieve" for step in steps)
    thoughts = sum(step.action in ("think", "answer") for step in steps)
    counts = {"token": usage.completion_tokens, "step": thoughts, "look-up": looked}
    parts = [counted(count, noun) for noun, count in counts.items() if count]
    return footer(" · ".join([duration(usage.seconds), *parts])) + feedback.answered(trajectory.id)


def footer(text: str) -> str:
    """A quiet line that ends a run."""
    return f'<p class="rd-footer">{markup.inline(text)}</p>'


def fold(title: str, blocks: Sequence[str], *, meta: str = "", unfolded: bool = False) -> str:
    """Blocks behind a line that unfolds them.

    Args:
        title: The line, text.
        blocks: HTML of this module.
        meta: HTML at the end of the line.
        unfolded: Whether they are seen at once.
    """
    line = f'<span>{markup.inline(title)}</span><span class="rd-meta">{meta}</span>'
    opened = " open" if unfolded else ""
    return f'<details class="rd-fold"{opened}><summary>{line}</summary>{"".join(blocks)}</details>'


def status(phase: str, seconds: float, tokens: int) -> str:
    """The live line of a run. Only the phase is read out; the seconds change too often for that."""
    count = f" · {counted(tokens, 'token')}" if tokens else ""
    return (
        f'<p class="rd-status rd-running"><span role="status">{markup.escape(phase)}</span>'
        f'<span aria-hidden="true">{int(seconds)} s{count}</span></p>'
    )


def waiting(place: int, seconds: float | None) -> str:
    """The live line of a question in line: its place, and in steps of five seconds how long that may take."""
    expected = "" if seconds is None else f"about {duration(max(5, 5 * round(seconds / 5)))}"
    return (
        f'<p class="rd-status rd-running"><span role="status">Waiting: {_nth(place)} in line</span>'
        f'<span aria-hidden="true">{expected}</span></p>'
    )


def _nth(place: int) -> str:
    teens = 10 < place % 100 < 20
    return f"{place}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"


def notice(message: str) -> str:
    """One line beside the question box: why it was not sent."""
    if not message:
        return ""
    return f'<p class="rd-status rd-notice" role="alert">{markup.escape(markup.clean(message))}</p>'


def _block(style: str, heading: str, body: str, *, meta: str = "") -> str:
    aside = f'<span class="rd-meta">{meta}</span>' if meta else ""
    title = f'<h3 class="rd-head"><span>{markup.inline(heading)}</span>{aside}</h3>'
    return f'<article class="rd-block rd-{style}">{title}{body}</article>'


def _text(markup_: str) -> str:
    return f'<div class="rd-text">{markup_}</div>'


def _waiting() -> str:
    return '<p class="rd-waiting">…</p>'
