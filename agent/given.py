"""Steps that a run does not make itself: those of another run up to one whose text a person changed."""

from __future__ import annotations

from collections.abc import Sequence

from agent.answers import boxed
from agent.draw import path
from agent.records import Action, Check, Continues, Record, Step
from retriever.errors import BadInputError

EDITABLE: tuple[Action, ...] = ("think", "query", "summarise", "answer")
MOST_CHARS = 8000
_KEPT = frozenset({"action", "text", "hits", "checks"})  # what a search found out about a step is its own


class Given(Record):
    """The first steps of a run: one path, numbered from 1, and where they come from."""

    continues: Continues
    steps: tuple[Step, ...]


def given(trajectory: str, steps: Sequence[Step], n: int, text: str, checks: Sequence[Check] = ()) -> Given:
    """The steps up to ``n``, whose text is now ``text``; an answer becomes a thought, since it goes on.

    Args:
        trajectory: The id of the run that made the steps.
        steps: All its steps; of a tree, those on the path to ``n`` are taken.
        n: A thought, an answer, a query or a recalled fact.
        text: What it shall say.
        checks: What `agent.checks` says of it.

    Raises:
        BadInputError: There is no such step, or the text cannot stand there.
    """
    known = {step.n: step for step in steps}
    if n not in known or known[n].action not in EDITABLE:
        raise BadInputError(f"there is no step {n} to change", "Choose one of the list")
    text = text.strip()
    if not text:
        raise BadInputError("the step is empty", "Say something, or go on from the step before")
    if len(text) > MOST_CHARS:
        raise BadInputError(f"the step has {len(text):,} characters; at most {MOST_CHARS:,}", "Shorten it")
    if boxed(text) is not None:
        raise BadInputError(r"the step gives the answer already", r"Take \boxed{…} out of it to go on")
    *before, last = (_placed(step, place) for place, step in enumerate(path(known, n), 1))
    # What was found out about the old text says nothing of the new one.
    action = "think" if last.action == "answer" else last.action
    changed = last.model_copy(update={"action": action, "text": text, "checks": tuple(checks)})
    return Given(continues=Continues(trajectory=trajectory, step=n), steps=(*before, changed))


def _placed(step: Step, place: int) -> Step:
    kept = step.model_dump(include=set(_KEPT))
    return Step.model_validate(kept | {"n": place, "parent": place - 1 or None})
