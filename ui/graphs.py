"""What ``langgraph.json`` names: a factory a strategy, for LangGraph's dev server and studio.

The settings are those of ``rader`` (``RADER_HOME``, ``RADER_LLM_URL``, … ). The server calls a factory for
every run and every look at a graph; weights, index and model are loaded once, by the first call.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

from ui.settings import load_settings

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from ui.assemble import Studio

    Graph = Runnable[Any, Any]


async def cot() -> Graph:
    """No retrieval."""
    return await asyncio.to_thread(_graph, "cot")


async def rag() -> Graph:
    """Retrieve on the question, then solve."""
    return await asyncio.to_thread(_graph, "rag")


async def steps() -> Graph:
    """Retrieve where a step of thought asks for it."""
    return await asyncio.to_thread(_graph, "steps")


async def mcts() -> Graph:
    """Search a tree of such steps."""
    return await asyncio.to_thread(_graph, "mcts")


@cache
def _studio() -> Studio:
    from ui.assemble import Studio

    return Studio(load_settings())


def _graph(strategy: str) -> Graph:
    from agent.asking import asking_graph

    return asking_graph(strategy, _studio().solver(retrieves=strategy != "cot"))
