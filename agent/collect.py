"""Collect trajectories: many problems in flight, one log, and only what is missing (METHOD, Search).

What is kept, and how, is `agent.collection`'s business; here this process makes the attempts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from agent.collection import Attempt, Collection, Counts, Progress, Work
from agent.errors import ServerDownError
from agent.events import Finished
from agent.records import Trajectory
from agent.solve import Solver
from agent.tasks import first_error
from retriever.errors import RaderError, StorageError

TRIES = 6  # of an attempt whose server is down, with waits of 1, 2, 4 … 30 s between them


async def collect(
    solver: Solver,
    attempts: Sequence[Attempt],
    collection: Collection,
    *,
    parallel: int = 4,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Make the attempts that are missing in ``collection``, ``parallel`` at once.

    Args:
        solver: Solves one problem; its own log and checkpoints are left alone.
        attempts: What is wanted.
        collection: Where it goes; held by the caller.
        parallel: Attempts in flight; as many as the model's server batches well.
        retry_failed: Also make those again that failed for good before.
        progress: Told after every attempt.

    Raises:
        ServerDownError: The server stayed away; what was done is kept.
        BadInputError: The collection was made with another model, index or prompts.
        StorageError: The folder cannot be written to.
    """
    made_with = {attempt.strategy: solver.fingerprints(attempt.strategy) for attempt in attempts}
    work = Work(collection, attempts, made_with, retry_failed=retry_failed, progress=progress)
    missing = iter(work.missing)
    with first_error():
        async with asyncio.TaskGroup() as group:
            for _ in range(parallel):  # workers that share one iterator
                group.create_task(_work(missing, solver, collection, work))
    return work.counts()


async def _work(
    attempts: Iterator[tuple[str, Attempt]], solver: Solver, collection: Collection, work: Work
) -> None:
    """Make attempts as long as there are any."""
    for run_id, attempt in attempts:
        trajectory = await make(collection.of(run_id, solver), attempt, run_id)
        await asyncio.to_thread(collection.keep, trajectory)
        work.count(trajectory)


async def make(solver: Solver, attempt: Attempt, run_id: str) -> Trajectory:
    """One attempt to its end; while the server is down it is taken up again where it was.

    Raises:
        ServerDownError: The server stayed away.
        StorageError: Its states cannot be kept.
    """
    from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

    tries = AsyncRetrying(
        retry=retry_if_exception_type(ServerDownError),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential_jitter(initial=1, max=30),
        reraise=True,
    )
    return await tries(_try, solver, attempt, run_id)


async def _try(solver: Solver, attempt: Attempt, run_id: str) -> Trajectory:
    solving = solver.solve(attempt.problem, attempt.strategy, seed=attempt.seed, run_id=run_id)
    async with aclosing(solving) as events:
        async for event in events:
            if isinstance(event, Finished):
                if isinstance(event.cause, ServerDownError | StorageError):  # not the attempt's own failure
                    raise event.cause
                return event.trajectory
    raise RaderError("the run ended without a result", "Please report this")
