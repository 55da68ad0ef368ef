"""A search as an outline, pure: its steps as nested lists with visits and value, and the vote, as inert HTML.

What comes back is one line for a Markdown component with ``markup.DELIMITERS``, as all blocks of
`ui.page.render`. A step that alone follows another stands below it; only branches are indented, so that a
deep tree fits a phone. A query, what it found and the verdicts on it are one look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.answers import boxed
from agent.draw import children
from agent.events import Grown
from agent.records import Action, Step, StepHit, Trajectory
from agent.tree import Rollout, key, settled, votes
from ui.page import markup, render

SNIPPET_CHARS = 140

_NAMES: dict[Action, str] = {
    "think": "Thought",
    "query": "Look-up",
    "retrieve": "Look-up",
    "reflect": "Look-up",
    "summarise": "Theorem",
    "answer": "Answer",
}
_VERDICTS = {"relevant": "relevant", "irrelevant": "not relevant", None: "not judged"}


def tree_of(trajectory: Trajectory) -> str:
    """The tree of a trajectory, and the vote where there was one; a run without branches is a list."""
    over = trajectory.outcome == "finished"
    searched = any(step.visits is not None for step in trajectory.steps)
    title = "Search tree" if searched else "Steps"
    return _block(title, trajectory.id, trajectory.steps, trajectory.planned, over=over)


def growing(grown: Grown, run: str) -> str:
    """The tree of a search under way; ``run`` is the id that its trajectory will have."""
    return _block("Search tree", run, grown.steps, grown.planned, over=False)


def _block(title: str, run: str, steps: Sequence[Step], planned: int | None, *, over: bool) -> str:
    ballots = rollouts(steps)
    done = f"{len(ballots)} of {planned}" if planned else f"{len(ballots)}"
    aside = f"{done} rollouts · " if ballots else ""
    count = render.counted(len(steps), "step")
    head = f'<span>{title}</span><span class="rd-meta">{aside}{count}</span>'
    return (
        f'<article class="rd-block rd-tree"><h3 class="rd-head">{head}</h3>'
        f"{_vote(steps, ballots, planned, over=over)}{_outline(steps, run)}</article>"
    )


# The vote


def rollouts(steps: Sequence[Step]) -> list[Rollout]:
    """What the attempts ended in, in the order of their steps.

    Logs from before steps kept their ``vote`` have equal answers by the letter only.
    """
    found: list[Rollout] = []
    firsts: dict[str, int] = {}
    for step in steps:
        if step.reward is None:
            continue
        answer = boxed(step.text)
        alike = None if answer is None else firsts.setdefault(key(answer), step.n)
        found.append(Rollout(n=step.n, answer=answer, group=step.vote or alike, correct=None))
    return found


def _vote(steps: Sequence[Step], ballots: list[Rollout], planned: int | None, *, over: bool) -> str:
    """Each answer with its votes, the winner marked, and why there were no more rollouts."""
    if not ballots:
        return ""
    chosen = {step.n for step in steps if step.chosen}
    answers = {one["group"]: one["answer"] or "" for one in reversed(ballots)}
    wins = {one["group"] for one in ballots if one["n"] in chosen}
    rows = [
        _row(render.boxed(answers[group]), count, len(ballots), wins=group in wins)
        for group, count in votes(ballots).most_common()
    ]
    without = sum(one["group"] is None for one in ballots)
    rows += [_row("no boxed answer", without, len(ballots), wins=False)] if without else []
    head = "<tr><th>Answer</th><th>Votes</th></tr>"
    note = f'<p class="rd-note">{_ending(ballots, planned)}</p>' if over else ""
    return f'<table class="rd-vote"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>{note}'


def _row(answer: str, count: int, of: int, *, wins: bool) -> str:
    badge = '<span class="rd-badge">wins</span>' if wins else ""
    return (
        f'<tr class="{"rd-wins" if wins else "rd-loses"}"><td>{answer}</td>'
        f"<td>{count} of {of} {_bar(count / of)}{badge}</td></tr>"
    )


def _ending(ballots: list[Rollout], planned: int | None) -> str:
    """Why the search ended when it did."""
    left = (planned or 0) - len(ballots)
    if left <= 0:
        return "All rollouts were made."
    if settled(ballots, left):
        return f"Stopped early, {left} before the last: no other answer could win any more."
    return f"Ended {left} before the last: there was nothing left to explore, or no tokens to spend."


# The outline


@dataclass(frozen=True)
class _Node:
    """A step as it is shown; for a look-up with what was found, and the step that others follow."""

    step: Step
    hits: tuple[StepHit, ...]
    pruned: str
    last: int


def _outline(steps: Sequence[Step], run: str) -> str:
    """Lists of branches within lists; a loop, since a file may hold a tree of any depth."""
    below = children(steps)
    parts: list[str] = []
    waiting: list[Step | str] = ["</ul>", *reversed(below[0]), '<ul class="rd-branches">']
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            parts.append(one)
            continue
        chain = _chain(one, below)
        parts += ["<li><ol>", *(f"<li>{_node(node)}</li>" for node in chain), "</ol>"]
        waiting.append("</li>")
        if branches := below[chain[-1].last]:
            fold = f'<details open id="rd-{markup.escape(run)}-{one.n}">'
            parts.append(f'{fold}<summary>{len(branches)} branches</summary><ul class="rd-branches">')
            waiting += ["</ul></details>", *reversed(branches)]
    return "".join(parts)


def _chain(step: Step, below: dict[int, list[Step]]) -> list[_Node]:
    """A step and those that follow it as far as there is no branch."""
    chain = [_merged(step, below)]
    while len(after := below[chain[-1].last]) == 1:
        chain.append(_merged(after[0], below))
    return chain


def _merged(step: Step, below: dict[int, list[Step]]) -> _Node:
    """A query as one with what it found and what was thought of it; any other step alone."""
    last, hits, pruned = step, step.hits, step.pruned
    while last.action in ("query", "retrieve") and len(after := below[last.n]) == 1:
        if after[0].action not in ("retrieve", "reflect"):
            break
        last = after[0]
        hits, pruned = last.hits, pruned or last.pruned
    return _Node(step, hits, pruned, last.n)


def _node(node: _Node) -> str:
    step = node.step
    style = "rd-pruned" if node.pruned else "rd-chosen" if step.chosen else "rd-passed"
    name = f"<strong>{_NAMES[step.action]} {step.n}</strong>"
    chosen = '<span class="rd-badge">chosen</span>' if step.chosen else ""
    pruned = f'<p class="rd-note">Not followed: {markup.inline(node.pruned)}</p>' if node.pruned else ""
    return (
        f'<div class="rd-node {style}"><p class="rd-counts">{name}{_counts(step)}{chosen}</p>'
        f"{_said(step)}{_found(node)}{pruned}</div>"
    )


def _counts(step: Step) -> str:
    """Visits and mean value, as words and as a bar; of an answer its reward."""
    if step.reward is not None:
        return f"<span>reward {step.reward}</span>"
    if step.visits is None:
        return ""
    visits = f"<span>{render.counted(step.visits, 'visit')}</span>"
    if not step.visits:
        return visits
    mean = (step.value or 0) / step.visits
    return f"{visits}<span>value {step.value or 0}/{step.visits}</span>{_bar(mean)}"


def _bar(share: float) -> str:
    """A bar for the eye: what it shows stands beside it in words."""
    return f'<span class="rd-bar"><span style="width:{share:.0%}"></span></span>'


def _said(step: Step) -> str:
    """The text of a step; a long one begins with its beginning and unfolds."""
    if step.action in ("retrieve", "reflect"):
        return ""
    title = f"{step.hits[0].title or step.hits[0].id}: " if step.action == "summarise" and step.hits else ""
    text = title + step.text
    line = " ".join(text.split())
    whole = f'<div class="rd-text">{markup.blocks(text)}{render.checks(step.checks)}</div>'
    if len(line) <= SNIPPET_CHARS:
        return whole if line else ""
    start = markup.inline(line[:SNIPPET_CHARS].rsplit(" ", 1)[0], final=False)
    return f"<details><summary>{start} …</summary>{whole}</details>"


def _found(node: _Node) -> str:
    """What a look-up found, with verdicts."""
    if node.step.action == "summarise" or not node.hits:
        return ""
    items = "".join(
        f'<li class="rd-{hit.verdict or "unjudged"}">{markup.inline(hit.title or hit.id)} '
        f"<span>{render.number(hit.score)}, {_VERDICTS[hit.verdict]}</span></li>"
        for hit in node.hits
    )
    return f'<ul class="rd-found">{items}</ul>'
