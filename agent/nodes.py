"""The agent's actions, one function a node (METHOD, Search). The strategies share them.

A node reads the state, asks the model or the retriever, tells the watcher (``agent.events``) and returns
only what it adds: steps, usage, and whether the run is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.config import get_stream_writer

from agent import transcript
from agent.answers import boxed
from agent.checks import check_in_time
from agent.events import StepDone, StepStarted, Token
from agent.grading import shared
from agent.llm import ChatModel, Message, Reply, Sampling
from agent.prompts import load, render
from agent.records import Action, Step, StepHit, Usage, Verdict
from agent.reflection import Judgement, judgement_schema, read_judgements, write_judgements
from agent.state import AgentConfig, AgentState
from agent.tracing import traced

if TYPE_CHECKING:
    from retriever.passage import Passage
    from retriever.search import SearchResult

Update = dict[str, Any]
PARAGRAPH = "\n\n"


class Searcher(Protocol):
    """What the agent needs of a retriever; ``retriever.Retriever`` is one."""

    def search(
        self,
        query: str,
        k: int,
        *,
        mode: Any = None,
        without: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
    ) -> SearchResult:
        """The ``k`` best passages for ``query`` that are of none of the kinds ``without``, of ``sources``
        where any are named."""

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in this order."""


@dataclass(frozen=True)
class Tools:
    """What every node works with; ``top_k`` limits sampling where the server knows it."""

    llm: ChatModel
    retriever: Searcher | None
    config: AgentConfig
    top_k: int | None = None


@dataclass
class _Clock:
    """Times one step and counts its tokens; ``started`` is None where only the model's calls are timed."""

    n: int
    parent: int | None
    started: float | None
    usage: Usage = field(default_factory=Usage)
    called_ms: float = 0.0

    def step(self, action: Action, text: str, hits: tuple[StepHit, ...] = ()) -> Step:
        ms = self.called_ms if self.started is None else (time.perf_counter() - self.started) * 1000
        tokens = self.usage.completion_tokens
        return Step(
            n=self.n, action=action, text=text, hits=hits, parent=self.parent, ms=round(ms, 1), tokens=tokens
        )


def _begin(state: AgentState, action: Action, tools: Tools) -> _Clock:
    n = state.get("n") or len(state["steps"]) + 1
    parent = state["steps"][-1]["n"] if state["steps"] else None
    get_stream_writer()(StepStarted(n, action, parent))
    if action in ("think", "answer"):
        shared().prepare()  # while the model writes what is to be checked
    return _Clock(n, parent, None if tools.llm.recorded else time.perf_counter())


def _end(clock: _Clock, step: Step, *, done: bool = False, passages: list[Passage] | None = None) -> Update:
    get_stream_writer()(StepDone(step, {passage.id: passage for passage in passages or []}))
    return {"steps": [step.model_dump()], "usage": [clock.usage.model_dump()], "done": done}


async def _conclude(tools: Tools, clock: _Clock, action: Action, text: str) -> Update:
    """The end of a thought or an answer: its claims are checked."""
    checks = await check_in_time(text, replays=bool(tools.llm.recorded))
    step = clock.step(action, text).model_copy(update={"checks": checks})
    return _end(clock, step, done=action == "answer")


async def _ask(
    tools: Tools, clock: _Clock, messages: list[Message], sampling: Sampling, *, shown: bool = True
) -> Reply:
    """The model's reply, streamed to the watcher where it is ``shown``."""
    reply, write = Reply(), get_stream_writer()
    async for piece in tools.llm.stream(messages, sampling, reply):
        if shown:
            write(Token(clock.n, piece))
    clock.usage += reply.usage
    clock.called_ms += reply.ms
    return reply


def _sampling(state: AgentState, tools: Tools, max_tokens: int, **more: Any) -> Sampling:
    config = tools.config
    return Sampling(
        max_tokens, config.temperature, config.top_p, seed=state["seed"], top_k=tools.top_k, **more
    )


