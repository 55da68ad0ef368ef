"""What a running agent tells whoever watches: the page, the terminal, a test.

A run is a stream of ``StepStarted``, ``Token``… , ``StepDone`` for each step and one ``Finished`` at its
end, whatever the end was. Where many attempts are made, ``Grown`` tells now and then how the tree stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.records import Action, Step, Trajectory
from retriever.errors import RaderError
from retriever.passage import Passage


@dataclass(frozen=True)
class StepStarted:
    """Step ``n`` has begun, after step ``parent``; in a search several are under way at once.

    A ``think`` may turn out to be the ``answer`` when it is done.
    """

    n: int
    action: Action
    parent: int | None = None


@dataclass(frozen=True)
class Token:
    """More text of step ``n``."""

    n: int
    text: str


@dataclass(frozen=True)
class StepDone:
    """Step ``step.n`` is complete; ``passages`` holds the full text of its hits, by id."""

    step: Step
    passages: dict[str, Passage] = field(default_factory=dict)


@dataclass(frozen=True)
class Grown:
    """The tree of ``mcts``, ``cot@n`` or ``rag@n`` as it stands: its finished steps by number, marked with
    visits, value, votes and what was pruned; ``planned`` as in ``Trajectory``."""

    steps: tuple[Step, ...]
    planned: int | None = None


@dataclass(frozen=True)
class Finished:
    """The run is over and its trajectory logged. ``cause`` is there where it failed."""

    trajectory: Trajectory
    cause: RaderError | None = None


Event = StepStarted | Token | StepDone | Grown | Finished
