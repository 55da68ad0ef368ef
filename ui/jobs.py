"""Commands of ``rader`` that a page starts and that outlive it, kept in ``home/jobs``.

home/jobs/
└── collect-20261123-160015-3f2a/   a folder for each
    ├── job.json        kind, label, command, process
    ├── alive           locked by the process as long as it lives, however it ends
    ├── progress.json   what it does, how much, of how much
    ├── out             its result, one line of JSON
    └── log             what else it says

The lock is inherited by the process, so that a page that is started anew knows at once what still runs, and a
process that took over an old number is never mistaken for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from retriever.errors import BadInputError, StorageError
from ui.output import PROGRESS

State = Literal["running", "done", "stopped", "failed"]

KEPT = 10  # jobs of a kind
GRACE = 20.0  # seconds between asking a job to stop and killing it; nothing is lost by that either
TAIL = 4000  # bytes of a log that are looked at


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    Attributes:
        id: Name of its folder.
        kind: What it is one of, such as ``collect``.
        label: What it is called.
        arguments: Of ``rader``.
        started: ISO 8601.
        state: Whether it runs, came to its end, was stopped or failed.
        progress: What it does, how much, of how much; 0 where that is not known.
        result: What it printed at its end.
        says: The last line that it said otherwise.
    """

    id: str
    kind: str
    label: str
    arguments: tuple[str, ...]
    started: str
    state: State
    progress: tuple[str, int, int]
    result: dict[str, Any]
    says: str


class Jobs:
    """The jobs of one home, one of a kind at a time.

    Args:
        home: The product's folder.
        environment: What jobs get beside this process's environment.
    """

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = home / "jobs"
        self._environment = dict(environment or {})

    def start(self, kind: str, label: str, arguments: Sequence[str]) -> Job:
        """Run ``rader`` with these arguments, in a session of its own.

        Raises:
            BadInputError: One of this kind is running.
            StorageError: The folder cannot be written to.
        """
        from filelock import FileLock

        name = f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        folder = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "start.lock"):
                earlier = self.latest(kind)
                if earlier and earlier.state == "running":
                    raise BadInputError(f"{earlier.label} is still running", "Wait for it, or stop it")
                folder.mkdir()
                self._launch(folder, kind, label, arguments)
                self._clear(kind)
        except OSError as error:
            raise StorageError(
                f"nothing can be started in {self._folder} ({error.strerror or error})", "Free some space"
            ) from error
        return self._job(folder)

    def latest(self, kind: str) -> Job | None:
        """The newest of a kind."""
        folders = self._folders(kind)
        return self._job(folders[-1]) if folders else None

    def stop(self, job: str) -> None:
        """Ask a job to end as Ctrl-C does, and make it end where it does not; one that is over stays so."""
        folder = self._folder / job
        if folder not in self._folders(job.partition("-")[0]) or not _alive(folder):
            return
        (folder / "stopped").touch()
        _signal(folder, signal.SIGINT)
        end = threading.Timer(GRACE, _signal, (folder, signal.SIGKILL))
        end.daemon = True
        end.start()

    def again(self, job: Job) -> Job:
        """Run a job's command again, which goes on where it was."""
        return self.start(job.kind, job.label, job.arguments)

    def _launch(self, folder: Path, kind: str, label: str, arguments: Sequence[str]) -> None:
        import fcntl  # POSIX alone has it

        command = [sys.executable, "-m", "ui.cli", *arguments]
        environment = os.environ | self._environment | {PROGRESS: str(folder / "progress.json")}
        with (
            (folder / "alive").open("wb") as alive,
            (folder / "out").open("wb") as out,
            (folder / "log").open("wb") as log,
        ):
            fcntl.flock(alive, fcntl.LOCK_EX)
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment,
                start_new_session=True, pass_fds=[alive.fileno()],
            )  # fmt: skip
        threading.Thread(target=process.wait, daemon=True).start()  # else it would stay as a zombie
        record = {"kind": kind, "label": label, "arguments": list(arguments), "process": process.pid}
        started = datetime.now(UTC).isoformat(timespec="seconds")
        (folder / "job.json").write_text(json.dumps(record | {"started": started}), encoding="utf-8")

    def _folders(self, kind: str) -> list[Path]:
        """Those of a kind, the oldest first."""
        return sorted(file.parent for file in self._folder.glob(f"{kind}-*/job.json"))

    def _job(self, folder: Path) -> Job:
        record, progress = _json(folder / "job.json"), _json(folder / "progress.json")
        result = _json(folder / "out")
        return Job(
            id=folder.name,
            kind=str(record.get("kind", "")),
            label=str(record.get("label", "")),
            arguments=tuple(record.get("arguments", ())),
            started=str(record.get("started", "")),
            state=_state(folder, result),
            progress=(progress.get("what", ""), progress.get("done", 0), progress.get("total", 0)),
            result=result,
            says=_last_line(folder / "log"),
        )

    def _clear(self, kind: str) -> None:
        """Old jobs go."""
        for folder in self._folders(kind)[:-KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def _state(folder: Path, result: dict[str, Any]) -> State:
    if _alive(folder):
        return "running"
    if result:
        return "done"
    return "stopped" if (folder / "stopped").exists() else "failed"


def _alive(folder: Path) -> bool:
    """Whether a process holds the lock that it was started with."""
    import fcntl

    with contextlib.suppress(OSError), (folder / "alive").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _signal(folder: Path, sign: signal.Signals) -> None:
    """Tell the processes of a job; its number is theirs as long as the lock is held."""
    if _alive(folder) and (process := _json(folder / "job.json").get("process")):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, sign)


def _json(file: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none, or not yet a whole one."""
    with contextlib.suppress(OSError, ValueError):
        read = json.loads(file.read_bytes())
        return read if isinstance(read, dict) else {}
    return {}


def _last_line(file: Path) -> str:
    with contextlib.suppress(OSError), file.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, 2) - TAIL))
        lines = opened.read().decode(errors="replace").replace("\r", "\n").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""
