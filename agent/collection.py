"""The folder that a collection is kept in, whoever makes its attempts: this process or a Ray cluster.

FOLDER/
├── trajectories.jsonl    one line an attempt that ended: finished, or failed for good with its reason
├── collection.json       what the attempts are made with; another index or model is refused
├── checkpoints/          states of the attempts under way, a file each, from which a killed one goes on
└── collect.lock          held by the one process that collects here

An attempt is named by all that decides it: problem, strategy, configuration, prompts, model, index, seed. It
is logged before its states are let go, so that a kill at any moment loses no attempt and doubles none.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from agent.checks import sound
from agent.log import TrajectoryLog
from agent.records import Fingerprints, Problem, Trajectory
from agent.state import Strategy
from retriever.errors import BadInputError
from retriever.locks import take

if TYPE_CHECKING:
    from agent.solve import Solver

FIXED = ("llm", "retriever", "index", "prompts")  # fingerprints that one collection shares


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

    LOCK = "collect.lock"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = TrajectoryLog(folder / "trajectories.jsonl")
        self.checkpoints = folder / "checkpoints"

    def of(self, run_id: str, solver: Solver) -> Solver:
        """``solver`` for one attempt: its states are kept here, in a file of their own, since processes on
        several machines must not share one; its trajectory is the caller's to `keep`."""
        return replace(solver, log=None, checkpoints=self._states(run_id), forgets=False)

    def _states(self, run_id: str) -> Path:
        return self.checkpoints / f"{run_id}.sqlite"

    def keep(self, trajectory: Trajectory) -> None:
        """Log an attempt that is over, and only then let go of its states; those of a failed one stay, from
        which another try goes on.

        Raises:
            StorageError: The log cannot be written.
        """
        self.log.append(trajectory)
        if trajectory.outcome == "finished":
            self.forget(trajectory.id)

    def forget(self, run_id: str) -> None:
        """Let go of the states of an attempt; only once it is logged."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._states(run_id)}{suffix}").unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one process that collects here.

        Raises:
            BadInputError: Another process does, or the folder cannot be made.
        """
        busy = BadInputError(
            f"another process collects into {self.folder}", "Wait for it, or name another --out"
        )
        try:
            lock = take(self.folder / self.LOCK, busy)
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
        from retriever.files import write_atomically

        file = self.folder / "collection.json"
        try:
            kept = json.loads(file.read_bytes()) if file.exists() else {}
        except ValueError:
            kept = {}
        mine = fingerprints.model_dump()
        changed = [name for name in FIXED if kept.get(name) and mine[name] and kept[name] != mine[name]]
        if changed:
            raise BadInputError(
                f"{self.folder} was collected with another {' and '.join(changed)}",
                "Go on with those, or name another --out",
            )
        merged = {name: mine[name] or kept.get(name, "") for name in FIXED}
        write_atomically(file, json.dumps(merged, indent=2))

    def kept(self, run_ids: Iterable[str], *, failed: bool) -> dict[str, Trajectory]:
        """The attempts among ``run_ids`` that are over, by id; those that failed only where asked for."""
        wanted = set(run_ids)
        return {
            one.id: one
            for one in self.log.read()
            if one.id in wanted and (one.outcome == "finished" or (failed and one.outcome == "failed"))
        }


class Work:
    """The attempts that are asked for: which of them are missing, and what they come to.

    Args:
        collection: Where they are kept; held by the caller.
        attempts: What is wanted.
        made_with: Fingerprints by strategy, those of the attempts at least.
        retry_failed: Those that failed for good before are missing too.
        progress: Told after every attempt.

    Raises:
        BadInputError: The collection was made with another model, index or prompts.
    """

    def __init__(
        self,
        collection: Collection,
        attempts: Sequence[Attempt],
        made_with: Mapping[Strategy, Fingerprints],
        *,
        retry_failed: bool = False,
        progress: Progress | None = None,
    ) -> None:
        for fingerprints in made_with.values():
            collection.check(fingerprints)
        named = {attempt.run_id(made_with[attempt.strategy]): attempt for attempt in attempts}
        over = collection.kept(named, failed=not retry_failed)
        for run_id, trajectory in over.items():  # killed between logging it and letting go of its states
            if trajectory.outcome == "finished":
                collection.forget(run_id)
        self.missing = [(run_id, attempt) for run_id, attempt in named.items() if run_id not in over]
        self._tally = _Tally(len(named), over.values())
        self._progress = progress

    def count(self, trajectory: Trajectory) -> None:
        """One more is over and kept."""
        self._tally.add(trajectory)
        if self._progress is not None:
            self._progress(self.counts())

    def counts(self) -> Counts:
        """What all of them come to by now."""
        return self._tally.counts()


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
