"""The chat's handlers: ask, stream, stop, begin anew. What they know of a visitor is his `Conversation`.

A run is read in a task of its own, and the page is told at most ten times a second. Whatever ends the
handler (stop, a new conversation, a closed tab, a cancellation) ends that task, which closes the solver's
stream, which stops the model.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from agent.records import Problem, Turn
from agent.solve import Solver, new_problem
from agent.state import AgentConfig, Strategy
from retriever.errors import RaderError
from ui.page import render
from ui.solve import transcript
from ui.solve.queue import RUNS, Queue, Ticket
from ui.solve.transcript import RunView

FRAME_SECONDS = 0.1
TICK_SECONDS = 1.0
GROUP = "\n\n"  # between blocks, so that each is a Markdown block of its own

MakeSolver = Callable[[AgentConfig], Solver]
Screen = tuple[str, str, str]  # finished blocks, the block being written, the status line

log = logging.getLogger(__name__)


@dataclass
class Run:
    """A question on its way."""

    problem: Problem
    view: RunView = field(default_factory=RunView)
    started: float = field(default_factory=time.perf_counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    stopped: bool = False
    shown: int = 0
    ticket: Ticket = field(default_factory=Ticket)

    def stop(self) -> None:
        """Stop the model; what is written stays."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()


@dataclass
class Conversation:
    """One visitor's conversation: its blocks, what the model is told of it, the run under way."""

    blocks: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    run: Run | None = None
    notice: str = ""
    again: str = ""  # a question that failed, put back into the box

    def screen(self) -> Screen:
        """The page as it should look now."""
        done = GROUP.join(self.blocks)
        if self.run is None:
            return done, "", render.notice(self.notice)
        view, ticket = self.run.view, self.run.ticket
        seconds = time.perf_counter() - self.run.started
        status = render.status(view.phase, seconds, view.written)
        if ticket.place:
            status = render.waiting(ticket.place, ticket.seconds)
        return done, view.live(), status + render.notice(self.notice)

    def clear(self) -> None:
        """Begin anew; a run under way is stopped."""
        if self.run is not None:
            self.run.stop()
        self.blocks, self.turns, self.run = [], [], None
        self.notice = self.again = ""


class Chat:
    """The chat's behaviour, apart from its looks.

    Args:
        make_solver: Makes the solver of one run from its configuration; may raise ``RaderError``.
        defaults: The configuration that the page's settings change.
        queue: Where questions wait for their turn.
    """

    def __init__(self, make_solver: MakeSolver, defaults: AgentConfig, queue: Queue | None = None) -> None:
        self._make_solver = make_solver
        self._defaults = defaults
        self._queue = queue or Queue(RUNS)

    def ask(self, conversation: Conversation, text: str) -> bool:
        """Take a question in; False, with a notice, where it cannot be asked."""
        conversation.notice = conversation.again = ""
        if conversation.run is not None:
            conversation.notice = "One question at a time: stop the running one first."
            return False
        try:
            problem = new_problem(text, history=tuple(conversation.turns), limit=self._defaults.problem_chars)
        except RaderError as error:
            conversation.notice = str(error)
            return False
        conversation.blocks.append(render.question(problem.problem))
        conversation.run = Run(problem)
        return True

    async def answer(
        self, conversation: Conversation, strategy: Strategy, depth: int, hits: int
    ) -> AsyncIterator[Screen]:
        """Screens of the run that `ask` began, until it is over."""
        run = conversation.run
        if run is None or run.task is not None:
            yield conversation.screen()
            return
        settings = {"depth": depth, "hits": hits}
        run.task = asyncio.create_task(self._read(run, strategy, settings))
        if run.stopped:  # while it waited in line
            run.task.cancel()
        try:
            async for _ in _frames(run):
                _collect(conversation, run)
                yield conversation.screen()
        finally:
            await _settle(run)
            self._close(conversation, run)
        yield conversation.screen()

    async def _read(self, run: Run, strategy: Strategy, settings: dict[str, int]) -> None:
        """Run the solver to its end, or to the run's."""
        try:
            config = AgentConfig.model_validate(self._defaults.model_dump() | settings)
            async with self._queue.place(run.ticket):
                solver = await asyncio.to_thread(self._make_solver, config)
                async with aclosing(solver.solve(run.problem, strategy)) as events:
                    async for event in events:
                        run.view.apply(event)
                        run.changed.set()
        except RaderError as error:
            run.view.stop(str(error))
        except Exception as error:
            log.exception("a run failed")
            run.view.stop(f"Something went wrong ({type(error).__name__}). The log has the details.")

    def _close(self, conversation: Conversation, run: Run) -> None:
        """The run is over: keep what it wrote, and what a follow-up needs of it."""
        view = run.view
        if view.finished is None:
            view.stop()
        _collect(conversation, run)
        if conversation.run is not run:  # the visitor began anew
            return
        conversation.run, conversation.notice = None, ""
        if run.stopped and view.finished is None:
            conversation.blocks.append(render.footer("Stopped. The steps so far are kept."))
        elif view.finished is None or view.finished.error:
            conversation.again = run.problem.problem
        chars = self._defaults.history_chars
        conversation.turns += transcript.turns(run.problem.problem, view.solution(), chars)


def _collect(conversation: Conversation, run: Run) -> None:
    """Move newly finished blocks of a run into its conversation."""
    fresh, run.shown = run.view.blocks[run.shown :], len(run.view.blocks)
    if conversation.run is run:
        conversation.blocks += fresh


async def _frames(run: Run) -> AsyncIterator[None]:
    """A beat for each screen worth showing: after a change, or a second, never within a tenth of the last."""
    assert run.task is not None  # noqa: S101
    yield
    while not run.task.done():
        await asyncio.sleep(FRAME_SECONDS)
        waiting = asyncio.create_task(run.changed.wait())
        try:
            await asyncio.wait({waiting, run.task}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        run.changed.clear()
        yield


async def _settle(run: Run) -> None:
    """End the task of a run, and wait until its model has been stopped."""
    if run.task is None:
        return
    run.task.cancel()
    await asyncio.wait({run.task})
