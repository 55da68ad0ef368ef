"""A clock that is set back: a year before a command goes on, and another year before it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.faults.jobs import Job
from benchmarks.faults.kills import finished, undisturbed
from benchmarks.faults.record import Asked, Scenario, Trial

YEAR = 365 * 86_400.0


def scenarios(jobs: Sequence[Job]) -> Iterator[Scenario]:
    """One a job."""
    for job in jobs:
        name = f"clock set back: {job.name}"
        yield Scenario(name, partial(_set_back, name, job))


def _set_back(name: str, job: Job, asked: Asked) -> Iterator[Trial]:
    if asked.kept.of(name):
        return
    home = job.world.folder / "clock"
    wanted, seconds = undisturbed(job, home)
    job.prepare(home)
    wrong = []
    for share, shift in ((0.5, 0.0), (0.6, -YEAR)):
        running = job.start(home, shift=shift)
        running.wait(seconds * share)
        running.kill()
        wrong += job.served(home, wanted)
    lost, more = finished(job, home, wanted, shift=-2 * YEAR)
    yield Trial(scenario=name, number=0, tried=2, lost=tuple(lost), wrong=(*wrong, *more))
