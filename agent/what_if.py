"""What another retriever would have found for the queries of recorded trajectories, at no model cost.

Thoughts, queries and verdicts stay as they were recorded; only the searches are done again. What the model
would have made of a passage that it never saw cannot be known, so a passage that is gained has no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from agent.nodes import Searcher
from agent.records import Step, Trajectory
from agent.state import AgentConfig


class StepChange(BaseModel):
    """One search done again. ``kept``, ``lost`` and ``gained`` are ids of passages in their order;
    ``relevant_kept`` and ``relevant_lost`` those of them that the model had judged relevant."""

    model_config = ConfigDict(frozen=True)

    trajectory: str
    n: int
    query: str
    kept: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    relevant_kept: tuple[str, ...]
    relevant_lost: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the passages are others; their order does not count."""
        return bool(self.lost or self.gained)


class Report(BaseModel):
    """Sums over all searches; ``unjudged`` are passages gained, which have no verdict."""

    model_config = ConfigDict(frozen=True)

    searches: int
    changed: int
    kept: int
    lost: int
    unjudged: int
    relevant_kept: int
    relevant_lost: int


@dataclass(frozen=True)
class _Found:
    query: str
    verdicts: dict[str, str | None]  # by passage, in the order found
    seen: frozenset[str]


def what_if(
    trajectories: Iterable[Trajectory], retriever: Searcher, config: AgentConfig, *, hits: int | None = None
) -> list[StepChange]:
    """Every search of ``trajectories`` done again with ``retriever``, by the agent's rules: what was
    seen before on the path is left out, and a query whose best passage was seen brings nothing.

    Args:
        trajectories: As recorded.
        retriever: What searches now.
        config: Its ``retriever``, ``without``, ``sources`` and ``hits`` say how.
        hits: Passages a query in place of ``config.hits``; a tree search has a number of its own.
    """
    return [
        _change(one.id, step, _found(one, step), retriever, config, hits or config.hits)
        for one in trajectories
        for step in one.steps
        if step.action == "retrieve"
    ]


def summed(changes: Iterable[StepChange]) -> Report:
    """The report on ``changes``."""
    every = list(changes)
    return Report(
        searches=len(every),
        changed=sum(one.changed for one in every),
        kept=sum(len(one.kept) for one in every),
        lost=sum(len(one.lost) for one in every),
        unjudged=sum(len(one.gained) for one in every),
        relevant_kept=sum(len(one.relevant_kept) for one in every),
        relevant_lost=sum(len(one.relevant_lost) for one in every),
    )


def _found(trajectory: Trajectory, step: Step) -> _Found:
    """What was known at a search: its query, its passages with their verdicts, and what was seen before."""
    steps = {one.n: one for one in trajectory.steps}
    path, parent = list[Step](), step.parent
    while parent is not None:
        path.append(steps[parent])
        parent = steps[parent].parent
    judged = next((one for one in trajectory.steps if one.parent == step.n and one.action == "reflect"), step)
    verdicts: dict[str, str | None] = {hit.id: None for hit in step.hits}
    verdicts |= {hit.id: hit.verdict for hit in judged.hits}
    return _Found(path[0].text, verdicts, frozenset(hit.id for one in path for hit in one.hits))


def _change(
    trajectory: str, step: Step, before: _Found, retriever: Searcher, config: AgentConfig, k: int
) -> StepChange:
    result = retriever.search(
        before.query, k, mode=config.retriever, without=config.without, sources=config.sources
    )
    ids = [hit.passage.id for hit in result.hits]
    now = [] if ids and ids[0] in before.seen else [one for one in ids if one not in before.seen]
    relevant = [one for one, verdict in before.verdicts.items() if verdict == "relevant"]
    return StepChange(
        trajectory=trajectory,
        n=step.n,
        query=before.query,
        kept=tuple(one for one in before.verdicts if one in now),
        lost=tuple(one for one in before.verdicts if one not in now),
        gained=tuple(one for one in now if one not in before.verdicts),
        relevant_kept=tuple(one for one in relevant if one in now),
        relevant_lost=tuple(one for one in relevant if one not in now),
    )
