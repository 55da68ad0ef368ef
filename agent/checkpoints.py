"""Where the states of unfinished runs are kept: one SQLite file."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.tasks import to_its_end
from retriever.errors import StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_checkpoints(path: Path | None) -> AsyncIterator[BaseCheckpointSaver[Any] | None]:
    """LangGraph's SQLite saver on ``path``; None where no path is given.

    Opened for each run, since the connection belongs to one event loop. States only spare work: a file that
    is damaged is put aside as ``.damaged``, and the runs in it begin anew.

    Raises:
        StorageError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_put_aside_if_damaged, path)
        saver = await _opened(path)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"the checkpoints {path} cannot be written ({error})",
            "Free some space or set RADER_HOME to a folder you may write to",
        ) from error
    try:
        yield saver
    finally:
        await to_its_end(_close(saver))


async def _opened(path: Path) -> AsyncSqliteSaver:
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    saver = AsyncSqliteSaver(await aiosqlite.connect(path))
    try:
        await saver.conn.execute("PRAGMA busy_timeout = 20000")
        await saver.setup()
    except BaseException:
        await to_its_end(_close(saver))
        raise
    return saver


async def _close(saver: AsyncSqliteSaver) -> None:
    """Let go of the file.

    A write that was cancelled before its commit leaves a transaction open, and closing alone does not end it
    while a cursor lives, if only in a traceback: every other run would find the file locked.
    """
    async with saver.lock:
        with suppress(sqlite3.Error, ValueError):  # ValueError: the connection is gone
            await saver.conn.rollback()
        await saver.conn.close()


def _put_aside_if_damaged(path: Path) -> None:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=20)) as file:
            if file.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return
    except sqlite3.OperationalError:  # no permission, or busy: said where it is opened
        return
    except sqlite3.DatabaseError:  # no database at all
        pass
    _log.warning("%s is damaged and was put aside; unfinished runs begin anew", path)
    for suffix in ("", "-wal", "-shm"):
        if (part := Path(f"{path}{suffix}")).exists():
            part.replace(f"{path}.damaged{suffix}")
