"""Two processes on one home: both get there, or one is told in a line that the other is at work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Thread

from benchmarks.faults import chatting
from benchmarks.faults.disks import unclear
from benchmarks.faults.jobs import BuildIndex, Job
from benchmarks.faults.kills import finished, undisturbed
from benchmarks.faults.record import Asked, Scenario, Trial
from benchmarks.faults.world import World

LATER = (0.0, 0.3)  # of the time that one takes: when the other begins


def scenarios(jobs: Sequence[Job], index: BuildIndex) -> Iterator[Scenario]:
    """One a job, and those of readers beside a writer."""
    for job in jobs:
        name = f"two at once: {job.name}"
        yield Scenario(name, partial(_twice, name, job))
    name = "two at once: index and searches"
    yield Scenario(name, partial(_beside, name, index))
    name = "two at once: chat"
    yield Scenario(name, partial(_two_pages, name, index.world))


def _twice(name: str, job: Job, asked: Asked) -> Iterator[Trial]:
    begun = len(asked.kept.of(name))
    if begun == len(LATER):
        return
    home = job.world.folder / "together"
    wanted, seconds = undisturbed(job, home)
    for number in range(begun, len(LATER)):
        job.prepare(home)
        first = job.start(home)
        time.sleep(seconds * LATER[number])
        second = job.start(home)
        wrong = unclear(first) + unclear(second)
        lost, more = finished(job, home, wanted)
        yield Trial(scenario=name, number=number, tried=1, lost=tuple(lost), wrong=(*wrong, *more))


def _beside(name: str, job: BuildIndex, asked: Asked) -> Iterator[Trial]:
    """Searches while the index is built and switched."""
    if asked.kept.of(name):
        return
    home, tried, wrong = job.world.folder / "beside", 0, list[str]()
    wanted, _ = undisturbed(job, home)
    job.prepare(home)
    running = job.start(home)
    while running.alive:
        wrong += job.served(home, wanted)
        tried += 1
    lost, more = finished(job, home, wanted)
    yield Trial(scenario=name, number=0, tried=tried, lost=tuple(lost), wrong=(*wrong, *more))


def _two_pages(name: str, world: World, asked: Asked) -> Iterator[Trial]:
    """Two pages over one home, two visitors at each, all asking at once."""
    if asked.kept.of(name):
        return
    home: Path = world.folder / "pages"
    world.fresh(home)
    pages = [chatting.serving(world, home)[0] for _ in range(2)]
    addresses = [page.said.split(" is at ")[1].split()[0] for page in pages]
    asking = [
        Thread(target=chatting.Visitor(url).ask, args=(chatting.QUESTION,))
        for url in addresses
        for _ in range(2)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    for page in pages:
        page.kill()
    found = [{**one, "id": ""} for one in chatting.logged(home).values()]
    lost = [f"{len(asking) - len(found)} answers"] if len(found) < len(asking) else []
    wrong = ["answers differ"] if any(one != found[0] for one in found) else []
    yield Trial(scenario=name, number=0, tried=len(asking), lost=tuple(lost), wrong=tuple(wrong))
