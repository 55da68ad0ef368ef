"""What the agent's tests share: a small retriever, a scripted mind and a run read to its end."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal

from agent.events import Event, Finished, StepDone
from agent.llm import ChatModel, Message, Reply, Sampling
from agent.log import TrajectoryLog
from agent.prompts import load
from agent.records import Problem, Step, Trajectory
from agent.solve import Solver, new_problem
from agent.state import AgentConfig
from retriever.passage import Hit, Passage
from retriever.search import SearchResult
from tests.scripted import ScriptedServer

VIETA = Passage(
    id="vieta",
    title="Vieta's Formulas",
    text="The roots of $x^2+bx+c$ have sum $-b$ and product $c$.",
    tags=("algebra",),
)
AM_GM = Passage(
    id="am-gm",
    title="AM-GM Inequality",
    text=r"For $a,b\ge0$ the sum is at least $2\sqrt{ab}$: $a+b\ge2\sqrt{ab}$.",
)
FERMAT = Passage(
    id="fermat",
    title="Fermat's Little Theorem",
    text=r"For a prime $p$ not dividing $a$, $a^{p-1}\equiv1\pmod p$.",
)
SIEVE = Passage(id="sieve", title="primes_below", text="def primes_below(n): the sieve.", kind="code")
PASSAGES = (VIETA, AM_GM, FERMAT, SIEVE)

PROBLEM = "The roots of $x^2-5x+6$ are $r$ and $s$. What is the sum $r+s$?"
USUAL = ["think", "query", "retrieve", "reflect", "summarise", "answer"]  # the actions of `usual_mind`
STRATEGIES = ["cot", "rag", "steps"]
Kind = Literal["write", "box", "query", "reflect", "summarise"]
YES, NO = '{"reason": "it fits", "relevant": true}', '{"reason": "its conditions fail", "relevant": false}'


class WordRetriever:
    """A `Searcher` that ranks passages by the words they share with the query, all of them, best first."""

    def __init__(self, passages: Sequence[Passage] = PASSAGES) -> None:
        self.passages = {passage.id: passage for passage in passages}
        self.queries: list[tuple[str, int, Any, tuple[str, ...]]] = []

    def search(
        self,
        query: str,
        k: int,
        *,
        mode: Any = None,
        without: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
    ) -> SearchResult:
        """The ``k`` passages that share the most words; ties stay in their order."""
        self.queries.append((query, k, mode, without))
        scored = [
            (_overlap(query, each), each)
            for each in self.passages.values()
            if each.kind not in without and (not sources or each.source in sources)
        ]
        best = sorted(scored, key=lambda pair: -pair[0])[:k]
        hits = [Hit(passage=passage, score=score, parts={"bm25": score}) for score, passage in best]
        ms: Any = {"encode": 0.0, "search": 0.0, "rerank": 0.0, "total": 0.0}
        return SearchResult(query=query, retriever="bm25", hits=hits, ms=ms)

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids."""
        return [self.passages[key] for key in ids]


def _overlap(query: str, passage: Passage) -> float:
    words = set(re.findall(r"\w+", query.lower()))
    return float(len(words & set(re.findall(r"\w+", passage.content.lower()))))


def kind_of(body: dict[str, Any]) -> Kind:
    """What a request asks for, told by the shipped prompts, whatever their wording is."""
    role, content = body["messages"][-1]["role"], body["messages"][-1]["content"]
    if "response_format" in body:
        return "reflect"
    if role == "assistant":
        return "box" if content.endswith(load("finish")) else "write"
    if content == load("query"):
        return "query"
    opening = load("summarise").split("{{")[0]
    return "summarise" if opening and content.startswith(opening) else "write"


class Mind:
    """A script for `ScriptedServer`: for each kind of request its replies in turn; the last repeats."""

    def __init__(self, **replies: str | Sequence[str]) -> None:
        self.replies = {
            kind: [given] if isinstance(given, str) else list(given) for kind, given in replies.items()
        }
        self.asked: dict[Kind, list[dict[str, Any]]] = defaultdict(list)

    def __call__(self, body: dict[str, Any]) -> str:
        kind = kind_of(body)
        self.asked[kind].append(body)
        replies = self.replies[kind]
        return replies[min(len(self.asked[kind]), len(replies)) - 1]


