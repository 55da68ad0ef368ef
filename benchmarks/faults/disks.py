"""A disk that runs full at every stage of a command, and a home that can only be read.

Where this machine lets us mount (a namespace of our own needs no rights on most Linux systems), the disk is a
small one in memory. Elsewhere a limit on the size of each file stands in for it, and nothing is read-only.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.faults.jobs import Job
from benchmarks.faults.kills import finished, undisturbed
from benchmarks.faults.record import Asked, Scenario, Trial
from benchmarks.faults.zygote import HungError, Running

SIZES = 4  # of the disk, a job
AMPLE = 2 << 30
PAGE = 4096


def scenarios(jobs: Sequence[Job]) -> Iterator[Scenario]:
    """Two a job."""
    for job in jobs:
        for what, trials in (("full disk", _full), ("read-only home", _read_only)):
            name = f"{what}: {job.name}"
            yield Scenario(name, partial(trials, name, job))


def _full(name: str, job: Job, asked: Asked) -> Iterator[Trial]:
    begun = len(asked.kept.of(name))
    if begun == SIZES:
        return
    with _disk(job.world.folder / "disk") as disk:
        home = disk / "home"
        job.prepare(home)
        before = _used(disk)
        wanted, _ = undisturbed(job, home)
        growth = _used(disk) - before
        for number in range(begun, SIZES):
            dice = random.Random(f"{asked.seed} {name} {number}")  # noqa: S311
            job.prepare(home)
            yield _trial(name, number, job, disk, int(growth * dice.uniform(0, 0.9)), wanted)


def _trial(name: str, number: int, job: Job, disk: Path, room: int, wanted: dict[str, object]) -> Trial:
    """Run with so much room, then with enough."""
    if _mounts():
        _resize(disk, _used(disk) + room)
        running = job.start(disk / "home")
        note = "tmpfs"
    else:
        running = job.start(disk / "home", largest=max(room // 4, PAGE))
        note = "a limit on each file's size instead of a small disk"
    wrong = unclear(running)
    wrong += job.served(disk / "home", wanted)
    if _mounts():
        _resize(disk, AMPLE)
    lost, more = finished(job, disk / "home", wanted)
    return Trial(scenario=name, number=number, tried=1, lost=tuple(lost), wrong=(*wrong, *more), note=note)


def unclear(running: Running, *, may_succeed: bool = True) -> list[str]:
    """What is wrong with the way a command ended: it must be done, or say why not in one line."""
    try:
        code = running.ended()
    except HungError as error:
        return [str(error)]
    if code == 0:
        return [] if may_succeed else ["it says that all is well"]
    said = running.complaint.strip().splitlines()
    clear = code == 1 and said and said[-1].startswith("rader: ") and "Traceback" not in running.complaint
    return [] if clear else [f"ended with {code}: {' / '.join(said[-3:])[:400]}"]


def _read_only(name: str, job: Job, asked: Asked) -> Iterator[Trial]:
    """Refused in one line; what serves, serves; nothing is changed."""
    if asked.kept.of(name):
        return
    if not _mounts():
        yield Trial(scenario=name, number=0, tried=0, note="skipped: this machine lets nobody mount")
        return
    home = job.world.folder / "read-only"
    wanted, _ = undisturbed(job, home)
    job.prepare(home)
    _mount("--bind", str(home), str(home))
    try:
        _mount("-o", "remount,bind,ro", str(home))
        wrong = unclear(job.start(home), may_succeed=False)
        wrong += job.served(home, wanted)
    finally:
        subprocess.run(["umount", str(home)], check=True)
    lost, more = finished(job, home, wanted)
    yield Trial(scenario=name, number=0, tried=1, lost=tuple(lost), wrong=(*wrong, *more))
    shutil.rmtree(home)


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if _mounts():
        _mount("-t", "tmpfs", "-o", f"size={AMPLE}", "none", str(folder))
    try:
        yield folder
    finally:
        if _mounts():
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _resize(disk: Path, size: int) -> None:
    _mount("-o", f"remount,size={-(-size // PAGE) * PAGE}", str(disk))


def _used(disk: Path) -> int:
    """Bytes in use: of the whole disk where it is ours, else of the folder."""
    if not _mounts():
        return sum(path.stat().st_size for path in disk.rglob("*") if path.is_file())
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _mounts() -> bool:
    return os.environ.get("RADER_FAULTS_MOUNTS") == "1"
