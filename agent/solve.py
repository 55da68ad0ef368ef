"""Solve one problem: run its graph, tell the watcher every event, log the trajectory whatever the end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import unicodedata
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.answers import boxed, grade
from agent.checkpoints import open_checkpoints
from agent.events import Event, Finished, StepDone, StepStarted, Token
from agent.llm import ChatModel
from agent.log import TrajectoryLog
from agent.nodes import Searcher
from agent.prompts import fingerprint
from agent.records import Fingerprints, Outcome, Problem, Step, Trajectory, Usage
from agent.state import AgentConfig, AgentState, Strategy
from retriever.errors import BadInputError, RaderError

if TYPE_CHECKING:
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
    """

    llm: ChatModel
    retriever: Searcher | None
    config: AgentConfig
    log: TrajectoryLog | None = None
    checkpoints: Path | None = None
    retriever_fingerprint: str = ""
    index_fingerprint: str = ""

    async def solve(
        self, problem: Problem, strategy: Strategy = "steps", *, seed: int = 0, run_id: str = ""
    ) -> AsyncGenerator[Event]:
        """Events of one run, ``Finished`` last; a run whose ``run_id`` was cut off goes on from there.

        Stopping the iteration (``aclose``, cancellation) stops the model; what was done is logged as
        ``stopped``. An error of the model's server ends the run as ``failed``, its steps kept.

        Raises:
            StorageError: the trajectory cannot be logged.
        """
        run = _Run(run_id or uuid.uuid4().hex, problem, strategy, seed, time.perf_counter())
        try:
            async with (
                open_checkpoints(self.checkpoints) as saver,
                aclosing(self._events(run, saver)) as events,
            ):
                async for event in events:
                    yield event
        except RaderError as error:
            run.outcome, run.error = "failed", str(error)
        except (OSError, sqlite3.Error) as error:
            run.outcome, run.error = "failed", f"a file in RADER_HOME cannot be read or written ({error})"
        except BaseException:
            run.outcome = "stopped"
            await asyncio.shield(self._close(run))
            raise
        yield Finished(await self._close(run))

    async def _events(self, run: _Run, saver: BaseCheckpointSaver[Any] | None) -> AsyncGenerator[Event]:
        from agent.graph import build_graph

        graph = build_graph(run.strategy, self.llm, self.retriever, config=self.config, checkpointer=saver)
        settings: Any = {"configurable": {"thread_id": run.id}, "recursion_limit": 1000}
        kept = (await graph.aget_state(settings)).values if saver else None
        if kept:
            run.resume(kept)  # before anything is done: it may be the wrong run
        events: Any = graph.astream(
            None if kept else run.start(), settings, stream_mode=["custom", "updates"]
        )
        async with aclosing(events) as stream:
            async for mode, event in stream:
                if mode == "custom":
                    run.note(event)
                    yield event
                else:
                    run.count(event)
        if saver:
            await saver.adelete_thread(run.id)

    async def _close(self, run: _Run) -> Trajectory:
        trajectory = await asyncio.to_thread(run.trajectory, self.fingerprints())
        if self.log is not None:
            await asyncio.to_thread(self.log.append, trajectory)
        return trajectory

    def fingerprints(self) -> Fingerprints:
        """What this solver's trajectories are made with."""
        return Fingerprints(
            llm=self.llm.fingerprint,
            retriever=self.retriever_fingerprint,
            index=self.index_fingerprint,
            prompts=fingerprint(),
            config=self.config.fingerprint,
        )


@dataclass
class _Run:
    """A run while it is under way."""

    id: str
    problem: Problem
    strategy: Strategy
    seed: int
    started: float
    outcome: Outcome = "finished"
    error: str = ""

    def __post_init__(self) -> None:
        self.steps: list[Step] = []
        self.usage = Usage()
        self._open: StepStarted | None = None
        self._text = ""

    def start(self) -> AgentState:
        """The state in which a run begins."""
        return AgentState(
            problem=self.problem.model_dump(),
            strategy=self.strategy,
            steps=[],
            usage=[],
            seed=self.seed,
            done=False,
        )

    def resume(self, kept: dict[str, Any]) -> None:
        """Take over the steps of a run that was cut off; the graph itself goes on from its checkpoint.

        Raises:
            BadInputError: that run was about another problem, or used another strategy.
        """
        if (kept["problem"]["problem"], kept["strategy"]) != (self.problem.problem, self.strategy):
            raise BadInputError(
                f"the run {self.id} is about another problem or uses another strategy",
                "Give the problem and strategy that it was begun with",
            )
        self.steps = [Step.model_validate(step) for step in kept["steps"]]
        self.usage = sum((Usage.model_validate(usage) for usage in kept["usage"]), Usage())

    def note(self, event: Event) -> None:
        """Keep what an event brings, the text of the unfinished step too."""
        if isinstance(event, StepStarted):
            self._open, self._text = event, ""
        elif isinstance(event, Token):
            self._text += event.text
        elif isinstance(event, StepDone):
            self._open = None
            self.steps.append(event.step)

    def count(self, update: dict[str, Any]) -> None:
        for added in update.values():
            self.usage = sum((Usage.model_validate(usage) for usage in added["usage"]), self.usage)

    def trajectory(self, fingerprints: Fingerprints) -> Trajectory:
        """What is kept of the run, graded where a gold answer is known."""
        if self._open is not None and self._text.strip():
            n, action = self._open.n, self._open.action
            self.steps.append(Step(n=n, action=action, text=self._text.strip(), parent=n - 1 or None))
        last = self.steps[-1] if self.steps else None
        answer = boxed(last.text) if last is not None and last.action == "answer" else None
        verdict = grade(answer, self.problem.answer) if self.outcome == "finished" else None
        reward: Literal[0, 1] | None = None if verdict is None else (1 if verdict == "correct" else 0)
        seconds = round(time.perf_counter() - self.started, 3)
        return Trajectory(
            id=self.id,
            problem=self.problem.problem,
            problem_id=self.problem.id,
            gold=self.problem.answer,
            strategy=self.strategy,
            steps=tuple(self.steps),
            answer=answer,
            grade=verdict,
            reward=reward,
            outcome=self.outcome,
            error=self.error,
            fingerprints=fingerprints,
            seed=self.seed,
            usage=self.usage.model_copy(update={"seconds": seconds}),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
