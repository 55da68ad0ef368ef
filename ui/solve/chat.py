"""The chat's behaviour, apart from its looks: arrive, ask, watch, stop, go on, change a step, tidy up.

What it knows of a tab is its `Visit`. Runs belong to the server (`ui.solve.runs`), what was said to the
file of conversations; a tab shows both.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.checks import check_in_time
from agent.given import Given, given
from agent.records import Problem
from agent.solve import new_problem
from agent.state import AgentConfig
from retriever.errors import RaderError
from ui.page import render
from ui.solve import retelling
from ui.solve.choices import Choices
from ui.solve.conversations import Conversation, Conversations, Exchange, GoneError, Listed
from ui.solve.queue import Ticket
from ui.solve.runs import Live, Runs

ONE_AT_A_TIME = "One question at a time: stop the running one first."
GROUP = "\n\n"  # between blocks, so that each is a Markdown block of its own


class Screen(NamedTuple):
    """What changes while an answer is written: finished blocks, the one being written, the tree of a search
    under way, the status line."""

    done: str
    live: str
    tree: str
    status: str


@dataclass
class Visit:
    """One tab: whose it is, the conversation it shows, its blocks that are over, and what it is told.

    Attributes:
        owner: Whose conversations it may see.
        secret: What tells its browser from others.
        conversation: The one it shows; without an id it is not begun.
        blocks: Of the exchanges whose runs are over.
        notice: One line beside the box.
        asking: Whether a run is about to begin.
    """

    owner: str = ""
    secret: str = ""
    conversation: Conversation = field(default_factory=lambda: Conversation("", ""))
    blocks: list[str] = field(default_factory=list)
    notice: str = ""
    asking: bool = False

    @property
    def last(self) -> Exchange | None:
        """The newest exchange."""
        return self.conversation.exchanges[-1] if self.conversation.exchanges else None


class Chat:
    """What a page does with conversations and runs.

    Args:
        runs: Those under way.
        conversations: Those that are kept.
        defaults: Limits of questions and of the history that the model is told.
    """

    def __init__(self, runs: Runs, conversations: Conversations, defaults: AgentConfig) -> None:
        self._runs = runs
        self._kept = conversations
        self._defaults = defaults

    # What a tab shows

    def running(self, visit: Visit) -> Live | None:
        """The run that the tab's conversation has under way."""
        return self._runs.of(visit.conversation.id)

    def screen(self, visit: Visit) -> Screen:
        """The page as it should look now."""
        live = self.running(visit)
        return (
            _with(live, visit)
            if live
            else Screen(GROUP.join(visit.blocks), "", "", render.notice(visit.notice))
        )

    def unfinished(self, visit: Visit) -> bool:
        """Whether the last answer broke off and can be gone on with."""
        last = visit.last
        return last is not None and self.running(visit) is None and last.state != "finished"

    async def listed(self, visit: Visit) -> list[Listed]:
        """The conversations of the tab's owner; none where they cannot be read."""
        try:
            return await asyncio.to_thread(self._kept.list, visit.owner)
        except RaderError as error:
            visit.notice = str(error)
            return []

    async def open(self, visit: Visit, conversation: str) -> None:
        """Show a conversation, or a new one with a notice where there is none of that id."""
        visit.notice = ""
        try:
            found = await asyncio.to_thread(self._kept.read, visit.owner, conversation)
        except RaderError as error:
            self.leave(visit)
            visit.notice = str(error)
        else:
            self._show(visit, found)

    def leave(self, visit: Visit) -> None:
        """Show a new conversation; the one before is kept, and its run goes on for a while."""
        visit.conversation, visit.blocks = Conversation("", ""), []
        visit.notice = ""

    def _show(self, visit: Visit, conversation: Conversation) -> None:
        """Show a conversation; the exchange under way is shown as its run tells it."""
        visit.conversation, live = conversation, self._runs.of(conversation.id)
        over = [one for one in conversation.shown() if live is None or one.id != live.exchange.id]
        visit.blocks = [block for one in over for block in retelling.blocks(one)]

    async def watch(self, visit: Visit) -> AsyncIterator[Screen]:
        """Screens of the run under way, until it is over or the tab shows something else."""
        live = self.running(visit)
        if live is not None:
            async with aclosing(self._runs.watch(live)) as beats:  # type: ignore[type-var]
                async for _ in beats:
                    if visit.conversation.id != live.conversation:
                        return
                    yield _with(live, visit)
            if visit.conversation.id == live.conversation:
                await self._settle(visit, live)
        elif visit.conversation.id:  # its run may have ended before anybody watched
            notice = visit.notice
            await self.open(visit, visit.conversation.id)
            visit.notice = notice or visit.notice
        yield self.screen(visit)

    async def _settle(self, visit: Visit, live: Live) -> None:
        """Show what was kept of a run that is over; what could not be kept is shown all the same."""
        blocks = [*visit.blocks, retelling.question(live.exchange), *live.view.blocks]
        await self.open(visit, live.conversation)
        if not visit.conversation.id:
            visit.blocks = blocks

    # What a person does

    async def ask(self, visit: Visit, text: str, choices: Choices) -> bool:
        """Begin the answer to a question; False, with a notice, where it cannot be asked."""
        return await self._attempt(visit, self._ask(visit, text, choices))

    async def go_on(self, visit: Visit) -> bool:
        """Go on with the last answer, which broke off; False, with a notice, where that cannot be."""
        return await self._attempt(visit, self._go_on(visit))

    async def revise(self, visit: Visit, n: int, text: str) -> bool:
        """Go on from step ``n`` of the last answer with another text; False, with a notice, where not."""
        return await self._attempt(visit, self._revise(visit, n, text))

    async def _attempt(self, visit: Visit, beginning: Coroutine[None, None, None]) -> bool:
        """Whether a run could be begun; what prevents it becomes a notice."""
        if visit.asking or self.running(visit) or not visit.owner:
            beginning.close()
            visit.notice = ONE_AT_A_TIME if visit.owner else "The page is not loaded yet: wait a moment."
            return False
        visit.asking = True
        try:
            await beginning
        except RaderError as error:
            self._refuse(visit, error)
            return False
        finally:
            visit.asking = False
        return True

    async def _ask(self, visit: Visit, text: str, choices: Choices) -> None:
        problem = new_problem(text, limit=self._defaults.problem_chars)
        if not visit.conversation.id:
            made = await asyncio.to_thread(self._kept.begin, visit.owner, problem.problem)
            visit.conversation = Conversation(made, problem.problem)
        conversation = await self._current(visit)
        exchange = Exchange(id=uuid.uuid4().hex, problem=problem, choices=choices)
        self._begin(visit, conversation, conversation.shown(), exchange)

    async def _go_on(self, visit: Visit) -> None:
        conversation = await self._current(visit)
        *before, last = conversation.shown()
        self._begin(visit, conversation, before, last.begun_again(), retelling.given_again(last))

    async def _revise(self, visit: Visit, n: int, text: str) -> None:
        conversation = await self._current(visit)
        *before, last = conversation.shown()
        start = given(last.id, last.steps, n, text, await check_in_time(text.strip()))
        exchange = Exchange(
            id=uuid.uuid4().hex,
            problem=last.problem,
            choices=last.choices,
            written=start.steps,
            passages=last.passages,
            continues=start.continues,
            given=len(start.steps),
        )
        self._begin(visit, conversation, before, exchange, start)

    async def _current(self, visit: Visit) -> Conversation:
        """The tab's conversation as it is kept now: another tab may have changed it."""
        return await asyncio.to_thread(self._kept.read, visit.owner, visit.conversation.id)

    def _begin(
        self,
        visit: Visit,
        conversation: Conversation,
        before: Sequence[Exchange],
        exchange: Exchange,
        start: Given | None = None,
    ) -> None:
        """Begin the run of an exchange that follows those ``before``."""
        turns = retelling.history(before, self._defaults.history_chars)
        problem = Problem.model_validate(exchange.problem.model_dump() | {"history": turns})
        self._runs.begin(conversation.id, exchange, problem, start)
        visit.notice = ""
        self._show(visit, conversation._replace(exchanges=tuple(before)))

    def stop(self, visit: Visit) -> None:
        """Stop the run under way; what is written stays."""
        if live := self.running(visit):
            self._runs.stop(live)

    async def rename(self, visit: Visit, title: str) -> None:
        """Give the conversation another title."""
        visit.notice = ""
        try:
            kept = await asyncio.to_thread(self._kept.rename, visit.owner, visit.conversation.id, title)
            visit.conversation = visit.conversation._replace(title=kept)
        except RaderError as error:
            self._refuse(visit, error)

    async def delete(self, visit: Visit) -> None:
        """Delete the conversation for good, and stop its run."""
        self.stop(visit)
        try:
            await asyncio.to_thread(self._kept.delete, visit.owner, visit.conversation.id)
            self.leave(visit)
        except RaderError as error:
            self._refuse(visit, error)

    def _refuse(self, visit: Visit, error: RaderError) -> None:
        """Say why something was not done. A conversation that is gone makes room for a new one."""
        if isinstance(error, GoneError):
            self.leave(visit)
        visit.notice = str(error)


def _with(live: Live, visit: Visit) -> Screen:
    """The page with a run under way."""
    view = live.view
    done = GROUP.join([*visit.blocks, retelling.question(live.exchange), *view.blocks])
    return Screen(done, view.live(), view.tree(), _status(live) + render.notice(visit.notice))


def _status(live: Live) -> str:
    seconds = time.perf_counter() - live.started
    return render.status(_waits(live.ticket) or live.view.phase, seconds, live.view.written)


def _waits(ticket: Ticket) -> str:
    """The place in line and the time it may take; empty for a run that has begun."""
    if not ticket.place:
        return ""
    time_ = f", about {render.duration(ticket.seconds)}" if ticket.seconds is not None else ""
    return f"Number {ticket.place} in line{time_}"
