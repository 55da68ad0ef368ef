"""Places for runs: order, numbers, expected waits, and whoever leaves."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from ui.solve.queue import Queue, Ticket


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Line:
    """Runs that hold their place until they are let go."""

    def __init__(self, places: int) -> None:
        self.clock = Clock()
        self.queue = Queue(places, self.clock)
        self.order: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str) -> Ticket:
        ticket, self._ends[name] = Ticket(), asyncio.Event()

        async def run() -> None:
            async with self.queue.place(ticket):
                self.order.append(name)
                await self._ends[name].wait()

        self._tasks[name] = asyncio.create_task(run())
        await asyncio.sleep(0)
        return ticket

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def leave(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.wait({self._tasks[name]})


async def test_first_come_first_served_and_everybody_knows_his_place() -> None:
    line = Line(2)
    tickets = [await line.come(name) for name in "abcd"]
    assert [ticket.place for ticket in tickets] == [0, 0, 1, 2]
    assert line.order == ["a", "b"]
    await line.end("b")
    assert [ticket.place for ticket in tickets] == [0, 0, 0, 1]
    await line.end("a")
    assert line.order == ["a", "b", "c", "d"]


async def test_the_wait_is_that_of_the_last_runs() -> None:
    line = Line(2)
    a, _, c, d, e = [await line.come(name) for name in "abcde"]
    assert c.seconds is None  # nothing to tell from
    line.clock.now += 30
    await line.end("a")  # runs take 30 s; b began 30 s ago, c begins now
    assert (d.place, d.seconds) == (1, 0)
    assert (e.place, e.seconds) == (2, 30)
    line.clock.now += 10
    await line.end("b")  # (30 + 40) / 2
    assert (e.place, e.seconds) == (1, 25)  # c has run for 10 of 35 s
    assert a.place == 0


@pytest.mark.parametrize("who", ["b", "c"])
async def test_who_gives_up_makes_room_for_those_behind(who: str) -> None:
    line = Line(1)
    tickets = {name: await line.come(name) for name in "abcd"}
    await line.leave(who)
    rest = [name for name in "bcd" if name != who]
    assert [tickets[name].place for name in rest] == [1, 2]
    await line.end("a")
    assert line.order == ["a", rest[0]]
    await line.leave(rest[0])  # while it runs
    assert line.order == ["a", *rest]


async def test_called_and_cancelled_at_once_gives_the_place_on() -> None:
    line = Line(1)
    tickets = {name: await line.come(name) for name in "abc"}
    line._ends["a"].set()
    await asyncio.sleep(0)  # a ends and b is called, which has not run since
    assert line.order == ["a"]
    assert tickets["b"].called.is_set()
    await line.leave("b")
    await asyncio.sleep(0)
    assert line.order == ["a", "c"]


async def test_a_failed_run_gives_its_place_back() -> None:
    queue = Queue(1)
    with pytest.raises(RuntimeError):
        async with queue.place(Ticket()):
            raise RuntimeError
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        await stack.enter_async_context(queue.place(Ticket()))
