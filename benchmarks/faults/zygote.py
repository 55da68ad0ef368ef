"""Commands as processes, forked from one that has imported everything.

Importing takes longer than most of the work here; a command that is forked begins to work at once, so that a
kill at a random moment hits the work. The command itself is the one that users run (``ui.cli.main``), in a
session of its own with its own standard streams.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

IMPORTED = (
    "ui.cli.solve",
    "ui.app",
    "ui.assemble",
    "agent.graph",
    "agent.collect",
    "agent.checkpoints",
    "retriever.indexing.server",
    "training.retrain.loop",
    "training.trainers.bi_encoder",
    "training.trainers.retriever_trainer",
    "langchain_openai",
    "langgraph.checkpoint.sqlite.aio",
    "sentence_transformers",
    "peft",
    "bm25s",
)
RADER = "ui.cli:main"
PATIENCE = 900.0  # seconds after which a command that does not end counts as hung
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


class HungError(Exception):
    """A command that did not come to its end."""


@dataclass
class Running:
    """A command under way, or over; its streams are files in ``folder``."""

    pid: int
    folder: Path

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return True
        return False

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        end = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
        return True

    def kill(self, *, alone: bool = False) -> None:
        """kill -9: with all that it started, or alone."""
        with suppress(ProcessLookupError):
            (os.kill if alone else os.killpg)(self.pid, signal.SIGKILL)
        self.wait(30)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it is over; -9 where it was killed.

        Raises:
            HungError: It took longer.
        """
        if not self.wait(seconds):
            self.kill()
            raise HungError(f"did not end within {seconds:.0f} s")
        code = self.folder / "code"
        return int(code.read_text()) if code.exists() else -signal.SIGKILL

    @property
    def said(self) -> str:
        """Its standard output."""
        return self._read("out")

    @property
    def complaint(self) -> str:
        """Its standard error."""
        return self._read("err")

    def _read(self, name: str) -> str:
        file = self.folder / name  # not there before the process has begun
        return file.read_text("utf-8", "replace") if file.exists() else ""


class Zygote:
    """The process that commands are forked from.

    Args:
        folder: For the streams of the commands.
        environment: Variables of all commands.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._count = folder, 0
        self._environment = {**os.environ, **ONE_THREAD, **environment}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            start_new_session=True,
        )
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, arguments: Sequence[str], home: Path, **order: Any) -> Running:
        """Begin ``rader`` with these arguments.

        Args:
            arguments: Of the command line.
            home: ``RADER_HOME``.
            order: ``entry`` (MODULE:FUNCTION instead of rader), ``env`` (more variables), ``shift`` (seconds
                that its clock goes wrong), ``largest`` (bytes that a file may have).
        """
        self._count += 1
        folder = self._folder / f"{os.getpid()}-{self._count}"
        folder.mkdir()
        asked = {"arguments": list(arguments), "folder": str(folder), **order}
        asked["env"] = {"RADER_HOME": str(home), **order.get("env", {})}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Running(int(self._answer()), folder)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that commands are forked from ended")
        return line.strip()


def main() -> None:
    """Import everything, then fork a command for each line of standard input."""
    for name in IMPORTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
            return
        print(pid, flush=True)


def _become(order: dict[str, Any]) -> None:
    """Be the command; its exit code is left in a file, since nobody waits for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    folder = Path(order["folder"])
    _streams(folder)
    os.environ.update(order["env"])
    _limit(order.get("largest"))
    _shift(order.get("shift", 0.0))
    module, _, function = order.get("entry", RADER).partition(":")
    sys.argv = ["rader", *order["arguments"]]
    code: Any = 1
    try:
        getattr(import_module(module), function)()
        code = 0
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        (folder / "code").write_text(str(code or 0))


def _streams(folder: Path) -> None:
    new = os.O_WRONLY | os.O_CREAT
    for number, name, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, folder / "out", new),
        (2, folder / "err", new),
    ):
        opened = os.open(name, how, 0o644)
        os.dup2(opened, number)
        os.close(opened)


def _limit(largest: int | None) -> None:
    if largest is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


def _shift(seconds: float) -> None:
    """A clock that was set: what Python's ``time`` says of the day. (``datetime`` only dates things here.)"""
    if seconds:
        now, now_ns = time.time, time.time_ns
        time.time = lambda: now() + seconds
        time.time_ns = lambda: now_ns() + int(seconds * 1e9)


if __name__ == "__main__":
    main()
