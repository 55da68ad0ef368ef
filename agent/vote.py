"""``cot@n`` and ``rag@n``: independent solutions and a majority vote (self-consistency), the baselines that
may spend what a search spends. The vote itself is in ``agent.tree``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.graph import END, START

from agent import nodes
from agent.answers import boxed, grade
from agent.grading import equal
from agent.nodes import Tools, Update
from agent.state import AgentState, SampleConfig, Sampled, SearchState
from agent.tasks import first_error
from agent.tree import ROOT, Rollout, StepRecord, Tree, settled

COMPARE_SECONDS = 5.0  # for one pair of answers; one that takes longer counts as different


@dataclass(frozen=True)
class Sampler:
    """What the nodes of a sampling graph work with; ``samples`` is the n of ``cot@n``."""

    tools: Tools
    config: SampleConfig
    samples: int


def build_samples(graph: Any, tools: Tools, config: SampleConfig, samples: int, *, retrieves: bool) -> None:
    """(ask_question → retrieve →)? sample ⟲"""
    if retrieves:
        for function in (nodes.ask_question, nodes.retrieve):
            graph.add_node(function.__name__, partial(function, tools=tools))
        graph.add_conditional_edges(
            START, partial(after_given, then="sample"), ["ask_question", "retrieve", "sample"]
        )
        graph.add_edge("ask_question", "retrieve")
        graph.add_edge("retrieve", "sample")
    else:
        graph.add_edge(START, "sample")
    sampler = Sampler(sampled(tools, config), config, samples)
    graph.add_node("sample", partial(sample, sampler=sampler))
    graph.add_conditional_edges("sample", partial(_more, sampler=sampler), ["sample", END])


def after_given(state: AgentState, then: str) -> str:
    """Where ``rag`` begins: with its look-up, or behind the last step that was given."""
    if not state["steps"]:
        return "ask_question"
    return "retrieve" if state["steps"][-1]["action"] == "query" else then


def sampled(tools: Tools, config: Sampled, **changes: Any) -> Tools:
    """``tools`` that draw replies as ``config`` says."""
    drawn = {"temperature": config.temperature, "top_p": config.top_p} | changes
    return Tools(tools.llm, tools.retriever, tools.config.model_copy(update=drawn), config.top_k)


async def sample(state: SearchState, sampler: Sampler) -> Update:
    """A batch of solutions, and the vote so far."""
    before = [step for step in state["steps"] if step["action"] != "answer"]
    rollouts, first = state["rollouts"], len(state["steps"]) + 1
    jobs = [
        partial(nodes.answer, view(state, before, first + index, len(rollouts) + index), sampler.tools)
        for index in range(_batch(state, sampler))
    ]
    update = joined(await together(jobs, sampler.config.parallel))
    for step in update["steps"]:
        rollouts = [*rollouts, await ballot(step, rollouts, state["problem"]["answer"])]
    result = Tree([*state["steps"], *update["steps"]], rollouts).result() | {"planned": sampler.samples}
    return {**update, "rollouts": rollouts[len(state["rollouts"]) :], "result": result}


def _batch(state: SearchState, sampler: Sampler) -> int:
    """How many solutions to begin at once: under a token budget, as many as it will pay for by the mean of
    those before, and one at least."""
    done = len(state["rollouts"])
    most = min(sampler.config.parallel, sampler.samples - done)
    if sampler.config.token_budget is None:
        return most
    left = sampler.config.token_budget - spent(state)
    mean = spent(state) / done if done else sampler.config.token_budget
    return max(1, min(most, int(left / max(mean, 1))))


def spent(state: SearchState) -> int:
    """Tokens generated so far."""
    return sum(usage["completion_tokens"] for usage in state["usage"])


def _more(state: SearchState, sampler: Sampler) -> str:
    remaining = sampler.samples - len(state["rollouts"])
    budget = sampler.config.token_budget
    over = (
        remaining == 0
        or (budget is not None and spent(state) >= budget)
        or (sampler.config.early_stop and settled(state["rollouts"], remaining))
    )
    return END if over else "sample"


async def ballot(step: StepRecord, rollouts: Sequence[Rollout], gold: str | None) -> Rollout:
    """The rollout that ended in ``step``; its answer is compared with one of each group before it, and with
    ``gold`` once a group."""
    answer = boxed(step["text"])
    found = None if answer is None else await asyncio.to_thread(_same_answer, answer, rollouts)
    if found is not None:
        return Rollout(n=step["n"], answer=answer, group=found["group"], correct=found["correct"])
    correct: bool | None = None
    if gold is not None:
        correct = await asyncio.to_thread(grade, answer, gold) == "correct"
    return Rollout(n=step["n"], answer=answer, group=None if answer is None else step["n"], correct=correct)


def _same_answer(answer: str, rollouts: Sequence[Rollout]) -> Rollout | None:
    """The rollout whose answer is the same, letter by letter before by mathematics."""
    found = next((one for one in rollouts if one["answer"] == answer), None)
    firsts = (one for one in rollouts if one["group"] == one["n"])
    return found or next((one for one in firsts if same(answer, str(one["answer"]))), None)


def same(one: str, other: str) -> bool:
    """Whether two answers are equal; what cannot be decided is not."""
    return equal(one, other, seconds=COMPARE_SECONDS) is True


def view(state: SearchState, path: list[StepRecord], n: int, child: int) -> AgentState:
    """The run as one path of its tree, for the node that makes step ``n``, the ``child``-th below it."""
    return AgentState(
        problem=state["problem"],
        strategy=state["strategy"],
        steps=path,
        usage=[],
        seed=child_seed(state["seed"], path[-1]["n"] if path else ROOT, child),
        done=False,
        n=n,
    )


def child_seed(seed: int, node: int, child: int) -> int:
    """The seed of the ``child``-th request below ``node``, 31 bits: it depends on nothing else, so that a run
    repeats whatever comes first."""
    digest = hashlib.sha256(f"{seed}/{node}/{child}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


async def together(jobs: Sequence[Callable[[], Awaitable[Update]]], most: int) -> list[Update]:
    """What the jobs return, in their order, ``most`` at once; the first error ends all.

    Raises:
        RaderError: A job's.
    """
    slots = asyncio.Semaphore(most)

    async def one(job: Callable[[], Awaitable[Update]]) -> Update:
        async with slots:
            return await job()

    with first_error():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in jobs]
    return [task.result() for task in tasks]


def joined(updates: Sequence[Update]) -> Update:
    """The steps and usage of several nodes, as one node's."""
    return {name: [one for update in updates for one in update[name]] for name in ("steps", "usage")}
