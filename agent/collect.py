"""Collect trajectories: many problems in flight, one log, and only what is missing (METHOD, Search).

FOLDER/
├── trajectories.jsonl    one line an attempt that ended: finished, or failed for good with its reason
├── collection.json       what the attempts are made with; another index or model is refused
├── checkpoints.sqlite    states of the attempts under way, from which a killed collection goes on
└── collect.lock          held by the one process that collects here

An attempt is named by all that decides it: problem, strategy, configuration, prompts, model, index, seed. It
is logged before its states are let go, so that a kill at any moment loses no attempt and doubles none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from agent.checks import sound
from agent.errors import ServerDownError
from agent.events import Finished
from agent.log import TrajectoryLog
from agent.records import Fingerprints, Problem, Trajectory
from agent.solve import Solver
from agent.state import Strategy
from retriever.errors import BadInputError, RaderError

TRIES = 6  # of an attempt whose server is down, with waits of 1, 2, 4 … 30 s between them
_FIXED = ("llm", "retriever", "index", "prompts")  # fingerprints that one collection shares


@dataclass(frozen=True)
class Attempt:
    """One problem, to be solved once with one seed."""

    problem: Problem
    strategy: Strategy
    seed: int

    def run_id(self, fingerprints: Fingerprints) -> str:
        """Names the attempt by all that decides it; 32 hex digits."""
        key = [self.problem.id, self.problem.problem, self.strategy, self.seed, fingerprints.model_dump()]
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


class Counts(BaseModel):
    """What a collection holds of the attempts asked for, and what this run of it did.

    ``ungraded`` had no gold answer; ``ungradable`` had one that could not be compared. ``tokens`` were
    written by the model, ``seconds`` are of this run. ``unsound`` came to an end on a path on which a checked
    claim fails (``agent.checks.sound``), ``unsound_correct`` of them with the right answer.
    """

    model_config = ConfigDict(frozen=True)

    attempts: int
    done: int
    new: int
    correct: int
    wrong: int
    ungradable: int
    ungraded: int
    failed: int
    unsound: int
    unsound_correct: int
    retrievals: int
    judged: int
    relevant: int
    tokens: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Correct among those with a gold answer; 0 where there is none."""
        graded = self.correct + self.wrong + self.ungradable
        return self.correct / graded if graded else 0.0


Progress = Callable[[Counts], None]


class Collection:
    """The folder that a collection is kept in.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = TrajectoryLog(folder / "trajectories.jsonl")
        self.checkpoints = folder / "checkpoints.sqlite"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one process that collects here.

        Raises:
            BadInputError: Another process does, or the folder cannot be made.
        """
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "collect.lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise BadInputError(
                f"another process collects into {self.folder}", "Wait for it, or name another --out"
            ) from None
        except OSError as error:
            raise BadInputError(
                f"the folder {self.folder} cannot be used ({error.strerror or error})", "Name another --out"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def check(self, fingerprints: Fingerprints) -> None:
        """Keep what attempts are made with; refuse what differs from the attempts that are here.

        Raises:
            BadInputError: The model, the prompts, the retriever or the index were changed in between.
        """
        from retriever.versions import write_atomically

        file = self.folder / "collection.json"
        try:
            kept = json.loads(file.read_bytes()) if file.exists() else {}
        except ValueError:
            kept = {}
        mine = fingerprints.model_dump()
        changed = [name for name in _FIXED if kept.get(name) and mine[name] and kept[name] != mine[name]]
        if changed:
            raise BadInputError(
                f"{self.folder} was collected with another {' and '.join(changed)}",
                "Go on with those, or name another --out",
            )
        merged = {name: mine[name] or kept.get(name, "") for name in _FIXED}
        write_atomically(file, json.dumps(merged, indent=2))

    def kept(self, run_ids: Iterable[str], *, failed: bool) -> dict[str, Trajectory]:
        """The attempts among ``run_ids`` that are over, by id; those that failed only where asked for."""
        wanted = set(run_ids)
        return {
            one.id: one
            for one in self.log.read()
            if one.id in wanted and (one.outcome == "finished" or (failed and one.outcome == "failed"))
        }


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
    mine = replace(solver, log=None, checkpoints=collection.checkpoints, forgets=False)
    collection.check(mine.fingerprints())
    named = {attempt.run_id(mine.fingerprints(attempt.strategy)): attempt for attempt in attempts}
    over = collection.kept(named, failed=not retry_failed)
    tally = _Tally(len(named), over.values())
    missing = iter([(run_id, attempt) for run_id, attempt in named.items() if run_id not in over])

    def over_now(trajectory: Trajectory) -> None:
        tally.add(trajectory)
        if progress is not None:
            progress(tally.counts())

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(parallel):  # workers that share one iterator
                group.create_task(_work(missing, mine, collection, over_now))
    except* RaderError as errors:
        raise errors.exceptions[0] from None
    return tally.counts()


async def _work(
    attempts: Iterator[tuple[str, Attempt]],
    solver: Solver,
    collection: Collection,
    over: Callable[[Trajectory], None],
) -> None:
    """Make attempts as long as there are any; each is logged before its states are let go."""
    for run_id, attempt in attempts:
        trajectory = await _attempt(solver, attempt, run_id)
        await asyncio.to_thread(collection.log.append, trajectory)
        if trajectory.outcome == "finished":
            await solver.forget(run_id)
        over(trajectory)


async def _attempt(solver: Solver, attempt: Attempt, run_id: str) -> Trajectory:
    """One attempt to its end; while the server is down it is taken up again where it was."""
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
                if isinstance(event.cause, ServerDownError):
                    raise event.cause
                return event.trajectory
    raise RaderError("the run ended without a result", "Please report this")


class _Tally:
    """Counts as they grow."""

    def __init__(self, attempts: int, before: Iterable[Trajectory]) -> None:
        self._started = time.monotonic()
        self._attempts = attempts
        self._sums = Counter[str]()
        for trajectory in before:
            self._count(trajectory)

    def add(self, trajectory: Trajectory) -> None:
        self._sums["new"] += 1
        self._count(trajectory)

    def _count(self, trajectory: Trajectory) -> None:
        hits = [hit for step in trajectory.steps if step.action == "reflect" for hit in step.hits]
        failed = trajectory.outcome == "failed"
        self._sums["done"] += 1
        self._sums["failed" if failed else trajectory.grade or "ungraded"] += 1
        if not failed and not sound(trajectory):
            self._sums["unsound"] += 1
            self._sums["unsound_correct"] += trajectory.grade == "correct"
        self._sums["retrievals"] += sum(step.action == "retrieve" for step in trajectory.steps)
        self._sums["judged"] += len(hits)
        self._sums["relevant"] += sum(hit.verdict == "relevant" for hit in hits)
        self._sums["tokens"] += trajectory.usage.completion_tokens

    def counts(self) -> Counts:
        seconds = round(time.monotonic() - self._started, 1)
        names = [name for name in Counts.model_fields if name not in ("attempts", "seconds")]
        sums = {name: self._sums[name] for name in names}
        return Counts(attempts=self._attempts, seconds=seconds, **sums)
