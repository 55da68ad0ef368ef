"""The pool of workers: what one task does to another, and to the machine."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.grading import Grader

PATIENCE = 60.0
SLOW = r"\int_0^1 x^{x^{x^x}} \sin(x^x) dx"  # sympy tries for long


@pytest.fixture
def pool() -> Iterator[Grader]:
    """A pool of two workers of its own."""
    pool = Grader(workers=2)
    yield pool
    pool.close()


def pids(pool: Grader) -> set[int]:
    return {worker._process.pid for worker in pool._all}


def test_a_worker_stays_warm(pool: Grader) -> None:
    assert pool.equal("1/2", "0.5", PATIENCE) is True
    before = pids(pool)
    assert pool.equal("1/2", "0.6", PATIENCE) is False
    assert pids(pool) == before
    assert len(before) == 1


def test_a_worker_can_be_begun_before_it_is_needed(pool: Grader) -> None:
    pool.prepare()
    while not pool._idle:
        time.sleep(0.01)
    before = pids(pool)
    pool.prepare()
    assert pool.equal("1/2", "0.5", PATIENCE) is True
    assert pids(pool) == before


def test_a_dead_worker_is_replaced(pool: Grader) -> None:
    assert pool.equal("1", "1", PATIENCE) is True
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)
    while next(iter(pool._all)).alive:
        time.sleep(0.01)
    assert pool.equal("2", "1", PATIENCE) is False
    assert pids(pool) != {pid}


def test_a_task_that_takes_too_long_is_killed_and_the_next_is_not(pool: Grader) -> None:
    assert pool.equal("1", "1", PATIENCE) is True
    before = pids(pool)
    assert pool.equal(SLOW, "4", 0.2) is None
    assert pids(pool) & before == set()
    assert pool.equal("10", "1", PATIENCE) is False


def test_threads_get_their_own_answers(pool: Grader) -> None:
    with ThreadPoolExecutor(8) as threads:
        pairs = [(str(number), str(number + number % 2)) for number in range(24)]
        verdicts = list(threads.map(lambda pair: pool.equal(*pair, PATIENCE), pairs))
    assert verdicts == [number % 2 == 0 for number in range(24)]
    assert len(pids(pool)) <= 2


def test_an_interrupted_caller_leaves_no_reply_behind(pool: Grader) -> None:
    assert pool.equal("1", "1", PATIENCE) is True
    before = pids(pool)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        pool.equal(SLOW, "4", PATIENCE)
    signal.signal(signal.SIGINT, handler)
    assert pool.equal("10", "1", PATIENCE) is False
    assert pids(pool) & before == set()


def test_a_pool_can_be_used_after_it_was_closed(pool: Grader) -> None:
    pool.close()
    assert pool.equal("4", "2+2", PATIENCE) is True


def test_workers_end_with_the_pool(pool: Grader) -> None:
    assert pool.equal("1", "1", PATIENCE) is True
    workers = list(pool._all)
    pool.close()
    assert [worker.alive for worker in workers] == [False]


@pytest.mark.skipif(sys.platform == "win32", reason="needs /bin/false")
def test_a_grader_that_cannot_start_says_so(
    pool: Grader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with caplog.at_level(logging.ERROR):
        assert pool.equal("1", "1", PATIENCE) is None
    assert "rader doctor" in caplog.text
