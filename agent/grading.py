"""Equality of two answers through math-verify, in a process of its own that can be killed.

A parser that hangs on a hostile formula cannot be stopped from within (math-verify's own time limit works
in a main thread only), so it is given a process, kept warm between calls. Lines of JSON go both ways.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class Grader:
    """Compares answers in a worker process; a comparison that takes too long costs the worker its life."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[str] | None = None

    def equal(self, answer: str, gold: str, seconds: float) -> bool | None:
        """Whether the two are equal; None if that could not be decided within ``seconds``."""
        with self._lock:
            worker = self._ready()
            killer = threading.Timer(seconds, worker.kill)
            killer.start()
            try:
                verdict: bool | None = json.loads(_exchange(worker, [answer, gold]))
            except (OSError, ValueError):  # killed: its pipe is closed or ends within a line
                self.close()
                return None
            finally:
                killer.cancel()
            return verdict

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
        self._worker = None

    def _ready(self) -> subprocess.Popen[str]:
        """A worker that has imported sympy, which is not part of a comparison's time."""
        if self._worker is None or self._worker.poll() is not None:
            self.close()
            root = str(Path(__file__).parent.parent)  # so that the worker finds us, installed or not
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "agent.grading"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])},
            )
            _exchange(self._worker, ["1", "1"])
        return self._worker


def _exchange(worker: subprocess.Popen[str], request: list[str]) -> str:
    assert worker.stdin is not None  # noqa: S101
    assert worker.stdout is not None  # noqa: S101
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    return worker.stdout.readline()


def _serve() -> None:
    """The worker: a verdict (true, false, null for cannot tell) for each line."""
    import logging

    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        answer, gold = json.loads(line)
        sys.stdout.write(json.dumps(_compare(parse, verify, answer, gold)) + "\n")
        sys.stdout.flush()


def _compare(parse: Any, verify: Any, answer: str, gold: str) -> bool | None:
    try:
        parsed = [parse(f"\\boxed{{{text}}}", parsing_timeout=None) for text in (gold, answer)]
        if not all(parsed):
            return None
        return bool(verify(*parsed, timeout_seconds=None))
    except Exception:  # a parser meets every kind of text; a crash is "cannot tell", never a score
        return None


_GRADER = Grader()
atexit.register(_GRADER.close)


def equal(answer: str, gold: str, *, seconds: float = 10.0) -> bool | None:
    """Whether ``answer`` equals ``gold``; None if that could not be decided within ``seconds``."""
    return _GRADER.equal(answer, gold, seconds)


if __name__ == "__main__":
    _serve()
