"""LangChain's callbacks around a search, so that a trace shows it beside the calls of the model.

A node's chat model takes its callbacks from the graph's run by itself; a `Searcher` is no runnable, so its
events are told here. Without callbacks (see ``Solver.callbacks``) and tracing variables nobody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from langchain_core.runnables.config import (
    ensure_config,
    get_async_callback_manager_for_config,
    patch_config,
    set_config_context,
)

from retriever.langchain import as_document

if TYPE_CHECKING:
    from retriever.search import SearchResult


async def traced(search: Callable[[], SearchResult], query: str) -> SearchResult:
    """What ``search`` finds for ``query``, in a thread of its own, as a retriever's run below the node's.

    A model that the search asks (a reranker) is traced below the search.
    """
    config = ensure_config()
    run = await get_async_callback_manager_for_config(config).on_retriever_start(
        {"name": "Retriever"}, query, name="Retriever"
    )
    try:
        with set_config_context(patch_config(config, callbacks=run.get_child())) as context:
            result = await asyncio.to_thread(context.run, search)
    except Exception as error:
        await run.on_retriever_error(error)
        raise
    await run.on_retriever_end([as_document(hit) for hit in result.hits])
    return result
