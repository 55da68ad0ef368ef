"""The agent's actions, one function a node (METHOD, Search). The strategies share them.

A node reads the state, asks the model or the retriever, tells the watcher (``agent.events``) and returns
only what it adds: steps, usage, and whether the run is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.config import get_stream_writer

from agent import transcript
from agent.answers import boxed
from agent.events import StepDone, StepStarted, Token
from agent.llm import ChatModel, Message, Reply, Sampling
from agent.prompts import load, render
from agent.records import Action, Step, StepHit, Usage, Verdict
from agent.reflection import Judgement, judgement_schema, read_judgements
from agent.state import AgentConfig, AgentState

if TYPE_CHECKING:
    from retriever.passage import Passage
    from retriever.search import SearchResult

Update = dict[str, Any]


class Searcher(Protocol):
    """What the agent needs of a retriever; ``retriever.Retriever`` is one."""

    def search(self, query: str, k: int, *, mode: Any = None, kinds: tuple[str, ...] = ()) -> SearchResult:
        """The ``k`` best passages of these kinds for ``query``."""

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in this order."""


@dataclass(frozen=True)
class Tools:
    """What every node works with."""

    llm: ChatModel
    retriever: Searcher | None
    config: AgentConfig


@dataclass
class _Clock:
    """Times one step and counts its tokens."""

    n: int
    parent: int | None
    started: float
    usage: Usage = Usage()

    def step(self, action: Action, text: str, hits: tuple[StepHit, ...] = ()) -> Step:
        ms = (time.perf_counter() - self.started) * 1000
        tokens = self.usage.completion_tokens
        return Step(
            n=self.n, action=action, text=text, hits=hits, parent=self.parent, ms=round(ms, 1), tokens=tokens
        )


def _begin(state: AgentState, action: Action) -> _Clock:
    n = len(state["steps"]) + 1
    get_stream_writer()(StepStarted(n, action))
    return _Clock(n, n - 1 or None, time.perf_counter())


def _end(clock: _Clock, step: Step, *, done: bool = False, passages: list[Passage] | None = None) -> Update:
    get_stream_writer()(StepDone(step, {passage.id: passage for passage in passages or []}))
    return {"steps": [step.model_dump()], "usage": [clock.usage.model_dump()], "done": done}


async def _ask(
    tools: Tools, clock: _Clock, messages: list[Message], sampling: Sampling, *, shown: bool = True
) -> Reply:
    """The model's reply, streamed to the watcher where it is ``shown``."""
    reply, write = Reply(), get_stream_writer()
    async for piece in tools.llm.stream(messages, sampling, reply):
        if shown:
            write(Token(clock.n, piece))
    clock.usage += reply.usage
    return reply


def _sampling(state: AgentState, tools: Tools, max_tokens: int, **more: Any) -> Sampling:
    config = tools.config
    return Sampling(max_tokens, config.temperature, config.top_p, seed=state["seed"], **more)


async def think(state: AgentState, tools: Tools) -> Update:
    """One step of thought. It is the answer when it holds a closed box or leaves nothing to go on with."""
    clock = _begin(state, "think")
    number = transcript.count(state["steps"], "think") + 1
    messages = transcript.conversation(state, "solve", begin=f"Step {number}:")
    sampling = _sampling(state, tools, tools.config.step_tokens, stop=("\nStep ", "\nRecall", "\n**Step"))
    reply = await _ask(tools, clock, messages, sampling)
    text = reply.text.strip()
    done = boxed(text) is not None
    return _end(clock, clock.step("answer" if done else "think", text), done=done)


async def finish(state: AgentState, tools: Tools) -> Update:
    """The answer, asked for by opening its box: the steps are used up."""
    clock = _begin(state, "answer")
    opening = load("finish")
    get_stream_writer()(Token(clock.n, opening))
    messages = transcript.conversation(state, "solve", begin=opening)
    reply = await _ask(tools, clock, messages, _sampling(state, tools, 64, stop=("\n",)))
    return _end(clock, clock.step("answer", opening + reply.text), done=True)


async def answer(state: AgentState, tools: Tools) -> Update:
    """The whole solution in one go: all of ``cot``, and of ``rag`` once it has retrieved."""
    clock = _begin(state, "answer")
    question = None
    if state["steps"]:
        passages = await _found(state, tools)
        question = transcript.rag_question(state["problem"]["problem"], passages, tools.config.passage_chars)
    messages = transcript.conversation({**state, "steps": []}, "cot", question=question)
    reply = await _ask(tools, clock, messages, _sampling(state, tools, tools.config.answer_tokens))
    return _end(clock, clock.step("answer", reply.text.strip()), done=True)


