"""``langgraph.json`` as LangGraph's server reads it: each entry makes a graph that answers a question."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph

from retriever.errors import BadInputError
from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.command import Rader
from ui import graphs

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
SEARCH = {"RADER_SEARCH__ROLLOUTS": "2", "RADER_SEARCH__THOUGHTS": "1"}


@pytest.fixture
def served(rader: Rader, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """The settings of a user whose model is on a server."""
    with ScriptedServer(scripts.solve) as server:
        for name, value in (rader.env | SEARCH | {"RADER_LLM_URL": server.url}).items():
            monkeypatch.setenv(name, value)
        graphs._studio.cache_clear()
        yield server
        graphs._studio.cache_clear()


async def opened(name: str) -> Any:
    """The graph of an entry, found and made as the server does: a module, a name in it, called."""
    module, _, variable = CONFIG["graphs"][name].partition(":")
    factory = getattr(import_module(module), variable)
    assert inspect.iscoroutinefunction(factory)
    assert not inspect.signature(factory).parameters
    return await factory()


def test_the_file_is_what_the_cli_asks_for() -> None:
    known = {"$schema", "python_version", "dependencies", "graphs", "env"}
    assert set(CONFIG) <= known
    assert CONFIG["python_version"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert CONFIG["dependencies"] == ["."]
    assert (ROOT / "pyproject.toml").is_file()
    assert set(CONFIG["graphs"]) == {"steps", "mcts", "rag", "cot"}


@pytest.mark.parametrize("name", CONFIG["graphs"])
async def test_every_entry_answers_a_question(served: ScriptedServer, name: str) -> None:
    graph = await opened(name)
    assert isinstance(graph, CompiledStateGraph)
    assert graph.get_input_jsonschema()["required"] == ["question"]
    found = await graph.ainvoke({"question": "What is $a+b$?"})
    assert found["answer"] == "42"
    assert r"\boxed{42}" in found["solution"]
    assert any(step["action"] == "retrieve" for step in found["steps"]) is (name != "cot")
    assert found["usage"]["calls"] == len(served.requests)
    json.dumps(found)


async def test_the_studio_draws_and_follows_the_strategys_own_nodes(served: ScriptedServer) -> None:
    graph = await opened("steps")
    drawn = graph.get_graph(xray=True).nodes
    assert {"solve:think", "solve:query", "solve:retrieve", "solve:reflect"} <= set(drawn)
    followed = [
        next(iter(update))
        async for where, update in graph.astream(
            {"question": "What is $a+b$?"}, stream_mode="updates", subgraphs=True
        )
        if where
    ]
    assert followed[:3] == ["think", "query", "retrieve"]


async def test_a_thread_takes_a_second_question(served: ScriptedServer) -> None:
    graph = await opened("steps")
    graph.checkpointer = InMemorySaver()
    thread: Any = {"configurable": {"thread_id": "t"}}
    first = await graph.ainvoke({"question": "What is $a+b$?"}, thread)
    second = await graph.ainvoke({"question": "What is $a-b$?", "seed": 7}, thread)
    assert [step["n"] for step in second["steps"]] == [step["n"] for step in first["steps"]]
    assert served.requests[-1]["seed"] == 7
    assert "$a-b$" in str(served.requests[-1]["messages"])


async def test_the_model_and_the_index_are_loaded_once(served: ScriptedServer) -> None:
    await opened("steps")
    before = graphs._studio()
    await opened("mcts")
    assert graphs._studio() is before


async def test_an_empty_question_is_refused(served: ScriptedServer) -> None:
    graph = await opened("cot")
    with pytest.raises(BadInputError, match="empty"):
        await graph.ainvoke({"question": " "})
