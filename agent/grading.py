"""Equality of two answers through math-verify, in a process of its own that can be killed.

A parser that hangs on a hostile formula cannot be stopped from within (math-verify's own time limit works
in a main thread only), so it is given a process, kept warm between calls.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any


class Grader:
    """Compares answers in a worker process; a comparison that takes too long costs the worker its life."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Any = None
        self._pipe: Connection | None = None

    def equal(self, answer: str, gold: str, seconds: float) -> bool | None:
        """Whether the two are equal; None if that could not be decided within ``seconds``."""
        with self._lock:
            try:
                pipe = self._connected()
                pipe.send((answer, gold))
                if pipe.poll(seconds):
                    verdict: bool | None = pipe.recv()
                    return verdict
            except (EOFError, OSError):
                pass
            self.close()
            return None

    def close(self) -> None:
        """End the worker."""
        if self._pipe is not None:
            self._pipe.close()
        if self._worker is not None:
            self._worker.kill()
            self._worker.join()
        self._worker, self._pipe = None, None

    def _connected(self) -> Connection:
        if self._pipe is None or not self._worker.is_alive():
            self.close()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._worker = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._worker.start()
            theirs.close()
            self._pipe.recv()  # ready: importing sympy is not part of a comparison's time
        return self._pipe


def _serve(pipe: Connection) -> None:
    import logging

    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    pipe.send(None)
    while True:
        with contextlib.suppress(EOFError, OSError):
            answer, gold = pipe.recv()
            pipe.send(_compare(parse, verify, answer, gold))
            continue
        return


def _compare(parse: Any, verify: Any, answer: str, gold: str) -> bool | None:
    try:
        parsed = [parse(f"\\boxed{{{text}}}", parsing_timeout=None) for text in (gold, answer)]
        if not all(parsed):
            return None
        return bool(verify(*parsed, timeout_seconds=None))
    except Exception:  # a parser meets every kind of text; a crash is "cannot tell", never a score
        return None


_GRADER = Grader()


def equal(answer: str, gold: str, *, seconds: float = 10.0) -> bool | None:
    """Whether ``answer`` equals ``gold``; None if that could not be decided within ``seconds``."""
    return _GRADER.equal(answer, gold, seconds)
