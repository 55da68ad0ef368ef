"""A run while it is under way: its steps as the events tell of them, and what is kept of it in the end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from agent.answers import boxed, grade
from agent.events import Event, Grown, StepDone, StepStarted, Token
from agent.given import Given
from agent.records import Fingerprints, Outcome, Problem, Step, Trajectory, Usage
from agent.state import AgentState, Strategy, begun
from retriever.errors import BadInputError, RaderError


@dataclass
class Run:
    """A run while it is under way."""

    id: str
    problem: Problem
    strategy: Strategy
    seed: int
    started: float
    given: Given | None = None
    outcome: Outcome = "finished"
    cause: RaderError | None = None

    def __post_init__(self) -> None:
        self.steps: dict[int, Step] = {}
        self.usage = Usage()
        self._open: dict[int, StepStarted] = {}
        self._texts: dict[int, str] = {}
        self._result: dict[str, Any] | None = None  # of a search: its answer, and what marks its steps

    def start(self) -> AgentState:
        """The state in which a run begins."""
        given = self.given.steps if self.given else ()
        self.steps = {step.n: step for step in given}
        return begun(self.problem, self.strategy, self.seed, given)

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
        self._keep(kept)
        self.usage = sum((Usage.model_validate(usage) for usage in kept["usage"]), Usage())

    def fail(self, cause: RaderError) -> None:
        """The run ends here; its steps are kept."""
        self.outcome, self.cause = "failed", cause

    def note(self, event: Event) -> None:
        """Keep what an event brings, the text of the unfinished step too."""
        if isinstance(event, StepStarted):
            self._open[event.n], self._texts[event.n] = event, ""
        elif isinstance(event, Token):
            self._texts[event.n] += event.text
        elif isinstance(event, StepDone):
            self._open.pop(event.step.n, None)
            self.steps[event.step.n] = event.step

    def count(self, update: dict[str, Any]) -> None:
        """Take in what a node added, and what it made of the steps it had told of."""
        for added in update.values():
            self.usage = sum((Usage.model_validate(usage) for usage in added.get("usage", ())), self.usage)
            self._keep(added)

    def _keep(self, state: dict[str, Any]) -> None:
        self.steps |= {step["n"]: Step.model_validate(step) for step in state.get("steps", ())}
        self._result = state.get("result", self._result)

    def grown(self) -> Grown:
        """The tree as it stands."""
        return Grown(tuple(self._marked(self.steps)), self._planned)

    @property
    def _planned(self) -> int | None:
        return (self._result or {}).get("planned")

    def _all_steps(self) -> list[Step]:
        """Every step by its number, unfinished ones as far as they came, marked by the search."""
        begun = {
            n: Step(n=n, action=one.action, text=self._texts[n].strip(), parent=one.parent)
            for n, one in self._open.items()
            if self._texts[n].strip()
        }
        return self._marked(begun | self.steps)

    def _marked(self, steps: dict[int, Step]) -> list[Step]:
        marks = {mark["n"]: mark for mark in (self._result or {}).get("marks", ())}
        return [step.model_copy(update=marks.get(n, {})) for n, step in sorted(steps.items())]

    def trajectory(self, fingerprints: Fingerprints) -> Trajectory:
        """What is kept of the run, graded where a gold answer is known."""
        steps = self._all_steps()
        answer = boxed(steps[-1].text) if steps and steps[-1].action == "answer" else None
        if self._result is not None:
            answer = self._result["answer"]
        verdict = grade(answer, self.problem.answer) if self.outcome == "finished" else None
        reward: Literal[0, 1] | None = None if verdict is None else (1 if verdict == "correct" else 0)
        seconds = round(time.perf_counter() - self.started, 3)
        return Trajectory(
            id=self.id,
            problem=self.problem.problem,
            problem_id=self.problem.id,
            gold=self.problem.answer,
            strategy=self.strategy,
            steps=tuple(steps),
            answer=answer,
            grade=verdict,
            reward=reward,
            outcome=self.outcome,
            error=str(self.cause or ""),
            fingerprints=fingerprints,
            seed=self.seed,
            usage=self.usage.model_copy(update={"seconds": seconds}),
            planned=self._planned,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            continues=self.given.continues if self.given else None,
        )
