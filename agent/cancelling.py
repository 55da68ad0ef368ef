"""Work that a cancelled task still has to do: keeping what is done, letting go of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait until ``work`` is done, however often this task is cancelled meanwhile; then be cancelled.

    Returns:
        What ``work`` gives, where this task was not cancelled.

    Raises:
        asyncio.CancelledError: it was, and ``work`` is done.
        BaseException: what ``work`` raises, where it was not.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
