"""Who may run now: so many at once, the others in the order in which they came, each told of his place."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import fmean

RUNS = 8
REMEMBERED = 20  # runs whose seconds tell how long the next ones will take


@dataclass(eq=False)
class Ticket:
    """One run's place in line.

    Attributes:
        place: 0 while it does not wait, else its place, from 1.
        seconds: What it will wait if runs take as long as the last ones did; None where none is known.
    """

    place: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    queue: Queue | None = None

    @property
    def seconds(self) -> float | None:
        return self.queue.wait(self.place) if self.queue else None


class Queue:
    """Places for runs, over all visitors and programs; used in one event loop.

    Args:
        places: Runs at once.
        clock: Seconds, growing.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places, self._clock = places, clock
        self._running: dict[Ticket, float] = {}  # and when each began
        self._waiting: list[Ticket] = []
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    @asynccontextmanager
    async def place(self, ticket: Ticket) -> AsyncIterator[None]:
        """Hold a place within, after waiting for it; who is cancelled while he waits leaves the line."""
        ticket.queue = self
        self._waiting.append(ticket)
        self._move()
        try:
            await ticket.called.wait()
            yield
        finally:
            if ticket in self._running:
                self._took.append(self._clock() - self._running.pop(ticket))
            else:
                self._waiting.remove(ticket)
            self._move()

    def wait(self, place: int) -> float | None:
        """Seconds until it is the turn of a place in line; None while no run is known to tell from."""
        if not self._took or not self._running:
            return None
        usual, now = fmean(self._took), self._clock()
        free = [max(0.0, began + usual - now) for began in self._running.values()]
        heapq.heapify(free)
        for _ in range(place - 1):  # each one before it takes what comes free first
            heapq.heapreplace(free, free[0] + usual)
        return free[0]

    def _move(self) -> None:
        """Let in who has a place now, and number the others."""
        while self._waiting and len(self._running) < self._places:
            ticket = self._waiting.pop(0)
            self._running[ticket] = self._clock()
            ticket.place = 0
            ticket.called.set()
        for place, ticket in enumerate(self._waiting, 1):
            ticket.place = place
