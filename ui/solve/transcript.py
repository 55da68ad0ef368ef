"""A run as the page shows it, from its events, pure: finished blocks, the one being written, its phase.

`ui.solve.search` does the same for runs of many attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.events import Event, Finished, Grown, StepDone, StepStarted, Token
from agent.given import EDITABLE
from agent.records import Action, Step, Trajectory, Turn
from agent.transcript import cut
from retriever.passage import Passage
from ui.page import render
from ui.page.render import Lookup, Thought

LABEL_CHARS = 90
PHASES: dict[Action, str] = {
    "think": "Thinking",
    "query": "Deciding what to look up",
    "retrieve": "Searching the library",
    "reflect": "Judging what was found",
    "summarise": "Recalling what helps",
    "answer": "Writing the answer",
}


@dataclass
class RunView:
    """What is known of a run so far.

    Attributes:
        run: The id that its trajectory will have.
        changed: The step whose text a person wrote; 0 for none.
        steps: Those that are done, by number.
        passages: What its look-ups found, by id.
        blocks: Finished blocks, never changed again.
        open: The block being written.
        texts: The thoughts, for the conversation's history.
        grown: The tree of many attempts as it stood last.
        finished: The trajectory, once the run is over.
    """

    run: str = ""
    changed: int = 0
    steps: dict[int, Step] = field(default_factory=dict)
    passages: dict[str, Passage] = field(default_factory=dict)
    blocks: list[str] = field(default_factory=list)
    open: Thought | Lookup | None = None
    texts: list[str] = field(default_factory=list)
    grown: Grown | None = None
    finished: Trajectory | None = None
    phase: str = "Starting"
    tokens: int = 0
    _action: Action | None = None
    _counted: int = 0

    def apply(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, StepStarted):
            self._start(event)
        elif isinstance(event, Token):
            self._counted += 1
            self._write(event.text)
        elif isinstance(event, StepDone):
            self.steps[event.step.n] = event.step
            self.passages |= event.passages
            self._finish(event)
        elif isinstance(event, Finished):
            self._close()
            self._end(event)

    def restore(
        self, steps: Sequence[Step], passages: dict[str, Passage], planned: int | None = None
    ) -> None:
        """Take in steps that were made before; ``planned`` as in `Trajectory`."""
        del planned
        for step in steps:
            self.apply(StepStarted(step.n, step.action, step.parent))
            self.apply(StepDone(step, passages))

    @property
    def written(self) -> int:
        """Tokens so far: of finished steps as the server counted them, of the open one as they came."""
        return self.tokens + self._counted

    def tail(self) -> Step | None:
        """The thought under way as far as it is written."""
        n = max(self.steps, default=0)
        if isinstance(self.open, Thought) and self.open.text.strip():
            return Step(n=n + 1, action="think", text=self.open.text.strip(), parent=n or None)
        return None

    def tree(self) -> str:
        """A picture of the attempts so far; where there is but one, none."""
        return ""

    def live(self) -> str:
        """The block being written as HTML; empty where there is none to show yet."""
        if isinstance(self.open, Thought):
            return render.thought(self.open)
        if self.open is None or _undecided(self.open):
            return ""
        return render.lookup(self.open)

    def stop(self, message: str = "") -> None:
        """The run ends here, unfinished: what is open is kept as far as it is written."""
        self._close()
        if message:
            self.blocks.append(render.error(message))

    def solution(self) -> str:
        """The thoughts so far as one text."""
        return "\n\n".join(self.texts)

    def _start(self, event: StepStarted) -> None:
        self._action, self._counted, self.phase = event.action, 0, PHASES[event.action]
        changed = event.n == self.changed
        if event.action in ("think", "answer"):
            self._close()
            self.open = Thought(self._title(event.action), changed=changed)
        elif event.action == "query":
            self._close()
            self.open = Lookup(changed=changed, run=self.run, n=event.n)
        elif event.action == "summarise" and isinstance(self.open, Lookup):
            self.open.changed = changed

    def _title(self, action: Action) -> str:
        if action == "answer":
            return "Conclusion" if self.texts else "Solution"
        return f"Step {len(self.texts) + 1}"

    def _write(self, text: str) -> None:
        if isinstance(self.open, Thought):
            self.open.text += text
        elif self.open is not None and self._action == "query":
            self.open.query += text
        elif self.open is not None and self._action == "summarise":
            self.open.recall += text

    def _finish(self, event: StepDone) -> None:
        step = event.step
        self.tokens, self._counted = self.tokens + step.tokens, 0
        if isinstance(self.open, Thought):
            self._think(self.open, step)
        elif self.open is not None:
            self._look_up(self.open, event)

    def _think(self, shown: Thought, step: Step) -> None:
        shown.title, shown.text = self._title(step.action), step.text
        shown.seconds, shown.tokens, shown.checks = step.ms / 1000, step.tokens, step.checks
        self._close()

    def _look_up(self, shown: Lookup, event: StepDone) -> None:
        step = event.step
        if step.action == "query":
            shown.query = step.text
            if not step.text:
                self.open = None
        elif step.action in ("retrieve", "reflect"):
            shown.cards = render.cards(step.hits, event.passages)
        elif step.action == "summarise":
            shown.recall = step.text
            shown.recalled = step.hits[0].title if step.hits else ""

    def _close(self) -> None:
        """What is open becomes finished."""
        shown, self.open = self.open, None
        if isinstance(shown, Thought) and shown.text.strip():
            shown.done = True
            self.texts.append(shown.text.strip())
            self.blocks.append(render.thought(shown))
        elif isinstance(shown, Lookup) and not _undecided(shown):
            shown.done = True
            self.blocks.append(render.lookup(shown))

    def _end(self, event: Finished) -> None:
        self.finished = trajectory = event.trajectory
        if trajectory.error:
            self.blocks.append(render.error(trajectory.error))
        elif trajectory.answer:
            self.blocks.append(render.result(trajectory.answer))
        self.blocks.append(render.closing(trajectory))


def turns(question: str, solution: str, chars: int) -> list[Turn]:
    """A question and its solution as the model reads them in a follow-up.

    Args:
        question: What was asked.
        solution: The thoughts; cut at its front, since its end holds the answer.
        chars: Characters that both may have together.
    """
    asked = question[: chars // 2]
    room = chars - len(asked)
    kept = solution if len(solution) <= room else "…" + solution[-(room - 1) :] if room > 1 else ""
    return [Turn(role="user", content=asked), Turn(role="assistant", content=kept)] if kept else []


def editable(steps: Sequence[Step]) -> list[tuple[str, int]]:
    """The steps that a person may change, each as a line and its number; of a tree, those of its answer."""
    line = [step for step in steps if step.chosen] or steps
    names = {"think": "Thought", "query": "Look-up", "summarise": "Recalled", "answer": "Conclusion"}
    return [
        (f"{place}. {names[step.action]}: {cut(' '.join(step.text.split()), LABEL_CHARS)}", step.n)
        for place, step in enumerate((one for one in line if one.action in EDITABLE and one.text), 1)
    ]


def likely(steps: Sequence[Step]) -> int:
    """The step that is changed most likely: the last thought, since a conclusion leaves little to go on with;
    0 where there is none."""
    line = [step for step in steps if step.chosen] or steps
    return max((step.n for step in line if step.action == "think" and step.text), default=0)


def _undecided(shown: Lookup) -> bool:
    """Whether a query may still turn out to be the model's NONE."""
    return shown.cards is None and "NONE".startswith(shown.query.strip("\"'. ").upper()[:4])
