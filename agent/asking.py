"""A strategy as a graph that takes a question as a person types it, for LangGraph's dev server and studio.

    {"question": "What is 15% of 80?"} → {"solution": "…", "answer": "12", "steps": […], "usage": {…}}

The strategy's own graph runs within the one node, so that a studio draws and follows it whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict  # typing has one that pydantic refuses in 3.11

from agent.answers import boxed
from agent.graph import build_graph
from agent.records import Usage
from agent.solve import Solver, new_problem
from agent.state import Strategy, begun

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph


class Question(TypedDict):
    """What is asked; ``seed`` is the model's, 0 where it is left out."""

    question: str
    seed: NotRequired[int]


class Solution(TypedDict):
    """What comes back: the text, the boxed answer if there is one, the steps (``agent.records.Step``) and
    what they cost (``agent.records.Usage``)."""

    solution: str
    answer: str | None
    steps: list[dict[str, Any]]
    usage: dict[str, Any]


class Asked(Question, Solution):
    """Both; a question asked again in the same thread replaces the one before."""


def asking_graph(strategy: Strategy, solver: Solver) -> CompiledStateGraph[Asked, None, Question, Solution]:
    """The graph that answers a ``Question`` by ``strategy`` with what ``solver`` holds; it logs nothing.

    Raises:
        BadInputError: unknown strategy, or one that retrieves without a retriever. When it runs: an empty
            question, or one that is too long.
    """
    inner = build_graph(
        strategy,
        solver.llm,
        solver.retriever,
        config=solver.config,
        search=solver.search,
        samples=solver.samples,
    )

    async def solve(state: Question, config: RunnableConfig) -> Solution:
        problem = new_problem(state["question"], limit=solver.config.problem_chars)
        start = begun(problem, strategy, state.get("seed", 0))
        return _solution(await inner.ainvoke(start, {**config, "recursion_limit": 10_000}))

    graph = StateGraph(Asked, input_schema=Question, output_schema=Solution)
    graph.add_node("solve", solve)
    graph.add_edge(START, "solve")
    graph.add_edge("solve", END)
    return graph.compile(name=strategy)


def _solution(state: dict[str, Any]) -> Solution:
    """The path of a tree that was chosen, or all steps; the numbers of a search's nodes are left out."""
    steps: list[dict[str, Any]] = state["steps"]
    result = state.get("result")
    chosen = [mark["n"] for mark in (result or {}).get("marks", ()) if mark.get("chosen")]
    path = [step for step in steps if step["n"] in chosen] or steps
    text = "\n\n".join(step["text"] for step in path if step["action"] in ("think", "answer"))
    usage = sum((Usage.model_validate(one) for one in state["usage"]), Usage())
    answer = boxed(path[-1]["text"]) if result is None else result["answer"]
    return Solution(solution=text, answer=answer, steps=steps, usage=usage.model_dump())
