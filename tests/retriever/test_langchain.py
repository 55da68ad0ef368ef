"""LangChain's own suite for retrievers, and what that leaves open."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retriever.corpus import Corpus
from retriever.encoder import Vectors
from retriever.errors import BadInputError
from retriever.indexing.exact import exact_index
from retriever.langchain import LangChainRetriever
from retriever.search import Retriever
from tests.retriever.stubs import HashEncoder, passages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what the suite imports for other kinds of objects
    from langchain_tests.integration_tests import RetrieversIntegrationTests


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    home, encoder = tmp_path_factory.mktemp("home"), HashEncoder()
    return Retriever(exact_index(Corpus(passages(30)), encoder, home), encoder)


class TestLangChainsOwnSuite(RetrieversIntegrationTests):
    """Sync and async, ``k`` of the constructor and ``k`` of the call."""

    @pytest.fixture(autouse=True)
    def _with(self, searching: Retriever) -> None:
        self._searching = searching

    @property
    def retriever_constructor(self) -> type[LangChainRetriever]:
        return LangChainRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self._searching}

    @property
    def retriever_query_example(self) -> str:
        return "the graph path theorem"


async def test_documents_say_where_they_come_from(searching: Retriever) -> None:
    face = searching.as_langchain(k=2, mode="bm25", kinds=("code",))
    documents = face.invoke("graph path w8x")
    assert [document.id for document in documents] == ["t/008", "t/002"]
    assert documents[0].page_content == "the graph path theorem, case w8x"
    assert documents[0].metadata.keys() == {"id", "title", "kind", "source", "tags", "score", "parts"}
    assert await face.ainvoke("graph path w8x") == documents


async def test_a_call_may_ask_for_something_else(searching: Retriever) -> None:
    face = searching.as_langchain(k=2, mode="bm25")
    more = face.invoke("graph path w8x", k=3, exclude=["t/008"])
    assert [document.id for document in more] == ["t/002", "t/014", "t/020"]
    assert await face.ainvoke("graph path w8x", k=3, exclude=["t/008"]) == more
    assert [len(found) for found in await face.abatch(["graph path", "prime number"])] == [2, 2]
    with pytest.raises(BadInputError, match="empty"):
        await face.ainvoke(" ")


async def test_the_event_loop_runs_while_a_search_does(home: Path) -> None:
    class Waiting(HashEncoder):
        """Encodes a query when the event loop says so."""

        go = threading.Event()

        def encode_queries(self, queries: Sequence[str]) -> Vectors:
            assert self.go.wait(timeout=30), "the event loop stood still"
            return super().encode_queries(queries)

    encoder = Waiting()
    index = exact_index(Corpus(passages(30)), encoder, home)
    face = Retriever(index, encoder).as_langchain(k=4)
    search = asyncio.create_task(face.ainvoke("prime number"))
    await asyncio.sleep(0.05)
    assert not search.done()
    encoder.go.set()
    assert len(await search) == 4