async def think(state: AgentState, tools: Tools) -> Update:
    """One step of thought: whole paragraphs, until there are enough words to think about.

    It is the answer when it holds a closed box; it is empty when the model has nothing to add.
    """
    clock, config = _begin(state, "think", tools), tools.config
    text = ""
    while len(text) < config.step_chars and clock.usage.completion_tokens < config.step_tokens:
        messages = transcript.conversation(state, config.history_chars, begin=text)
        left = config.step_tokens - clock.usage.completion_tokens
        reply = await _ask(tools, clock, messages, _sampling(state, tools, left, stop=(PARAGRAPH,)))
        if not reply.text.strip():
            break
        text += reply.text + ("" if reply.finish == "length" else PARAGRAPH)
        get_stream_writer()(Token(clock.n, PARAGRAPH))
        if boxed(text) is not None:
            break
    action: Action = "think" if boxed(text) is None else "answer"
    return await _conclude(tools, clock, action, text.strip())


async def finish(state: AgentState, tools: Tools) -> Update:
    """The rest of the solution without further pauses; a box is opened for the model if it forgot one."""
    clock, config = _begin(state, "answer", tools), tools.config
    messages = transcript.conversation(state, config.history_chars)
    reply = await _ask(tools, clock, messages, _sampling(state, tools, config.answer_tokens))
    text = reply.text.strip()
    if boxed(text) is None and transcript.is_mathematical(state, text):
        opening = (PARAGRAPH if text else "") + load("finish")
        get_stream_writer()(Token(clock.n, opening))
        messages = transcript.conversation(state, config.history_chars, begin=text + opening)
        reply = await _ask(tools, clock, messages, _sampling(state, tools, 64, stop=("\n",)))
        closed = text + opening + reply.text
        text = closed if boxed(closed) is not None else text
    return await _conclude(tools, clock, "answer", text)


async def answer(state: AgentState, tools: Tools) -> Update:
    """The whole solution in one go: all of ``cot``, and of ``rag`` once it has retrieved; or its rest, where
    the beginning was given."""
    clock = _begin(state, "answer", tools)
    question = None
    if any(step["action"] == "retrieve" for step in state["steps"]):
        passages = await _found(state, tools)
        question = transcript.rag_question(state["problem"]["problem"], passages, tools.config.passage_chars)
    messages = transcript.conversation(state, tools.config.history_chars, question=question)
    reply = await _ask(tools, clock, messages, _sampling(state, tools, tools.config.answer_tokens))
    return await _conclude(tools, clock, "answer", reply.text.strip())


async def ask_question(state: AgentState, tools: Tools) -> Update:
    """The query of ``rag``: the question itself."""
    clock = _begin(state, "query", tools)
    return _end(clock, clock.step("query", state["problem"]["problem"]))


async def query(state: AgentState, tools: Tools) -> Update:
    """Decide whether a theorem would help; write the query for it, or nothing."""
    clock = _begin(state, "query", tools)
    messages = _with_request(transcript.conversation(state, tools.config.history_chars), load("query"))
    reply = await _ask(tools, clock, messages, _sampling(state, tools, 72, stop=(PARAGRAPH,)))
    text = " ".join(reply.text.split())
    wanted = "" if text.strip("\"'. ").upper().startswith("NONE") else text
    return _end(clock, clock.step("query", wanted))


async def retrieve(state: AgentState, tools: Tools) -> Update:
    """The passages for the last query. A query whose best passage was there before brings nothing new."""
    clock, config = _begin(state, "retrieve", tools), tools.config
    seen = {hit["id"] for step in state["steps"] for hit in step["hits"]}
    asked = state["steps"][-1]["text"]
    search = partial(
        _searcher(tools).search,
        asked,
        config.hits,
        mode=config.retriever,
        without=config.without,
        sources=config.sources,
    )
    result = await traced(search, asked)
    again = bool(result.hits) and result.hits[0].passage.id in seen
    fresh = [] if again else [hit for hit in result.hits if hit.passage.id not in seen]
    hits = tuple(
        StepHit(id=hit.passage.id, title=hit.passage.title, score=hit.score, parts=hit.parts) for hit in fresh
    )
    text = "found before" if again else f"{len(hits)} passages"
    return _end(clock, clock.step("retrieve", text, hits), passages=[hit.passage for hit in fresh])


