"""The strategies as LangGraph graphs over the same nodes.

- ``cot``: answer
- ``rag``: ask_question → retrieve → answer
- ``steps``: think → (query → retrieve → reflect → summarise)? → think … → answer
- ``mcts``: a tree of all these (``agent.mcts``)
- ``cot@n``, ``rag@n``: n answers and a vote (``agent.vote``)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph

from agent import nodes
from agent.llm import ChatModel
from agent.mcts import build_mcts
from agent.nodes import Searcher, Tools
from agent.state import (
    AgentConfig,
    AgentState,
    SampleConfig,
    SearchConfig,
    SearchState,
    Strategy,
    parse_strategy,
)
from agent.transcript import count, is_mathematical
from agent.vote import after_given, build_samples
from retriever.errors import BadInputError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[AgentState, None, AgentState, AgentState]


def build_graph(
    strategy: Strategy,
    llm: ChatModel,
    retriever: Searcher | None = None,
    *,
    config: AgentConfig | None = None,
    search: SearchConfig | None = None,
    samples: SampleConfig | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> Graph:
    """The graph that solves a problem by ``strategy``.

    Args:
        strategy: ``cot`` (no retrieval), ``rag`` (retrieve on the question, then solve), ``steps``
            (retrieve where a step of thought asks for it), ``mcts`` (search a tree of such steps), ``cot@n``
            or ``rag@n`` (the majority of n answers).
        llm: The language model.
        retriever: Needed by all strategies but ``cot`` and ``cot@n``.
        config: Depth, hits, token limits.
        search: What ``mcts`` adds to them and overrides (depth, hits, temperature, top-p).
        samples: The same for ``cot@n`` and ``rag@n``.
        checkpointer: Where states are kept, so that a killed run goes on.

    Raises:
        BadInputError: unknown strategy, or one that retrieves without a retriever.
    """
    plan = parse_strategy(strategy)
    if plan.graph != "cot" and retriever is None:
        raise BadInputError(f"the strategy '{strategy}' needs a retriever", "Use cot, or run: rader index")
    tools = Tools(llm, retriever, config or AgentConfig())
    graph: Any = StateGraph(AgentState if strategy in _BUILDERS else SearchState)
    if plan.samples is not None:
        build_samples(graph, tools, samples or SampleConfig(), plan.samples, retrieves=plan.graph == "rag")
    elif strategy == "mcts":
        build_mcts(graph, tools, search or SearchConfig())
    else:
        _BUILDERS[strategy](graph, tools)
    compiled: Graph = graph.compile(checkpointer=checkpointer)
    return compiled


def _add(graph: Any, tools: Tools, *functions: Callable[..., Any]) -> None:
    for function in functions:
        graph.add_node(function.__name__, partial(function, tools=tools))


def _build_cot(graph: Any, tools: Tools) -> None:
    _add(graph, tools, nodes.answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)


def _build_rag(graph: Any, tools: Tools) -> None:
    _add(graph, tools, nodes.ask_question, nodes.retrieve, nodes.answer)
    graph.add_conditional_edges(
        START, partial(after_given, then="answer"), ["ask_question", "retrieve", "answer"]
    )
    graph.add_edge("ask_question", "retrieve")
    graph.add_edge("retrieve", "answer")
    graph.add_edge("answer", END)


def _build_steps(graph: Any, tools: Tools) -> None:
    _add(graph, tools, nodes.think, nodes.query, nodes.retrieve, nodes.reflect, nodes.summarise, nodes.finish)
    nexts = ["query", "think", "finish", END]
    start = partial(_after_given_steps, settings=tools.config)
    graph.add_conditional_edges(START, start, [*nexts, "retrieve"])
    graph.add_conditional_edges("think", partial(_after_think, settings=tools.config), nexts)
    graph.add_conditional_edges("query", _after_query, ["retrieve", "think"])
    graph.add_conditional_edges("retrieve", _after_retrieve, ["reflect", "think"])
    graph.add_conditional_edges("reflect", _after_reflect, ["summarise", "think"])
    graph.add_edge("summarise", "think")
    graph.add_edge("finish", END)


def _after_given_steps(state: AgentState, settings: AgentConfig) -> str:
    """Where a run begins: at the first thought, or behind the last step that was given."""
    last = state["steps"][-1]["action"] if state["steps"] else ""
    if last == "think":
        return _after_think(state, settings)
    return _after_query(state) if last == "query" else "think"


def _after_think(state: AgentState, settings: AgentConfig) -> str:
    steps = state["steps"]
    if state["done"]:
        return END
    if not steps[-1]["text"] or count(steps, "think") >= settings.depth or not is_mathematical(state):
        return "finish"
    return "query" if count(steps, "retrieve") < settings.max_retrievals else "think"


def _after_query(state: AgentState) -> str:
    return "retrieve" if state["steps"][-1]["text"] else "think"


def _after_retrieve(state: AgentState) -> str:
    return "reflect" if state["steps"][-1]["hits"] else "think"


def _after_reflect(state: AgentState) -> str:
    relevant = any(hit["verdict"] == "relevant" for hit in state["steps"][-1]["hits"])
    return "summarise" if relevant else "think"


_BUILDERS: dict[str, Callable[[Any, Tools], None]] = {
    "cot": _build_cot,
    "rag": _build_rag,
    "steps": _build_steps,
}
