"""kill -9 at random moments, a few in a row, then to the end: the end must be that of an undisturbed run."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.jobs import Job
from benchmarks.faults.record import Asked, Scenario, Trial, differences
from benchmarks.faults.zygote import HungError

IN_A_ROW = 4
ALONE = 1 / 3  # of the kills hit the process alone; what it had started must end by itself


def undisturbed(job: Job, home: Path) -> tuple[dict[str, Any], float]:
    """What a job comes to, and the seconds that it takes."""
    job.prepare(home)
    start = time.monotonic()
    running = job.start(home)
    if code := running.ended():
        raise RuntimeError(f"{job.name} fails undisturbed ({code}): {running.complaint}")
    return job.result(home), time.monotonic() - start


def scenarios(jobs: Sequence[Job], commands: int) -> Iterator[Scenario]:
    """Each job with its share of the kills, that of one in so many commands."""
    for job in jobs:
        yield Scenario(f"kill -9: {job.name}", partial(_killed, job, commands))


def _killed(job: Job, commands: int, asked: Asked) -> Iterator[Trial]:
    """Trials until the job's share of kills was made, those of before counted."""
    scenario, home = f"kill -9: {job.name}", job.world.folder / "killed"
    done, share = asked.kept.of(scenario), math.ceil(asked.kills / commands)
    made, number = sum(trial.tried for trial in done), len(done)
    if made >= share:
        return
    wanted, seconds = undisturbed(job, home)
    while made < share:
        dice = random.Random(f"{asked.seed} {scenario} {number}")  # noqa: S311
        job.prepare(home)
        kills, wrong = _kill(
            job, home, wanted, [dice.uniform(0, seconds) for _ in range(min(IN_A_ROW, share - made))], dice
        )
        lost, more = finished(job, home, wanted)
        yield Trial(scenario=scenario, number=number, tried=kills, lost=tuple(lost), wrong=(*wrong, *more))
        made, number = made + kills, number + 1
    shutil.rmtree(home)


def _kill(
    job: Job, home: Path, wanted: dict[str, Any], moments: Sequence[float], dice: random.Random
) -> tuple[int, list[str]]:
    """Begin the job and kill it, once a moment (seconds), while there is work; kills, what served wrongly."""
    kills, wrong = 0, list[str]()
    for moment in moments:
        running = job.start(home)
        if running.wait(moment):
            break
        running.kill(alone=dice.random() < ALONE)
        kills, wrong = kills + 1, wrong + job.served(home, wanted)
    return kills, wrong


def finished(job: Job, home: Path, wanted: dict[str, Any], **order: Any) -> tuple[list[str], list[str]]:
    """Run to the end; what is lost and what is wrong then."""
    try:
        running = job.start(home, **order)
        code = running.ended()
    except HungError as error:
        return [str(error)], []
    if code:
        return [f"ends with {code}: {running.complaint.strip()[-300:]}"], []
    return differences(job.result(home), wanted)
