"""Labelled queries as trajectories: who has questions and knows their passages need not write more.

A line is ``{"id", "query", "gold_ids"}``, as evaluation reads it (`retriever.queries`). Each gives queries of
the type question, one for each of its passages.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.records import Step, StepHit, Trajectory
from retriever.queries import Query, read_queries
from training.trajectories.written import by_people

LABELLED = "labelled"


def labelled_trajectories(path: Path, skipped: list[str] | None = None) -> Iterator[Trajectory]:
    """A trajectory for each query, in order.

    Args:
        path: JSONL of queries.
        skipped: Filled in with one line for each bad one; None stops at the first.

    Raises:
        BadInputError: The file cannot be read, or a line is bad.
    """
    yield from map(_trajectory, read_queries(path, skip_bad=skipped is not None, skipped=skipped))


def _trajectory(query: Query) -> Trajectory:
    hits = tuple(StepHit(id=one, score=1.0, verdict="relevant", reason="labelled") for one in query.gold_ids)
    steps = (
        Step(n=1, action="query", text=query.query),
        Step(n=2, action="retrieve", text=query.query, hits=hits, parent=1),
    )
    return by_people(f"{LABELLED}:{query.id}", query.query, LABELLED, steps, "labelled-1")
