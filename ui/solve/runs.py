"""Runs under way. They belong to the server and not to a tab: a page that is loaded again joins its run.

A run that nobody looks at any more is stopped after a while, so that a closed tab stops the model. What is
done is kept step by step; what a kill cuts off goes on from its checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.events import Event, StepDone, StepStarted
from agent.given import Given
from agent.records import Problem
from agent.solve import Solver
from retriever.errors import BadInputError, RaderError
from retriever.files import storage_errors
from retriever.locks import take
from ui.solve.choices import Choices
from ui.solve.conversations import Conversations, Exchange, State
from ui.solve.queue import RUNS, Queue, Ticket
from ui.solve.retelling import opening
from ui.solve.transcript import RunView

if TYPE_CHECKING:
    from filelock import BaseFileLock

GRACE_SECONDS = 60.0  # that a run goes on unseen: a reload, a laptop that sleeps for a moment
FRAME_SECONDS = 0.1
TICK_SECONDS = 1.0

MakeSolver = Callable[[Choices], Solver]

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Live:
    """A run under way.

    Attributes:
        conversation: The id of its conversation.
        exchange: As it was when the run began or was gone on with.
        problem: Its question with the history that the model is told.
        given: The steps that it did not make itself.
        ticket: Its place in line.
        view: What is known of it.
        viewers: One event for each page that shows it, set when there is something new.
    """

    conversation: str
    exchange: Exchange
    problem: Problem
    given: Given | None
    ticket: Ticket = field(default_factory=Ticket)
    view: RunView = field(init=False)
    viewers: set[asyncio.Event] = field(default_factory=set)
    started: float = field(default_factory=time.perf_counter)
    task: asyncio.Task[None] | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        self.view = opening(self.exchange.model_copy(update={"tail": None}))

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.task is not None and self.task.done()

    def take(self, event: Event) -> None:
        """Take in one event. A run that goes on may make a step again: what was known of it is dropped."""
        if isinstance(event, StepStarted) and event.n in self.view.steps:
            before = tuple(step for n, step in sorted(self.view.steps.items()) if n < event.n)
            kept = {"written": before, "tail": None, "trajectory": None, "passages": self.view.passages}
            self.view = opening(self.exchange.model_copy(update=kept))
        self.view.apply(event)
        self.tell()

    def tell(self) -> None:
        """Let every page know that there is something new."""
        for seen in self.viewers:
            seen.set()

    def snapshot(self, state: State, error: str = "") -> Exchange:
        """The exchange as it is to be kept now."""
        view = self.view
        done = () if view.finished else tuple(step for _, step in sorted(view.steps.items()))
        tail = None if view.finished or state == "running" else view.tail()
        found = {"passages": dict(view.passages), "trajectory": view.finished, "error": error}
        return self.exchange.model_copy(update={"state": state, "written": done, "tail": tail} | found)


class Runs:
    """All runs under way, one a conversation. Used from one event loop.

    Args:
        make_solver: Makes the solver of one run; called in a thread, may block, may raise ``RaderError``.
        conversations: Where they are kept.
        queue: Where they wait for their turn; default one of their own.
        grace: Seconds that a run goes on while no page shows it.
    """

    def __init__(
        self,
        make_solver: MakeSolver,
        conversations: Conversations,
        *,
        queue: Queue | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._queue = queue or Queue(RUNS)
        self._make_solver = make_solver
        self._conversations = conversations
        self._grace = grace
        self._live: dict[str, Live] = {}

    @property
    def under_way(self) -> int:
        """How many there are, those in line too."""
        return len(self._live)

    def of(self, conversation: str) -> Live | None:
        """The run of a conversation, if there is one under way."""
        return self._live.get(conversation)

    def begin(
        self, conversation: str, exchange: Exchange, problem: Problem, given: Given | None = None
    ) -> Live:
        """Begin a run, or go on with one that was cut off.

        Raises:
            BadInputError: The conversation has a run under way, here or in another process.
            StorageError: The folder cannot be written to.
        """
        if conversation in self._live:
            raise BadInputError("One question at a time", "Stop the running one first")
        live = Live(conversation, exchange, problem, given)
        lock = _alone(self._conversations.path.parent / "running" / f"{exchange.id}.lock")
        self._live[conversation] = live
        live.task = asyncio.create_task(self._run(live, lock))
        self._leave_to_itself(live)
        return live

    def stop(self, live: Live) -> None:
        """Stop the model; what is written stays."""
        if not live.stopped and live.task is not None:  # a second time would cut off the keeping
            live.stopped = True
            live.task.cancel()

    async def watch(self, live: Live) -> AsyncIterator[None]:
        """A beat for each screen worth showing: after a change, or a second, never within a tenth of the
        last; none once the run is over and kept."""
        seen, task = asyncio.Event(), live.task
        assert task is not None  # noqa: S101
        live.viewers.add(seen)
        try:
            while not live.over:
                yield
                await asyncio.sleep(FRAME_SECONDS)
                waiting = asyncio.create_task(seen.wait())
                try:
                    await asyncio.wait(
                        {waiting, task}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    waiting.cancel()
                seen.clear()
        finally:
            live.viewers.discard(seen)
            self._leave_to_itself(live)

    def _leave_to_itself(self, live: Live) -> None:
        """Stop the run after the grace period, unless a page shows it then."""
        if not live.viewers and not live.over:
            asyncio.get_running_loop().call_later(self._grace, self._end_unseen, live)

    def _end_unseen(self, live: Live) -> None:
        if not live.viewers:
            self.stop(live)

    async def _run(self, live: Live, lock: BaseFileLock) -> None:
        """A run from its place in line to its end, whatever that is."""
        state, error = await self._ended(live)
        try:
            kept = live.snapshot(state, error)
            live.view.stop(error) if live.view.finished is None else None
            with suppress(
                RaderError
            ):  # a conversation that was deleted, a full disk: the page shows the view
                await asyncio.to_thread(self._conversations.keep, live.conversation, kept)
        finally:
            del self._live[live.conversation]
            live.tell()
            with suppress(OSError):  # while it is held: after that it may be another's
                Path(lock.lock_file).unlink()
            lock.release()

    async def _ended(self, live: Live) -> tuple[State, str]:
        """How a run ended, and the line that says why."""
        try:
            await self._keep(live)
            async with self._queue.place(live.ticket):
                live.started = time.perf_counter()
                await self._read(live)
        except asyncio.CancelledError:
            return "stopped", ""
        except RaderError as error:
            return "failed", str(error)
        except Exception as error:
            log.exception("a run failed")
            return "failed", f"Something went wrong ({type(error).__name__}). The log has the details."
        finished = live.view.finished
        return ("failed", finished.error) if finished and finished.outcome == "failed" else ("finished", "")

    async def _read(self, live: Live) -> None:
        """Run the solver to its end."""
        solver = await asyncio.to_thread(self._make_solver, live.exchange.choices)
        exchange = live.exchange
        run = solver.solve(live.problem, exchange.choices.strategy, run_id=exchange.id, given=live.given)
        async with aclosing(run) as events:
            async for event in events:
                live.take(event)
                if isinstance(event, StepDone):
                    await self._keep(live)

    async def _keep(self, live: Live) -> None:
        await asyncio.to_thread(self._conversations.keep, live.conversation, live.snapshot("running"))


def _alone(path: Path) -> BaseFileLock:
    """Hold the right to a run against other processes; it ends with this one."""
    busy = BadInputError(
        "another rader on this machine is writing this answer", "Watch it there, or stop it there first"
    )
    with storage_errors(path.parent):
        return take(path, busy)