def verdicts(*relevant: bool) -> str:
    """The JSON of a reflection."""
    return '{"verdicts": [' + ", ".join(YES if one else NO for one in relevant) + "]}"


def usual_mind(**changes: str | Sequence[str]) -> Mind:
    """Thinks once, asks for Vieta, keeps it, drops the others, and answers 5."""
    replies: dict[str, str | Sequence[str]] = {
        "write": ["Compare the coefficients.", r"The sum is $5$, so \boxed{5}."],
        "query": "the sum of the roots of a quadratic and its product",
        "reflect": verdicts(True, False, False),
        "summarise": "The roots have sum minus b.",
        "box": "5}$",
    }
    return Mind(**(replies | changes))


def texts(body: dict[str, Any]) -> str:
    """Everything that a request says."""
    return "\n".join(message["content"] for message in body["messages"])


def config(**changes: Any) -> AgentConfig:
    """A configuration in which every paragraph is a thought of its own."""
    return AgentConfig(**({"step_chars": 1, "hits": 3} | changes))


def solver(server: ScriptedServer, **changes: Any) -> Solver:
    """A solver around ``server`` with a `WordRetriever`; ``changes`` are fields of `Solver`."""
    given: dict[str, Any] = {"retriever": WordRetriever(), "config": config()} | changes
    return Solver(ChatModel(server.url, "scripted", timeout=20.0), **given)


async def run(
    given: Solver, /, problem: str | Problem = PROBLEM, strategy: Any = "steps", **more: Any
) -> list[Event]:
    """All events of one run."""
    asked = new_problem(problem) if isinstance(problem, str) else problem
    return [event async for event in given.solve(asked, strategy, **more)]


async def outcome(
    given: Solver, /, problem: str | Problem = PROBLEM, strategy: Any = "steps", **more: Any
) -> Trajectory:
    """The trajectory of one run."""
    return finished(await run(given, problem, strategy, **more))


def finished(events: Sequence[Event]) -> Trajectory:
    """The trajectory with which a run ended."""
    last = events[-1]
    assert isinstance(last, Finished)
    return last.trajectory


def steps_of(events: Sequence[Event], action: str) -> list[Step]:
    """The steps of this action, in order."""
    return [event.step for event in events if isinstance(event, StepDone) and event.step.action == action]


def actions(trajectory: Trajectory) -> list[str]:
    """The actions of a trajectory, in order."""
    return [step.action for step in trajectory.steps]


async def ask(
    model: ChatModel, messages: Sequence[Message] = (("user", "Hello"),), **sampling: Any
) -> tuple[list[str], Reply]:
    """The pieces of one reply, and the reply."""
    reply = Reply()
    stream: AsyncGenerator[str] = model.stream(messages, Sampling(**({"max_tokens": 50} | sampling)), reply)
    async with aclosing(stream):
        return [piece async for piece in stream], reply


class DyingServer(ScriptedServer):
    """Cuts the connection after two tokens of its ``nth`` reply, and of every later one until ``revive``."""

    def __init__(self, script: Any, nth: int) -> None:
        super().__init__(script)
        self.nth = nth

    def reply(self, body: dict[str, Any]) -> str:
        """The reply; from the nth on it will be cut."""
        text = super().reply(body)
        self.break_after = 2 if 0 < self.nth <= len(self.requests) else None
        return text

    def revive(self) -> None:
        """Cut no more."""
        self.nth = 0


def essence(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Steps without their wall-clock time."""
    return [step.model_dump(exclude={"ms"}) for step in steps]


def logged(log: TrajectoryLog) -> list[Trajectory]:
    """What a log holds; every line is a trajectory."""
    return list(log.read(skip_bad=False))
