"""``mcts``: retrieval-augmented Monte Carlo tree search over the chat's own nodes (METHOD, Search).

    select → (expand → select)* → simulate → backpropagate ⟲

A rollout goes down by UCT to a node. One that was never visited is completed to an answer (CRS). One that was
gets children, thoughts (OST) and queries (QG); a query's children are the theorems that were retrieved for it
(RT), judged relevant and put into plain words. The rollout goes on to one of them, so each brings one answer.
A node that says nothing new is kept in the log and followed no further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.graph import END, START

from agent import nodes
from agent.errors import ModelServerError, ServerDownError
from agent.events import StepDone
from agent.nodes import Tools, Update
from agent.prompts import load
from agent.records import Action, Step
from agent.state import AgentState, SearchConfig, SearchState
from agent.transcript import is_mathematical
from agent.tree import ROOT, Tree, fault, settled
from agent.vote import ballot, joined, same, sampled, together, view

Job = Callable[[AgentState, Tools], Awaitable[Update]]
COMPLETION = 0  # child numbers, for seeds: the completion, then queries, then thoughts


@dataclass(frozen=True)
class Search:
    """What the nodes of the search work with."""

    tools: Tools
    config: SearchConfig

    def tree(self, state: SearchState) -> Tree:
        """The tree so far."""
        return Tree(state["steps"], state["rollouts"], frozenset(state["expanded"]), self.config)


def build_mcts(graph: Any, tools: Tools, config: SearchConfig) -> None:
    """Add the search's nodes and edges to ``graph``."""
    search = Search(sampled(tools, config, hits=config.hits), config)
    for function in (select, expand, simulate, backpropagate):
        graph.add_node(function.__name__, partial(function, search=search))
    graph.add_edge(START, "select")
    graph.add_conditional_edges(
        "select", partial(_after_select, search=search), ["expand", "simulate", "backpropagate", END]
    )
    graph.add_edge("expand", "select")
    graph.add_edge("simulate", "backpropagate")
    graph.add_conditional_edges(
        "backpropagate", partial(_after_backpropagate, search=search), ["select", END]
    )


async def select(state: SearchState, search: Search) -> Update:
    """Down by UCT from where the rollout is; -1 where the whole tree is explored."""
    found = search.tree(state).select(state.get("cursor", ROOT))
    return {"cursor": -1 if found is None else found}


def _after_select(state: SearchState, search: Search) -> str:
    return END if state["cursor"] < 0 else search.tree(state).stage(state["cursor"])


async def expand(state: SearchState, search: Search) -> Update:
    """The children of the node that the rollout has come to."""
    tree, node = search.tree(state), state["cursor"]
    grow = _look_up if tree.action(node) == "query" else _branch
    return {**await grow(state, search, tree), "expanded": [node]}


async def _branch(state: SearchState, search: Search, tree: Tree) -> Update:
    """Queries and thoughts. Queries come first, and are visited first: a search that stops early shall have
    looked something up."""
    config, node, first = search.config, state["cursor"], len(state["steps"]) + 1
    path = tree.steps_to(node)
    kinds: list[tuple[Action, Job]] = [("query", nodes.query)] * config.queries
    kinds += [("think", nodes.think)] * config.thoughts
    jobs = [
        partial(_unless_refused, action, job, view(state, path, first + index, index + 1), search.tools)
        for index, (action, job) in enumerate(kinds)
    ]
    update = joined(await together(jobs, config.parallel))
    prompts = [load("solve"), state["problem"]["problem"]]
    return update | {"steps": await asyncio.to_thread(_prune, update["steps"], tree, node, prompts)}


def _prune(new: list[dict[str, Any]], tree: Tree, node: int, prompts: list[str]) -> list[dict[str, Any]]:
    """The new children of ``node``; those that say nothing new say so."""
    path, siblings = tree.steps_to(node), [tree.steps[n] for n in tree.children[node]]
    kept: list[dict[str, Any]] = []
    for step in new:
        reason = step["pruned"] or fault(step, [*siblings, *kept], path, prompts, same)
        kept.append(step | {"pruned": reason})
    return kept


async def _look_up(state: SearchState, search: Search, tree: Tree) -> Update:
    """The passages for a query, their verdicts, and a node for each relevant one."""
    first, tools, path = len(state["steps"]) + 1, search.tools, tree.steps_to(state["cursor"])
    retrieved = await nodes.retrieve(view(state, path, first, 1), tools)
    [found] = retrieved["steps"]
    if not found["hits"]:
        return joined([{**retrieved, "steps": [found | {"pruned": "nothing new was found"}]}])
    path = [*path, found]
    reflected = await _unless_refused("reflect", nodes.reflect, view(state, path, first + 1, 1), tools)
    [judged] = reflected["steps"]
    relevant = sum(hit["verdict"] == "relevant" for hit in judged["hits"])
    if not relevant:
        reason = judged["pruned"] or "nothing was relevant"
        return joined([retrieved, {**reflected, "steps": [judged | {"pruned": reason}]}])
    path = [*path, judged]
    recalls = [
        partial(
            _unless_refused,
            "summarise",
            partial(nodes.summarise, choice=choice),
            view(state, path, first + 2 + choice, choice + 1),
            tools,
        )
        for choice in range(min(relevant, search.config.theorems))
    ]
    return joined([retrieved, reflected, *await together(recalls, search.config.parallel)])


async def simulate(state: SearchState, search: Search) -> Update:
    """Complete the remaining steps: always an answer, though it may lack a box."""
    node, n = state["cursor"], len(state["steps"]) + 1
    seen = view(state, search.tree(state).steps_to(node), n, COMPLETION)
    if node == ROOT:  # a server that refuses the bare problem will refuse all that follows
        update = await nodes.finish(seen, search.tools)
    else:
        update = await _unless_refused("answer", nodes.finish, seen, search.tools)
    return joined([update]) | {"cursor": n}


async def backpropagate(state: SearchState, search: Search) -> Update:
    """The rollout's reward, for all nodes on its path, and the vote so far."""
    rollouts = state["rollouts"]
    terminal = next(step for step in state["steps"] if step["n"] == state["cursor"])
    rollout = await ballot(terminal, rollouts, state["problem"]["answer"])
    tree = Tree(state["steps"], [*rollouts, rollout], config=search.config)
    return {
        "rollouts": [rollout],
        "cursor": ROOT,
        "result": tree.result() | {"planned": search.config.rollouts},
    }


def _after_backpropagate(state: SearchState, search: Search) -> str:
    remaining = search.config.rollouts - len(state["rollouts"])
    if remaining <= 0 or (search.config.early_stop and settled(state["rollouts"], remaining)):
        return END
    return "select" if is_mathematical(state) else END  # a greeting needs no search


async def _unless_refused(action: Action, job: Job, seen: AgentState, tools: Tools) -> Update:
    """What ``job`` makes; a pruned step where the server refuses this one request, so that the tree goes on.

    Raises:
        ServerDownError: no request would be answered; the run can go on later.
    """
    try:
        return await job(seen, tools)
    except ServerDownError:
        raise
    except ModelServerError as error:
        parent = seen["steps"][-1]["n"] if seen["steps"] else None
        step = Step(n=seen["n"], action=action, text="", parent=parent, pruned=str(error))
        get_stream_writer()(StepDone(step))
        return {"steps": [step.model_dump()], "usage": []}
