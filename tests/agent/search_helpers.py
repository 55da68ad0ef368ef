"""What the tests of searches share: a mind that tells its requests apart, and a solver that searches."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from agent.prompts import load
from agent.records import Step, Trajectory
from agent.solve import Solver
from agent.state import SearchConfig
from tests.agent.helpers import solver, texts, verdicts

Kind = Literal["think", "complete", "box", "query", "reflect", "summarise"]
Reply = str | Sequence[str] | Callable[[dict[str, Any]], str]


def kind_of(body: dict[str, Any]) -> Kind:
    """What a request of a search asks for."""
    role, content = body["messages"][-1]["role"], body["messages"][-1]["content"]
    if "response_format" in body:
        return "reflect"
    if role == "user" and content.endswith(load("query")):
        return "query"
    if role == "user" and content.startswith(load("summarise").split("{{")[0]):
        return "summarise"
    if content.endswith(load("finish")):
        return "box"
    return "think" if body.get("stop") else "complete"


class SearchMind:
    """A script for `ScriptedServer`: replies by kind, in turn (the last repeats) or from the request.

    By default every thought is new, every query finds the same, of which the first passage is relevant, and
    every completion says 5.
    """

    def __init__(self, **replies: Reply) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.asked: dict[Kind, list[dict[str, Any]]] = defaultdict(list)
        self.replies: dict[str, Reply] = {
            "think": lambda body: f"Thought {next(self._numbers)} on $x$.",
            "complete": r"So it is \boxed{5}.",
            "box": "5}$",
            "query": "the sum of the roots of a quadratic and its product",
            "reflect": lambda body: verdicts(True, False, False, False, False),
            "summarise": "The roots have sum minus b.",
            **replies,
        }

    def __call__(self, body: dict[str, Any]) -> str:
        kind = kind_of(body)
        with self._lock:
            self.asked[kind].append(body)
            reply, count = self.replies[kind], len(self.asked[kind])
            if callable(reply):
                return reply(body)
        replies = [reply] if isinstance(reply, str) else reply
        return replies[min(count, len(replies)) - 1]


def cycle(*answers: str) -> Callable[[dict[str, Any]], str]:
    """Completions that box these answers in turn, for ever."""
    turns: Iterator[str] = itertools.cycle(answers)
    return lambda body: rf"So it is \boxed{{{next(turns)}}}."


def searcher(server: Any, search: SearchConfig | None = None, **changes: Any) -> Solver:
    """A solver that searches as ``search`` says, one request at a time so that replies keep their turn."""
    one_by_one = (search or SearchConfig(early_stop=False)).model_copy(update={"parallel": 1})
    return solver(server, search=one_by_one, **changes)


def key_of(body: dict[str, Any]) -> tuple[int, str]:
    """What makes a request: its seed and all it says."""
    return body["seed"], texts(body)


def children(trajectory: Trajectory, parent: int | None) -> list[Step]:
    """The steps after ``parent``, in order."""
    return [step for step in trajectory.steps if step.parent == parent]


def endings(trajectory: Trajectory) -> list[Step]:
    """The terminal steps that a rollout ended in."""
    return [step for step in trajectory.steps if step.reward is not None]
