"""Solve one problem: run its graph, tell the watcher every event, log the trajectory whatever the end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import unicodedata
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.checkpoints import open_checkpoints
from agent.events import Event, Finished
from agent.given import Given
from agent.llm import ChatModel
from agent.log import TrajectoryLog
from agent.nodes import Searcher
from agent.prompts import fingerprint
from agent.records import Fingerprints, Problem, Trajectory
from agent.run import Run
from agent.state import (
    AgentConfig,
    SampleConfig,
    SearchConfig,
    Strategy,
    config_fingerprint,
    parse_strategy,
)
from agent.tasks import to_its_end
from retriever.errors import BadInputError, RaderError, StorageError

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler
    from langgraph.checkpoint.base import BaseCheckpointSaver


def new_problem(text: str, *, answer: str | None = None, history: Any = (), limit: int = 8000) -> Problem:
    """A problem from what a person typed.

    Raises:
        BadInputError: nothing is left once control characters are gone, or it is longer than ``limit``.
    """
    clean = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    clean = clean.strip()
    if not clean:
        raise BadInputError("the problem is empty", "Type a question, for example: What is 15% of 80?")
    if len(clean) > limit:
        raise BadInputError(
            f"the problem has {len(clean):,} characters; the limit is {limit:,}",
            "Shorten it, or raise problem_chars in the configuration",
        )
    return Problem(id=uuid.uuid4().hex, problem=clean, answer=answer, history=history)


@dataclass
class Solver:
    """Everything a run needs beside its problem.

    Args:
        llm: The language model.
        retriever: None is enough for ``cot``.
        config: Depth, hits, limits.
        log: Where trajectories go; None keeps none.
        checkpoints: SQLite file for the states of unfinished runs, so that a killed run can go on.
        retriever_fingerprint, index_fingerprint: What ``retriever`` searches with and in.
        forgets: Let go of a finished run's states; off, `forget` is the caller's business.
        search: How ``mcts`` searches.
        samples: How ``cot@n`` and ``rag@n`` draw.
        callbacks: LangChain's, told of every node, model call and search; a tracer is one.
        held: Entered while a run is under way: whoever serves the model does not end it meanwhile.
    """

    llm: ChatModel
    retriever: Searcher | None
    config: AgentConfig
    log: TrajectoryLog | None = None
    checkpoints: Path | None = None
    retriever_fingerprint: str = ""
    index_fingerprint: str = ""
    forgets: bool = True
    search: SearchConfig = field(default_factory=SearchConfig)
    samples: SampleConfig = field(default_factory=SampleConfig)
    callbacks: Sequence[BaseCallbackHandler] = ()
    held: Callable[[], AbstractContextManager[object]] = nullcontext

    async def solve(
        self,
        problem: Problem,
        strategy: Strategy = "steps",
        *,
        seed: int = 0,
        run_id: str = "",
        given: Given | None = None,
    ) -> AsyncGenerator[Event]:
        """Events of one run, ``Finished`` last; a run whose ``run_id`` was cut off goes on from there.

        Steps that are ``given`` stand at its beginning as if it had made them; no event tells of them.

        Stopping the iteration (``aclose``, cancellation) stops the model; what was done is logged as
        ``stopped``. An error of the model's server ends the run as ``failed``, its steps kept.

        Raises:
            StorageError: the trajectory cannot be logged.
        """
        run = Run(run_id or uuid.uuid4().hex, problem, strategy, seed, time.perf_counter(), given)
        try:
            with self.held():
                async with (
                    open_checkpoints(self.checkpoints) as saver,
                    aclosing(self._events(run, saver)) as events,
                ):
                    async for event in events:
                        yield event
        except RaderError as error:
            run.fail(error)
        except (OSError, sqlite3.Error) as error:
            run.fail(StorageError(f"a file in RADER_HOME cannot be read or written ({error})"))
        except BaseException:
            run.outcome = "stopped"
            await to_its_end(self._close(run))
            raise
        trajectory = await self._close(run)
        if run.outcome == "finished" and self.forgets:
            await self.forget(run.id)
        yield Finished(trajectory, run.cause)

    async def forget(self, run_id: str) -> None:
        """Let go of the states of a run. Only once its trajectory is logged, so that a kill loses neither."""
        async with open_checkpoints(self.checkpoints) as saver:
            if saver is not None:
                await saver.adelete_thread(run_id)

    async def _events(self, run: Run, saver: BaseCheckpointSaver[Any] | None) -> AsyncGenerator[Event]:
        from agent.graph import build_graph

        graph = build_graph(
            run.strategy,
            self.llm,
            self.retriever,
            config=self.config,
            search=self.search,
            samples=self.samples,
            checkpointer=saver,
        )
        settings = self._settings(run)
        kept = (await graph.aget_state(settings)).values if saver else None
        if saver and kept and "problem" not in kept:  # killed before its first node: nothing is lost
            await saver.adelete_thread(run.id)
            kept = None
        if kept:
            run.resume(kept)  # before anything is done: it may be the wrong run
        # "sync": a step's state is on disk before the next step begins, so a kill repeats at most one step.
        how: Any = {"stream_mode": ["custom", "updates"], "durability": "sync" if saver else None}
        votes = parse_strategy(run.strategy).votes
        events: Any = graph.astream(None if kept else run.start(), settings, **how)
        async with aclosing(events) as stream:
            async for mode, event in stream:
                if mode == "custom":
                    run.note(event)
                    yield event
                    continue
                run.count(event)
                if votes and any("steps" in added or "result" in added for added in event.values()):
                    yield run.grown()

    def _settings(self, run: Run) -> Any:
        """LangGraph's settings of a run."""
        return {
            "configurable": {"thread_id": run.id},
            "recursion_limit": 10_000,
            "run_name": run.strategy,
            "metadata": {"problem_id": run.problem.id, "seed": run.seed},
            "callbacks": list(self.callbacks),
        }

    async def _close(self, run: Run) -> Trajectory:
        trajectory = await asyncio.to_thread(run.trajectory, self.fingerprints(run.strategy))
        if self.llm.recorded:  # a replay must give the same bytes: time is that of the model's calls
            seconds = round(sum(step.ms for step in trajectory.steps) / 1000, 3)
            usage = trajectory.usage.model_copy(update={"seconds": seconds})
            trajectory = trajectory.model_copy(update={"usage": usage, "created": self.llm.recorded})
        if self.log is not None:
            await asyncio.to_thread(self.log.append, trajectory)
        return trajectory

    def fingerprints(self, strategy: Strategy = "steps") -> Fingerprints:
        """What this solver's trajectories of ``strategy`` are made with."""
        return Fingerprints(
            llm=self.llm.fingerprint,
            retriever=self.retriever_fingerprint,
            index=self.index_fingerprint,
            prompts=fingerprint(),
            config=config_fingerprint(strategy, self.config, self.search, self.samples),
        )
