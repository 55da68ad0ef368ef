"""All scenarios, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.faults import chatting, clock, damage, disks, kills, servers, together
from benchmarks.faults.jobs import BuildIndex, Collect, Retrain, Train
from benchmarks.faults.pulling import Pull
from benchmarks.faults.record import Scenario
from benchmarks.faults.world import World


def all_of(world: World) -> Iterator[Scenario]:
    """Every scenario over a world."""
    collect, search = Collect(world), Collect(world, "mcts")
    index, train, retrain, pull = BuildIndex(world), Train(world), Retrain(world), Pull(world)
    jobs = [collect, search, index, train, retrain, pull]
    yield from kills.scenarios(jobs, len(jobs) + 1)
    yield from chatting.scenarios(world, len(jobs) + 1)
    yield from disks.scenarios([collect, index, train, retrain, pull])
    yield from damage.scenarios(collect, [collect, index, train, retrain, pull], retrain)
    yield from servers.scenarios(collect)
    yield from together.scenarios([collect, index, train, retrain, pull], index)
    yield from clock.scenarios([collect, search, index, train])