async def reflect(state: AgentState, tools: Tools) -> Update:
    """Judge each passage just retrieved: relevant or not, and why (METHOD, self-reflection)."""
    clock = _begin(state, "reflect", tools)
    found, passages = state["steps"][-1]["hits"], await _found(state, tools)
    messages = _shown(state, tools, passages)
    sampling = _sampling(state, tools, 48 * len(passages) + 32, schema=judgement_schema(len(passages)))
    reply = await _ask(tools, clock, messages, sampling, shown=False)
    judged = read_judgements(reply.text, len(passages))
    hits = tuple(_judged(StepHit.model_validate(hit), one) for hit, one in zip(found, judged, strict=True))
    kept = sum(hit.verdict == "relevant" for hit in hits)
    return _end(clock, clock.step("reflect", f"{kept} of {len(hits)} relevant", hits), passages=passages)


async def summarise(state: AgentState, tools: Tools, choice: int = 0) -> Update:
    """Restate the best relevant passage, or the ``choice``-th after it, in the problem's own words (METHOD,
    self-summarisation)."""
    clock, config = _begin(state, "summarise", tools), tools.config
    hits = [StepHit.model_validate(hit) for hit in state["steps"][-1]["hits"]]
    best = [hit for hit in hits if hit.verdict == "relevant"][choice]
    passages = await _found(state, tools)
    # The entries were just read for reflection: asking in the same place spares reading them again.
    verdicts = write_judgements(hits)
    ask = render("summarise", title=best.title)
    messages = [*_shown(state, tools, passages), ("assistant", verdicts), ("user", ask)]
    reply = await _ask(tools, clock, messages, _sampling(state, tools, 96, stop=(PARAGRAPH,)))
    original = passages[hits.index(best)]
    fact = transcript.whole_sentences(reply.text, cut_short=reply.finish == "length")
    step = clock.step("summarise", fact or transcript.cut(original.text, config.passage_chars), (best,))
    return _end(clock, step, passages=[original])


def _shown(state: AgentState, tools: Tools, passages: list[Passage]) -> list[Message]:
    """The solution so far, and the passages with the request to judge them."""
    asked = next(step["text"] for step in reversed(state["steps"]) if step["action"] == "query")
    quoted = transcript.quote(passages, tools.config.passage_chars)
    ask = render("reflect", query=asked, passages=quoted)
    return _with_request(transcript.conversation(state, tools.config.history_chars), ask)


def _with_request(messages: list[Message], request: str) -> list[Message]:
    """``messages`` and a request of the user. Where the user spoke last it joins what he said: many chat
    templates refuse two messages of one role in a row."""
    if messages[-1][0] == "user":
        *before, (_, last) = messages
        return [*before, ("user", f"{last}\n\n{request}")]
    return [*messages, ("user", request)]


def _searcher(tools: Tools) -> Searcher:
    assert tools.retriever is not None, "build_graph refuses to retrieve without a retriever"  # noqa: S101
    return tools.retriever


async def _found(state: AgentState, tools: Tools) -> list[Passage]:
    """The full passages of the last hits: the state keeps only their ids."""
    hits = next(
        step["hits"] for step in reversed(state["steps"]) if step["action"] in ("retrieve", "reflect")
    )
    return await asyncio.to_thread(_searcher(tools).get, [hit["id"] for hit in hits])


def _judged(hit: StepHit, judgement: Judgement) -> StepHit:
    verdict: Verdict = "relevant" if judgement.relevant else "irrelevant"
    return hit.model_copy(update={"verdict": verdict, "reason": " ".join(judgement.reason.split())})