async def ask_question(state: AgentState, tools: Tools) -> Update:
    """The query of ``rag``: the question itself."""
    clock = _begin(state, "query")
    return _end(clock, clock.step("query", state["problem"]["problem"]))


async def query(state: AgentState, tools: Tools) -> Update:
    """Decide whether a theorem would help; write the query for it, or nothing."""
    clock = _begin(state, "query")
    messages = [*transcript.conversation(state, "solve"), ("user", load("query"))]
    reply = await _ask(tools, clock, messages, _sampling(state, tools, 72, stop=("\n",)))
    text = reply.text.strip()
    wanted = "" if text.strip("\"'. ").upper().startswith("NONE") else text
    return _end(clock, clock.step("query", wanted))


async def retrieve(state: AgentState, tools: Tools) -> Update:
    """The passages for the last query that no earlier query has brought."""
    clock = _begin(state, "retrieve")
    seen = {hit["id"] for step in state["steps"] for hit in step["hits"]}
    config, asked = tools.config, state["steps"][-1]["text"]
    assert tools.retriever is not None, "build_graph refuses retrieving strategies without a retriever"  # noqa: S101
    result = await asyncio.to_thread(
        tools.retriever.search, asked, config.hits + len(seen), mode=config.retriever, kinds=config.kinds
    )
    fresh = [hit for hit in result.hits if hit.passage.id not in seen][: config.hits]
    hits = tuple(
        StepHit(id=hit.passage.id, title=hit.passage.title, score=hit.score, parts=hit.parts) for hit in fresh
    )
    step = clock.step("retrieve", f"{len(hits)} passages", hits)
    return _end(clock, step, passages=[hit.passage for hit in fresh])


async def reflect(state: AgentState, tools: Tools) -> Update:
    """Judge each passage just retrieved: relevant or not, and why (METHOD, self-reflection)."""
    clock = _begin(state, "reflect")
    found, passages = state["steps"][-1]["hits"], await _found(state, tools)
    ask = render("reflect", passages=transcript.quote(passages, tools.config.passage_chars))
    messages = [*transcript.conversation(state, "solve"), ("user", ask)]
    schema = judgement_schema(len(passages))
    sampling = _sampling(state, tools, 48 * len(passages) + 32, schema=schema)
    reply = await _ask(tools, clock, messages, sampling, shown=False)
    judged = read_judgements(reply.text, len(passages))
    hits = tuple(
        _judged(StepHit.model_validate(hit), one) for hit, one in zip(found, judged, strict=True)
    )
    kept = sum(hit.verdict == "relevant" for hit in hits)
    return _end(clock, clock.step("reflect", f"{kept} of {len(hits)} relevant", hits), passages=passages)


async def summarise(state: AgentState, tools: Tools) -> Update:
    """Restate the best relevant passage in the problem's own words (METHOD, self-summarisation)."""
    clock = _begin(state, "summarise")
    relevant = [hit for hit in state["steps"][-1]["hits"] if hit["verdict"] == "relevant"][:1]
    passages = [passage for passage in await _found(state, tools) if passage.id == relevant[0]["id"]]
    ask = render("summarise", passages=transcript.quote(passages, tools.config.passage_chars))
    messages = [*transcript.conversation(state, "solve"), ("user", ask)]
    reply = await _ask(tools, clock, messages, _sampling(state, tools, 96, stop=("\n\n",)))
    text = " ".join(reply.text.split())
    hits = tuple(StepHit.model_validate(hit) for hit in relevant)
    return _end(clock, clock.step("summarise", text, hits), passages=passages)


async def _found(state: AgentState, tools: Tools) -> list[Passage]:
    """The full passages of the last step's hits: the state keeps only their ids."""
    assert tools.retriever is not None  # noqa: S101
    return await asyncio.to_thread(tools.retriever.get, [hit["id"] for hit in state["steps"][-1]["hits"]])


def _judged(hit: StepHit, judgement: Judgement) -> StepHit:
    verdict: Verdict = "relevant" if judgement.relevant else "irrelevant"
    return hit.model_copy(update={"verdict": verdict, "reason": " ".join(judgement.reason.split())})
