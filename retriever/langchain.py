"""LangChain's face of a `Retriever`."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retriever.passage import Hit
from retriever.search import Mode, Retriever


class LangChainRetriever(BaseRetriever):
    """Documents for a query; their content is the passage's text, their metadata id, title, score, parts."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    k: int = 10
    mode: Mode | None = None
    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it by name
        k: int | None = None,
    ) -> list[Document]:
        found = self.retriever.search(
            query, self.k if k is None else k, self.mode, kinds=self.kinds, without=self.without
        )
        return [_document(hit) for hit in found.hits]


def _document(hit: Hit) -> Document:
    passage = hit.passage
    metadata = {"id": passage.id, "title": passage.title, "kind": passage.kind, "source": passage.source}
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata=metadata | {"score": hit.score, "parts": dict(hit.parts)},
    )
