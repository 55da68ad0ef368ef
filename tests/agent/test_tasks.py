"""Errors of task groups, and work that goes on while its task is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from agent.errors import ServerDownError
from agent.tasks import first_error, to_its_end
from retriever.errors import RaderError


async def _fail(error: Exception) -> None:
    raise error


async def _group(*errors: Exception) -> None:
    async with asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(_fail(error))


async def test_the_first_of_our_errors_is_raised_by_itself() -> None:
    first = ServerDownError("it is down")
    with pytest.raises(ServerDownError) as caught, first_error():
        await _group(first, RaderError("so is this"))
    assert caught.value is first


async def test_one_in_a_group_within_a_group_too() -> None:
    inner = RaderError("deep")
    with pytest.raises(RaderError) as caught, first_error():
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [inner])])
    assert caught.value is inner


async def test_a_fault_of_another_kind_is_not_hidden_behind_ours() -> None:
    with pytest.raises(ExceptionGroup) as caught, first_error():
        await _group(RaderError("ours"), ZeroDivisionError())
    assert caught.group_contains(ZeroDivisionError)


async def test_work_is_done_to_its_end_however_often_its_task_is_cancelled() -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await go.wait()
        done.append(True)

    task = asyncio.create_task(to_its_end(work()))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]
