"""A run of many attempts as the page shows it, pure: a folded block an attempt, the tree, then the solution.

An attempt of ``mcts`` is a rollout, one of ``cot@n`` and ``rag@n`` a solution. Its block is the path that it
took through the tree, told as a run without branches is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.answers import boxed
from agent.draw import path
from agent.events import Event, Finished, Grown, StepDone, StepStarted, Token
from agent.records import Step
from retriever.passage import Passage
from ui.page import render
from ui.solve import tree
from ui.solve.transcript import PHASES, RunView


@dataclass
class SearchView(RunView):
    """What is known of a search so far."""

    _begun: dict[int, RunView] = field(default_factory=dict)
    _shown: set[int] = field(default_factory=set)
    _drawn: tuple[Grown, str] | None = None

    def apply(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, StepStarted):
            self.phase = PHASES[event.action] + self._attempt()
            self._begun[event.n] = RunView(self.run)
            self._begun[event.n].apply(event)
        elif isinstance(event, Token) and event.n in self._begun:
            self._begun[event.n].apply(event)
        elif isinstance(event, StepDone):
            self._begun.pop(event.step.n, None)
            self.steps[event.step.n] = event.step
            self.passages |= event.passages
            self.tokens += event.step.tokens
        elif isinstance(event, Grown):
            self._grow(event)
        elif isinstance(event, Finished):
            self._begun.clear()
            self._finish_search(event)

    def restore(
        self, steps: Sequence[Step], passages: dict[str, Passage], planned: int | None = None
    ) -> None:
        """Take in steps that were made before."""
        self.passages |= passages
        self.tokens += sum(step.tokens for step in steps)
        self._grow(Grown(tuple(steps), planned))

    @property
    def written(self) -> int:
        """Tokens so far."""
        return self.tokens + sum(view.written for view in self._begun.values())

    def live(self) -> str:
        """What is being written, as many steps as there are at once."""
        return "\n\n".join(filter(None, (view.live() for view in self._begun.values())))

    def tree(self) -> str:
        """The tree as it stands, until the run is over: then a block shows it."""
        if self.grown is None or self.finished is not None:
            return ""
        if self._drawn is None or self._drawn[0] is not self.grown:  # asked ten times a second
            self._drawn = self.grown, tree.growing(self.grown, self.run)
        return self._drawn[1]

    def tail(self) -> Step | None:
        """None: a search goes on from its last whole node."""
        return None

    def stop(self, message: str = "") -> None:
        """The search ends here, unfinished."""
        self._begun.clear()
        if self.grown is not None and self.grown.steps:
            self.blocks.append(render.fold("Search tree", [tree.growing(self.grown, self.run)]))
        super().stop(message)

    def _attempt(self) -> str:
        if self.grown is None or self.grown.planned is None:
            return ""
        return f", attempt {min(len(self._shown) + 1, self.grown.planned)} of {self.grown.planned}"

    def _grow(self, grown: Grown) -> None:
        """The tree has grown; attempts that are complete become blocks."""
        self.grown, self.steps = grown, self.steps | {step.n: step for step in grown.steps}
        for step in grown.steps:
            if step.reward is not None and step.n not in self._shown:
                self._shown.add(step.n)
                self.blocks.append(self._told(step, grown))

    def _told(self, end: Step, grown: Grown) -> str:
        of = f" of {grown.planned}" if grown.planned else ""
        answer = boxed(end.text)
        meta = render.boxed(answer) if answer is not None else "no boxed answer"
        return render.fold(f"Attempt {len(self._shown)}{of}", self._path(end).blocks, meta=meta)

    def _path(self, end: Step) -> RunView:
        """The steps from the first to ``end`` as a run of their own."""
        view = RunView(self.run, self.changed)
        view.restore(path(self.steps, end.n), self.passages)
        view.stop()
        return view

    def _finish_search(self, event: Finished) -> None:
        steps = event.trajectory.steps
        if event.trajectory.steps:
            self._grow(Grown(steps, event.trajectory.planned))
        chosen = [step for step in steps if step.chosen]
        if chosen:
            best = self._path(chosen[-1])
            self.texts = best.texts
            self.blocks.append(render.fold("The solution with the most votes", best.blocks, unfolded=True))
        self.blocks.append(render.fold("Search tree", [tree.tree_of(event.trajectory)]))
        self._end(event)
