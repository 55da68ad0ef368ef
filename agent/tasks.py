"""Tasks that end badly: what a cancelled one still has to do, which of a group's errors is told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from retriever.errors import RaderError

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


@contextmanager
def first_error() -> Iterator[None]:
    """Raise the first of a task group's errors by itself, where all are ours.

    Not by ``except*``: until Python 3.11.3 what that raises is a group again.

    Raises:
        RaderError: the first of a group's.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        ours, others = group.split(RaderError)
        if ours is None or others is not None:
            raise
        error: BaseException = ours
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
