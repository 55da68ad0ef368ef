"""LangChain's face of a `Retriever`."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from retriever.passage import Hit
from retriever.search import Retriever


class LangChainRetriever(BaseRetriever):
    """Documents for a query; their content is the passage's text, their metadata id, title, kind, source,
    tags, score and parts.

    ``k`` is the number of documents, ``search_kwargs`` what else `Retriever.search` takes; both can be given
    with a call: ``face.invoke(query, k=3, kinds=["theorem"])``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    k: int = 10
    search_kwargs: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it by name
        **search: Any,
    ) -> list[Document]:
        return self._documents(query, search)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it by name
        **search: Any,
    ) -> list[Document]:
        return await asyncio.to_thread(self._documents, query, search)

    def _documents(self, query: str, search: dict[str, Any]) -> list[Document]:
        found = self.retriever.search(query, **({"k": self.k} | self.search_kwargs | search))
        return [as_document(hit) for hit in found.hits]


def as_document(hit: Hit) -> Document:
    """A hit as LangChain's document; ``LangChainRetriever`` says what its metadata are."""
    passage = hit.passage
    metadata = {
        "id": passage.id,
        "title": passage.title,
        "kind": passage.kind,
        "source": passage.source,
        "tags": list(passage.tags),
    }
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata=metadata | {"score": hit.score, "parts": dict(hit.parts)},
    )
