"""Steps written by the language model, as far as they are written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agent.events import Finished, StepDone, Token
from agent.solve import Solver, new_problem
from retriever.errors import RaderError
from ui.solve.queue import Queue, Ticket

FRAME_SECONDS = 0.1
MakeSolver = Callable[[], Solver]

log = logging.getLogger(__name__)


class Draft:
    """One solution on its way: ``text`` so far; why it ended too early in ``error``; whether by `stop`.

    Args:
        make_solver: Makes the solver; called in a thread, may block, may raise ``RaderError``.
        queue: Where it waits for its turn; its ``ticket`` tells its place.
    """

    def __init__(self, make_solver: MakeSolver, queue: Queue) -> None:
        self.text = self.error = ""
        self.stopped = False
        self.ticket = Ticket()
        self._make_solver, self._queue = make_solver, queue
        self._task: asyncio.Task[None] | None = None

    @property
    def whole(self) -> bool:
        """Whether the model came to its end."""
        return bool(self.text) and not (self.stopped or self.error)

    @property
    def fault(self) -> str:
        """One line on why the model did not come to its end, and what to do; empty where it did."""
        kept = "What was written is kept: go on by hand, or empty the box." if self.text else ""
        return f"{self.error.rstrip('.')}. {kept}".strip() if self.error else ""

    def stop(self) -> None:
        """Stop the model; what is written stays."""
        self.stopped = True
        if self._task is not None and not self._task.cancelling():  # once: it is putting its things away
            self._task.cancel()

    async def write(self, problem: str) -> AsyncGenerator[str]:
        """The text whenever it or its place in line changed, at most ten times a second, until it is whole.

        Leaving the iteration stops the model.
        """
        self._task = task = asyncio.create_task(self._read(problem))
        shown = ("", 0)
        try:
            done = False
            while not done and not self.stopped:
                await asyncio.wait({task}, timeout=FRAME_SECONDS)
                done = task.done()  # asked before the text: it may end while the reader is busy
                if (now := (self.text, self.ticket.place)) != shown:
                    shown = now
                    yield self.text
        finally:
            if not task.done():
                self.stop()
            await asyncio.wait({task})

    async def _read(self, problem: str) -> None:
        try:
            async with self._queue.place(self.ticket):
                await self._solve(problem)
        except RaderError as error:
            self.error = str(error)
        except Exception as error:
            log.exception("writing steps failed")
            self.error = f"Something went wrong ({type(error).__name__}). The log has the details."

    async def _solve(self, problem: str) -> None:
        solver = await asyncio.to_thread(self._make_solver)
        asked = new_problem(problem, limit=solver.config.problem_chars)
        async with aclosing(solver.solve(asked, "cot")) as events:
            async for event in events:
                if isinstance(event, Token):
                    self.text += event.text
                elif isinstance(event, StepDone):
                    self.text = event.step.text
                elif isinstance(event, Finished):
                    self.error = event.trajectory.error
