"""Where the states of unfinished runs are kept: one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.errors import StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


@asynccontextmanager
async def open_checkpoints(path: Path | None) -> AsyncIterator[BaseCheckpointSaver[Any] | None]:
    """LangGraph's SQLite saver on ``path``; None where no path is given.

    Opened for each run, since the connection belongs to one event loop.

    Raises:
        StorageError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(path)))
            await saver.conn.execute("PRAGMA busy_timeout = 20000")
            await saver.setup()
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"the checkpoints {path} cannot be written ({error})",
                "Free some space or set RADER_HOME to a folder you may write to",
            ) from error
        yield saver
