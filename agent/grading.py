"""Work on formulas that may hang, in processes of their own that can be killed: a pool of warm workers.

A parser that hangs on a hostile formula cannot be stopped from within (math-verify's own time limit works
in a main thread only), so it is given a process, kept warm between calls. Lines of JSON go both ways.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

Task = Literal["equal", "check"]
WORKERS = min(4, os.cpu_count() or 1)
MEMORY = 3 << 30  # bytes of address space a worker may have
START = 300.0  # seconds a worker may take to import sympy on a busy machine
_log = logging.getLogger(__name__)


class Grader:
    """A pool of worker processes; a task that takes too long costs its worker its life.

    Args:
        workers: At most this many processes, each begun when it is first needed. Callers wait for a free one.
    """

    def __init__(self, workers: int = WORKERS) -> None:
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    def prepare(self) -> None:
        """Begin a worker in the background if there is none, so that the first task need not wait for it."""
        if not self._all:
            threading.Thread(
                target=self.ask, args=("equal", "1", "1"), kwargs={"seconds": START}, daemon=True
            ).start()

    def equal(self, answer: str, gold: str, seconds: float) -> bool | None:
        """Whether the two are equal; None if that could not be decided within ``seconds``."""
        verdict: bool | None = self.ask("equal", answer, gold, seconds=seconds)
        return verdict

    def ask(self, task: Task, *arguments: Any, seconds: float) -> Any:
        """What ``task`` returns for ``arguments`` (anything that JSON holds); None if it crashed or took more
        than ``seconds``, the start of a worker not counted."""
        with self._slots:
            worker = self._take()
            if worker is None:
                return None
            try:
                answered, result = worker.ask(task, arguments, seconds)
            except BaseException:  # interrupted: the reply that is still to come belongs to nobody
                self._end(worker)
                raise
            if answered:
                with self._lock:
                    self._idle.append(worker)
            else:
                self._end(worker)
            return result

    def close(self) -> None:
        """End the workers; the next task begins a new one."""
        with self._lock:
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.close()

    def _take(self) -> _Worker | None:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
                worker.close()
        worker = _Worker()
        with self._lock:
            self._all.add(worker)
        if worker.ask("equal", ("1", "1"), START)[0]:
            return worker
        self._end(worker)
        _log.error("the grader does not start: answers stay ungraded. Run: rader doctor")
        return None

    def _end(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()


class _Worker:
    """One process that answers one task at a time."""

    def __init__(self) -> None:
        root = str(Path(__file__).parent.parent)  # so that the worker finds us, installed or not
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent.grading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])},
            start_new_session=True,  # Ctrl-C is for us, not for it
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, task: Task, arguments: tuple[Any, ...], seconds: float) -> tuple[bool, Any]:
        """Whether it answered, and what."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101
        assert stdout is not None  # noqa: S101
        killer = threading.Timer(seconds, self._process.kill)
        killer.start()
        try:
            stdin.write(json.dumps([task, arguments, seconds]) + "\n")
            stdin.flush()
            return True, json.loads(stdout.readline())
        except (OSError, ValueError):  # killed: its pipe is closed or ends within a line
            return False, None
        finally:
            killer.cancel()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        with suppress(ValueError, OSError):
            self._process.communicate()


def _serve() -> None:
    """The worker: a line of JSON for each line of JSON; null for what crashed."""
    from agent.maths.decisions import check
    from agent.maths.equality import equal

    logging.disable(logging.CRITICAL)
    tasks: dict[str, Any] = {"equal": equal, "check": check}
    replies, sys.stdout = sys.stdout, sys.stderr  # nothing else may speak on the line of replies
    _limit_memory()
    for line in sys.stdin:
        task, arguments, seconds = json.loads(line)
        _limit_time(seconds)
        try:
            result = tasks[task](*arguments)
        except (Exception, RecursionError):  # a parser meets every kind of text; a crash is "cannot tell"
            result = None
        _limit_time(None)
        replies.write(json.dumps(result) + "\n")
        replies.flush()


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _limit_time(seconds: float | None) -> None:
    """Die of a task that nobody waits for any more: whoever asked may have been killed. None: no task."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0 if seconds is None else seconds + 5)


_GRADER = Grader()
atexit.register(_GRADER.close)


def shared() -> Grader:
    """The pool that the product uses."""
    return _GRADER


def equal(answer: str, gold: str, *, seconds: float = 10.0) -> bool | None:
    """Whether ``answer`` equals ``gold``; None if that could not be decided within ``seconds``."""
    return _GRADER.equal(answer, gold, seconds)


if __name__ == "__main__":
    _serve()
