"""Ask several retrievers the same queries at once, each in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from retriever.errors import RaderError
from retriever.search import Mode, Retriever
from ui.compare.asked import Asked
from ui.compare.gold import Gold, find_gold
from ui.compare.ranks import DEPTH, Column, Comparison
from ui.compare.steps import queries

RetrieverFor = Callable[[Mode], Retriever]

log = logging.getLogger(__name__)


class Search:
    """Comparisons over one installation; may be used by many visitors at once.

    Rerankers are left out: behind the same one all retrievers look alike.

    Args:
        retriever_for: The retriever of a mode; called in a thread, may block, may raise ``RaderError``.
        without: Kinds of passages that the agent does not ask for.
    """

    def __init__(self, retriever_for: RetrieverFor, without: Sequence[str] = ()) -> None:
        self._retriever_for = retriever_for
        self._without = tuple(without)

    async def gold(self, names: Sequence[str]) -> Gold:
        """The passages that a person named.

        Raises:
            RaderError: The index cannot be opened.
        """
        if not names:
            return Gold()
        return await asyncio.to_thread(lambda: find_gold(self._retriever_for("bm25"), names))

    async def compare(self, asked: Asked, gold: Gold) -> AsyncIterator[Comparison]:
        """The comparison with what is found so far: at first nothing, then again for each column.

        A column that fails says why and leaves the others alone.

        Raises:
            BadInputError: There is nothing to search for, or too much.
        """
        asks = queries(asked.problem, asked.steps, asked.query)
        columns = {mode: Column(mode) for mode in asked.columns}
        comparison = Comparison(
            asks, tuple(columns.values()), frozenset(one.id for one in gold.passages), asked.shown
        )
        yield comparison
        without = () if asked.code else self._without
        texts = [query.text for query in asks]
        searches = [asyncio.to_thread(self._column, mode, texts, without) for mode in asked.columns]
        for search in asyncio.as_completed(searches):
            column = await search
            columns[column.mode] = column
            yield replace(comparison, columns=tuple(columns.values()))

    def _column(self, mode: Mode, texts: Sequence[str], without: tuple[str, ...]) -> Column:
        try:
            retriever = self._retriever_for(mode)
            results = retriever.search_many(texts, DEPTH, mode, rerank=False, without=without)
            return Column(mode, tuple(results))
        except RaderError as error:
            return Column(mode, error=str(error))
        except Exception as error:
            log.exception("a search by %s failed", mode)
            return Column(
                mode, error=f"Something went wrong ({type(error).__name__}). The log has the details."
            )
