"""Collect on a Ray cluster: the same folder, log and resume as `agent.collect`, attempts made by actors.

A driver holds the folder and hands attempts to workers, each of which keeps one solver, and with it a
retriever and an endpoint. Ray starts a worker that died again and gives it the attempts it had, which go on
from their last step where the folder can be seen from its machine, else from their beginning.

Ray sends Python objects between its processes: join only a cluster that you trust.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.collect import make
from agent.collection import Attempt, Collection, Counts, Progress, Work
from agent.ray_cluster import cluster, explained
from agent.records import Fingerprints, Trajectory
from agent.solve import Solver
from agent.state import Strategy
from retriever.errors import BadInputError

Factory = Callable[[str], Solver]  # from an endpoint; run in every worker, so pickle must know it by name

RESTARTS = 10  # of one worker: machines go away, but one that dies at every attempt must come to an end


class Worker:
    """An actor that makes attempts, several at once.

    Args:
        factory: Makes its solver.
        endpoint: Given to ``factory``.
        folder: Of the collection, absolute.
    """

    def __init__(self, factory: Factory, endpoint: str, folder: Path) -> None:
        self.factory, self.endpoint, self.folder = factory, endpoint, folder

    @cached_property
    def solver(self) -> Solver:
        """Made at the first call and not with the actor, so that what goes wrong reaches the driver."""
        return self.factory(self.endpoint)

    async def fingerprints(self, strategies: Sequence[Strategy]) -> dict[Strategy, Fingerprints]:
        """What its attempts are made with."""
        return {strategy: self.solver.fingerprints(strategy) for strategy in strategies}

    async def attempt(self, run_id: str, attempt: Attempt) -> Trajectory:
        """One attempt to its end; begun by a worker that died, it goes on from there.

        Raises:
            ServerDownError: The endpoint stayed away.
        """
        with self._states() as folder:
            return await make(Collection(Path(folder)).of(run_id, self.solver), attempt, run_id)

    def _states(self) -> AbstractContextManager[str]:
        """The collection's folder where this machine sees the one that the driver holds."""
        shared = (self.folder / Collection.LOCK).exists()
        return nullcontext(str(self.folder)) if shared else TemporaryDirectory(prefix="rader-")


def collect_on_ray(
    factory: Factory,
    endpoints: Sequence[str],
    workers: int | None,
    attempts: Sequence[Attempt],
    collection: Collection,
    *,
    address: str = "local",
    parallel: int = 4,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Make the attempts that are missing in ``collection``, ``parallel`` at once on each worker.

    Args:
        factory: A function that workers can import, or a partial of one.
        endpoints: Given to the workers in turn; one that is empty stands for none.
        workers: How many; None: one an endpoint, without endpoints one a machine.
        attempts: What is wanted.
        collection: Where it goes; held by the caller.
        address: See `cluster`.
        parallel: Attempts in flight on a worker.
        retry_failed: Also make those again that failed for good before.
        progress: Told after every attempt.

    Raises:
        ServerDownError: An endpoint stayed away; what was done is kept.
        BadInputError: The workers are not alike, or unlike what the collection was made with.
        RaderError: A worker cannot be started.
    """
    with cluster(address), _actors(factory, endpoints, workers, collection.folder, parallel) as actors:
        made_with = _agreed(actors, sorted({attempt.strategy for attempt in attempts}))
        work = Work(collection, attempts, made_with, retry_failed=retry_failed, progress=progress)
        for trajectory in _made(actors * parallel, work.missing):
            collection.keep(trajectory)
            work.count(trajectory)
        return work.counts()


@contextmanager
def _actors(
    factory: Factory, endpoints: Sequence[str], workers: int | None, folder: Path, parallel: int
) -> Iterator[list[Any]]:
    """Workers over the cluster's machines, ended with the block."""
    import ray

    machines: Any = ray.nodes
    alive = sum(bool(one["Alive"]) for one in machines())
    count = workers or (len(endpoints) if any(endpoints) else alive)
    if count < len(endpoints):
        raise BadInputError(f"{count} workers cannot use {len(endpoints)} endpoints", "Raise --workers")
    kind: Any = ray.remote(Worker).options(
        max_restarts=RESTARTS, max_task_retries=-1, max_concurrency=parallel, scheduling_strategy="SPREAD"
    )
    actors = [kind.remote(factory, endpoints[n % len(endpoints)], folder.resolve()) for n in range(count)]
    try:
        yield actors
    finally:
        for actor in actors:
            ray.kill(actor)


def _agreed(actors: Sequence[Any], strategies: Sequence[Strategy]) -> dict[Strategy, Fingerprints]:
    """What all workers make attempts with. The first is asked alone, so that weights are pulled and an index
    is built once where machines share a disk."""
    import ray

    with explained():
        first: dict[Strategy, Fingerprints] = ray.get(actors[0].fingerprints.remote(strategies))
        others = ray.get([actor.fingerprints.remote(strategies) for actor in actors[1:]])
    for one in others:
        pairs = [(first[name].model_dump(), one[name].model_dump()) for name in strategies]
        differs = sorted({key for mine, its in pairs for key in mine if mine[key] != its[key]})
        if differs:
            raise BadInputError(
                f"the workers differ in {' and '.join(differs)}",
                "Give every endpoint the same model, every machine the same index and version",
            )
    return first


def _made(slots: list[Any], missing: list[tuple[str, Attempt]]) -> Iterator[Trajectory]:
    """Trajectories as they are made; an actor has as many attempts in flight as it stands in ``slots``."""
    from ray.util import ActorPool

    with explained():
        yield from ActorPool(slots).map_unordered(lambda actor, named: actor.attempt.remote(*named), missing)
