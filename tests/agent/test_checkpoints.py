"""The file of states is free again however a run ends."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.checkpoints import open_checkpoints

INSERT = "INSERT INTO checkpoints (thread_id, checkpoint_id) VALUES (?, ?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where states are kept."""
    return tmp_path / "checkpoints.sqlite"


def write(path: Path) -> int:
    """Write as another run does, without patience; how many rows there are."""
    with closing(sqlite3.connect(path, timeout=0)) as file, file:
        file.execute(INSERT, ("another", "1"))
        return int(file.execute("SELECT count(*) FROM checkpoints").fetchone()[0])


async def half_written(path: Path, kept: list[Any], beginning: asyncio.Event) -> None:
    """A run that is cut off between a write and its commit; somebody still holds the cursor."""
    async with open_checkpoints(path) as saver:
        kept.append(await saver.conn.execute(INSERT, ("mine", "1")))  # type: ignore[union-attr]
        beginning.set()
        await asyncio.sleep(60)


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_cut_off_in_mid_write_the_file_is_free_at_once(path: Path, times: int) -> None:
    cursors: list[Any] = []
    beginning = asyncio.Event()
    run = asyncio.create_task(half_written(path, cursors, beginning))
    await beginning.wait()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write(path)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert write(path) == 1  # nothing of what was cut off
    assert cursors


async def test_cut_off_while_it_is_opened(path: Path) -> None:
    for turns in range(12):
        run = asyncio.create_task(half_written(path, [], asyncio.Event()))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert write(path) == 1


async def test_a_failure_within_is_the_callers(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_checkpoints(path):
            raise ZeroDivisionError
    assert write(path) == 1
