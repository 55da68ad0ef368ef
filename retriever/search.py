"""`Retriever`: the one object that others search with."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack, get_args

from retriever.candidates import Found, Scope, Searchable
from retriever.encoder import Encoder, Vectors
from retriever.errors import BadInputError
from retriever.passage import Passage
from retriever.rerank import Reranker, reorder
from retriever.result import Clock, SearchResult

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from retriever.index import Where

__all__ = ["MODES", "NOT_PROMOTED", "Filters", "Mode", "Retriever", "SearchResult"]

Mode = Literal["bm25", "base", "rader", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)

ALPHA = 0.8  # best of 0.3 … 0.9 on 266 TheoremQA questions; also the paper's, outside mathematics
RERANK_DEPTH = 100  # the paper's
QUERY_CHARS = 20_000  # no encoder here reads more, and BM25 over a whole book finds everything
NOT_PROMOTED = "no retriever has been promoted yet: the untrained base answered"


class Filters(TypedDict, total=False):
    """Which passages may be found; what is empty or missing takes all.

    ``kinds``, ``tags`` and ``sources`` name what a passage must have one of; ``without`` kinds that it must
    not have.
    """

    kinds: Sequence[str]
    without: Sequence[str]
    tags: Sequence[str]
    sources: Sequence[str]


class _Encoded(NamedTuple):
    """A query as it is searched for; ``vector`` is None where only words count."""

    text: str
    vector: Vectors | None
    note: str
    ms: float


class _Ask(NamedTuple):
    """What all queries of one call share."""

    k: int
    mode: Mode
    where: Where | None
    reranker: Reranker | None


class Retriever:
    """Searches one index; may be used from several threads.

    Args:
        index: The index.
        encoder: The encoder that the index was built with.
        name: How to search where a call does not say: ``bm25`` (words), ``base`` (the untrained encoder),
            ``rader`` (the promoted one) or ``hybrid`` (encoder and words together).
        alpha: Weight of the encoder in hybrid search, 0 to 1; the default was chosen on TheoremQA questions.
        reranker: Orders the best hits anew where a call does not say otherwise.
        rerank_depth: How many hits the reranker scores, at least 1.
        label: What results are called instead of ``name``, such as the path of the encoder.
        promoted: Whether ``encoder`` is a trained one; if not, ``rader`` says so.

    Raises:
        BadInputError: ``name``, ``alpha`` or ``rerank_depth`` cannot be used.
    """

    def __init__(
        self,
        index: Searchable,
        encoder: Encoder,
        name: Mode = "hybrid",
        alpha: float = ALPHA,
        *,
        reranker: Reranker | None = None,
        rerank_depth: int = RERANK_DEPTH,
        label: str = "",
        promoted: bool = False,
    ) -> None:
        _check_mode(name)
        if not 0 <= alpha <= 1:
            raise BadInputError(f"alpha is {alpha}", "Give a number from 0 to 1")
        if rerank_depth < 1:
            raise BadInputError(f"the depth of reranking is {rerank_depth}", "Rerank at least one passage")
        self.index = index
        self.encoder = encoder
        self.name: Mode = name
        self.alpha = alpha
        self.reranker = reranker
        self.rerank_depth = rerank_depth
        self.label = label
        self.promoted = promoted

    def search(
        self,
        query: str,
        k: int = 10,
        mode: Mode | None = None,
        *,
        exclude: Collection[str] = (),
        rerank: bool | None = None,
        **filters: Unpack[Filters],
    ) -> SearchResult:
        """Find the ``k`` best passages for a query.

        Args:
            query: A question or a reasoning step; beyond the encoder's limit it is cut, and a note says so.
            k: At least 1; fewer hits come back where fewer passages match.
            mode: Search this way instead of as ``name`` says.
            exclude: Ids that leave the candidates before anything is ranked.
            rerank: Whether to use the reranker; None does where there is one.
            filters: ``kinds``, ``without``, ``tags``, ``sources``: see `Filters`.

        Raises:
            BadInputError: The query is empty, ``k`` is below 1, there is no such mode, or no reranker.
        """
        return self.search_many([query], k, mode, exclude=[exclude], rerank=rerank, **filters)[0]

    def search_many(
        self,
        queries: Sequence[str],
        k: int = 10,
        mode: Mode | None = None,
        *,
        exclude: Sequence[Collection[str]] = (),
        rerank: bool | None = None,
        **filters: Unpack[Filters],
    ) -> list[SearchResult]:
        """`search` for many queries, which are encoded together.

        Args:
            queries: Any number.
            k: Hits a query.
            mode: As in `search`, and so are ``rerank`` and ``filters``.
            exclude: For each query the ids that leave its candidates; empty excludes nothing.

        Raises:
            BadInputError: As `search`; or ``exclude`` is neither empty nor as long as ``queries``.
        """
        mode = mode or self.name
        _check(queries, k, mode, exclude)
        if rerank and self.reranker is None:
            raise BadInputError("there is no reranker", "Name one, or search without")
        ask = _Ask(k, mode, self._where(**filters), None if rerank is False else self.reranker)
        return [
            self._answer(query, encoded, ask, frozenset(ids))
            for query, encoded, ids in zip(
                queries, self._encode(queries, mode), exclude or [()] * len(queries), strict=True
            )
        ]

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in the order asked; unknown ids are left out."""
        return self.index.get(ids)

    def as_langchain(self, k: int = 10, **search: Any) -> BaseRetriever:
        """This retriever as a LangChain one; documents carry id, title, score and parts in their metadata.

        Args:
            k: Documents a call.
            search: ``mode``, ``kinds``, ``tags`` … as in `search`.
        """
        from retriever.langchain import LangChainRetriever

        return LangChainRetriever(retriever=self, k=k, search_kwargs=search)

    def _encode(self, queries: Sequence[str], mode: Mode) -> list[_Encoded]:
        start = time.perf_counter()
        texts = [query[:QUERY_CHARS] for query in queries]
        notes = [_cut_note(len(query), QUERY_CHARS, "characters") for query in queries]
        if mode == "bm25" or not texts:
            return [_Encoded(text, None, note, 0.0) for text, note in zip(texts, notes, strict=True)]
        encoder, cut_before = self.encoder, self.encoder.cut_queries
        vectors = encoder.encode_queries(texts)
        if encoder.cut_queries > cut_before:  # counting tokens takes time, so only where it matters
            tokens = encoder.token_counts(texts, encoder.query_prompt)
            cuts = [_cut_note(count, encoder.max_tokens, "tokens") for count in tokens]
            notes = [_join(*both) for both in zip(notes, cuts, strict=True)]
        share = (time.perf_counter() - start) * 1000 / len(texts)
        return [_Encoded(*one, share) for one in zip(texts, vectors, notes, strict=True)]

    def _where(
        self,
        kinds: Sequence[str] = (),
        without: Sequence[str] = (),
        tags: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> Where | None:
        """What the index is asked for; None where every passage will do."""
        there = self.index.info.kinds
        wanted = [kind for kind in there if kind not in without and (not kinds or kind in kinds)]
        where: dict[str, Sequence[str]] = {"kind": wanted} if len(wanted) < len(there) else {}
        where |= {name: values for name, values in (("tags", tags), ("source", sources)) if values}
        return where or None

    def _answer(self, query: str, encoded: _Encoded, ask: _Ask, exclude: frozenset[str]) -> SearchResult:
        clock, note, scope = Clock(encoded.ms), encoded.note, Scope(self.index, ask.where, exclude)
        with clock.stage("search"):
            found = self._found(encoded, ask, scope)
        if ask.reranker:
            with clock.stage("rerank"):
                note = _join(note, reorder(ask.reranker, encoded.text, found, scope, self.rerank_depth))
        with clock.stage("search"):
            hits = scope.hits(found, ask.k)
        if ask.mode == "rader" and not self.promoted:
            note = _join(note, NOT_PROMOTED)
        called = self.label if self.label and ask.mode == self.name else ask.mode
        return SearchResult(query=query, retriever=called, hits=hits, ms=clock.ms(), note=note)

    def _found(self, encoded: _Encoded, ask: _Ask, scope: Scope) -> Found:
        if scope.is_empty:
            return Found()
        n = max(ask.k, self.rerank_depth) if ask.reranker else ask.k
        if encoded.vector is None:
            return scope.lexical(encoded.text, n)
        if ask.mode == "hybrid":
            return scope.hybrid(encoded.text, encoded.vector, n, self.alpha)
        return scope.dense(encoded.vector, n)


def _join(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _cut_note(length: int, limit: int, unit: str) -> str:
    return f"the query was cut: {limit} of {length} {unit} were read" if length > limit else ""


def _check(queries: Sequence[str], k: int, mode: str, exclude: Sequence[Collection[str]]) -> None:
    if not all(query.strip() for query in queries):
        raise BadInputError("the query is empty", "Ask for something")
    if k < 1:
        raise BadInputError(f"k is {k}", "Ask for at least one passage")
    _check_mode(mode)
    if exclude and len(exclude) != len(queries):
        raise BadInputError(
            f"{len(exclude)} lists of excluded ids for {len(queries)} queries", "Give one for each query"
        )


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise BadInputError(f"no retriever is called {mode!r}", f"Choose one of {', '.join(MODES)}")
