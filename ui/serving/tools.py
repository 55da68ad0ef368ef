"""What programs may ask of the page, over HTTP and MCP: searching, and solving a problem."""

# Annotations are not put off here: Gradio reads the type of a result from them as it stands.
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from inspect import signature
from typing import Annotated, Any

import gradio as gr
from gradio.events import api
from pydantic import Field, ValidationError, validate_call

from agent.events import Event, Finished
from agent.solve import Solver, new_problem
from agent.state import AgentConfig, RetrieverName, parse_strategy
from retriever.errors import RaderError
from retriever.jsonl import reasons
from retriever.search import Retriever
from ui.solve.queue import Queue, Ticket

MOST_HITS = 1000

Answer = dict[str, Any]
Hits = Annotated[int, Field(ge=1, le=MOST_HITS)]


class Tools:
    """Functions for programs; what they give are the objects that ``rader search`` and ``rader solve`` print.

    Args:
        retriever_for: Gives what searches in a mode.
        make_solver: As the chat's.
        defaults: The configuration of solving, and how to search where nothing else is said.
        queue: Where runs wait for their turn, those of the chat too.
    """

    def __init__(
        self,
        retriever_for: Callable[[RetrieverName], Retriever],
        make_solver: Callable[[AgentConfig], Solver],
        defaults: AgentConfig,
        queue: Queue,
    ) -> None:
        self._retriever_for, self._make_solver = retriever_for, make_solver
        self._defaults, self._queue = defaults, queue

    async def search(
        self,
        query: str,
        k: Hits = 10,
        retriever: RetrieverName = "hybrid",
    ) -> Answer:
        """Find theorems, definitions and code for a question or a step of mathematical reasoning.

        Args:
            query: What is looked for; a whole thought finds more than a few words.
            k: How many hits, 1 to 1000.
            retriever: bm25 (words), base (untrained vectors), rader (trained ones), hybrid (rader and words).

        Returns:
            An object with query, retriever, hits (id, title, score, parts of the score) and ms by stage.
        """

        def find() -> Answer:
            return self._retriever_for(retriever).search(query, k).to_json()

        return await asyncio.to_thread(find)

    async def solve(self, problem: str, strategy: str = "steps") -> Answer:
        """Solve a mathematical problem step by step, looking up the theorems that its steps need.

        Args:
            problem: The problem as text; formulas may be LaTeX.
            strategy: steps, rag, cot, mcts, or the majority of several answers, such as cot@8.

        Returns:
            The trajectory: problem, steps (thoughts, queries, hits with verdicts), answer, usage and more.
        """
        async with aclosing(self.events(problem, strategy)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return whole(event)
        raise RaderError("the run ended without a result", "Please report this")

    async def events(self, problem: str, strategy: str) -> AsyncGenerator[Event]:
        """Events of one run, once it is its turn.

        Raises:
            RaderError: It cannot be begun.
        """
        parse_strategy(strategy)
        asked = new_problem(problem, limit=self._defaults.problem_chars)
        async with self._queue.place(Ticket()):
            solver = await asyncio.to_thread(self._make_solver, self._defaults)
            async with aclosing(solver.solve(asked, strategy)) as events:
                async for event in events:
                    yield event


def whole(event: Finished) -> Answer:
    """The trajectory of a run that is over.

    Raises:
        RaderError: It failed.
    """
    if event.trajectory.error:
        raise RaderError(event.trajectory.error)
    return event.trajectory.to_record()


def publish(tools: Tools) -> None:
    """Offer the tools as endpoints of Gradio's HTTP API; called within a ``gr.Blocks``."""
    for tool in (tools.search, tools.solve):
        api(_checked(tool), api_name=tool.__name__, concurrency_limit=None)


def _checked(tool: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """``tool`` with its arguments checked, which Gradio does not do; an error is one line."""
    strict: Callable[..., Awaitable[Answer]] = validate_call(tool)
    named = signature(tool)

    @wraps(tool)
    async def call(*args: Any, **kwargs: Any) -> Answer:
        try:
            return await strict(**named.bind(*args, **kwargs).arguments)
        except ValidationError as error:
            raise gr.Error(f"{tool.__name__}: {reasons(error)}", print_exception=False) from error
        except RaderError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call
