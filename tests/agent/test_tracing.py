"""LangChain's callbacks: every model call and every search is told of, below the node that makes it."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import ensure_config, get_callback_manager_for_config

from agent.state import SearchConfig
from retriever.errors import BadInputError
from tests.agent.helpers import WordRetriever, outcome, solver, usual_mind
from tests.agent.search_helpers import SearchMind
from tests.scripted import ScriptedServer


class Listener(BaseCallbackHandler):
    """Counts what it is told of, and keeps names and parents of the runs."""

    def __init__(self) -> None:
        self.told = Counter[str]()
        self.names: dict[UUID, str] = {}
        self.parents: dict[UUID, UUID | None] = {}
        self.found: list[list[str]] = []

    def _begun(self, kind: str, given: dict[str, Any]) -> None:
        self.told[kind] += 1
        self.names[given["run_id"]] = given.get("name") or kind
        self.parents[given["run_id"]] = given.get("parent_run_id")

    def on_chain_start(self, serialized: Any, inputs: Any, **given: Any) -> None:
        """A graph or a node."""
        self._begun("chain", given)

    def on_chat_model_start(self, serialized: Any, messages: Any, **given: Any) -> None:
        """A call of the model."""
        self._begun("model", {**given, "name": None})

    def on_llm_end(self, response: Any, **given: Any) -> None:
        """The model has replied."""
        self.told["reply"] += 1

    def on_llm_error(self, error: BaseException, **given: Any) -> None:
        """The model has failed."""
        self.told["model error"] += 1

    def on_retriever_start(self, serialized: Any, query: str, **given: Any) -> None:
        """A search."""
        self._begun("search", given)

    def on_retriever_end(self, documents: Any, **given: Any) -> None:
        """What it found."""
        self.told["found"] += 1
        self.found.append([document.id for document in documents])

    def on_retriever_error(self, error: BaseException, **given: Any) -> None:
        """It failed."""
        self.told["search error"] += 1

    def above(self, kind: str) -> set[str]:
        """Names of the runs directly above those of this kind."""
        return {
            self.names[parent] for run, parent in self.parents.items() if parent and self.names[run] == kind
        }


@pytest.mark.parametrize(
    ("strategy", "mind", "nodes"),
    [
        ("rag", usual_mind, {"answer"}),
        ("steps", usual_mind, {"think", "query", "reflect", "summarise"}),
        ("mcts", SearchMind, {"expand", "simulate"}),
        ("cot@3", usual_mind, {"sample"}),
    ],
)
async def test_every_model_call_and_every_search_is_told_of(
    strategy: str, mind: Any, nodes: set[str]
) -> None:
    listener, words = Listener(), WordRetriever()
    with ScriptedServer(mind()) as server:
        given = solver(server, retriever=words, callbacks=[listener], search=SearchConfig(rollouts=3))
        assert (await outcome(given, strategy=strategy)).outcome == "finished"
        asked = len(server.requests)
    assert asked > 0
    assert listener.told["model"] == listener.told["reply"] == asked
    assert listener.told["search"] == listener.told["found"] == len(words.queries)
    assert (len(words.queries) > 0) is (strategy != "cot@3")
    assert listener.above("model") == nodes
    assert listener.told["model error"] == listener.told["search error"] == 0
    assert strategy in listener.names.values()


async def test_a_trace_shows_the_passages_that_a_search_found() -> None:
    listener = Listener()
    with ScriptedServer(usual_mind()) as server:
        done = await outcome(solver(server, callbacks=[listener]))
    [found] = [[hit.id for hit in step.hits] for step in done.steps if step.action == "retrieve"]
    assert listener.found == [found]
    assert listener.above("Retriever") == {"retrieve"}


class AskingRetriever(WordRetriever):
    """Keeps the handlers that a model asked during a search, such as a reranker's, would tell."""

    def search(self, query: str, k: int, **more: Any) -> Any:
        """As ever."""
        self.manager = get_callback_manager_for_config(ensure_config())
        return super().search(query, k, **more)


async def test_what_a_search_asks_is_traced_below_it() -> None:
    listener, words = Listener(), AskingRetriever()
    with ScriptedServer(usual_mind()) as server:
        await outcome(solver(server, retriever=words, callbacks=[listener]))
    assert words.manager.handlers == [listener]
    assert words.manager.parent_run_id is not None
    assert listener.names[words.manager.parent_run_id] == "Retriever"


async def test_nobody_is_told_where_no_one_asked() -> None:
    words = AskingRetriever()
    with ScriptedServer(usual_mind()) as server:
        await outcome(solver(server, retriever=words))
    assert words.manager.handlers == []


class BrokenRetriever(WordRetriever):
    """Fails at every search."""

    def search(self, query: str, k: int, **more: Any) -> Any:
        """No."""
        raise BadInputError("the index is gone")


async def test_a_search_and_a_call_that_fail_are_told_of() -> None:
    listener = Listener()
    with ScriptedServer(usual_mind()) as server:
        given = solver(server, retriever=BrokenRetriever(), callbacks=[listener])
        assert (await outcome(given)).outcome == "failed"
        assert (listener.told["search error"], listener.told["found"]) == (1, 0)
        server.status = 400
        assert (await outcome(given)).outcome == "failed"
    assert listener.told["model error"] == 1
