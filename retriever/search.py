"""`Retriever`: the one object that others search with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from retriever.encoder import Encoder, Vectors
from retriever.errors import BadInputError
from retriever.hybrid import interpolate
from retriever.passage import Hit, Passage, ScorePart

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from retriever.index import Index, Where

Mode = Literal["bm25", "base", "rader", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)

ALPHA = 0.8  # best of 0.3 … 0.9 on 266 TheoremQA questions; also the paper's, outside mathematics
CANDIDATES = 100  # of each side, before hybrid scores are worked out
QUERY_CHARS = 20_000  # no encoder here reads more, and BM25 over a whole book finds everything
NOT_PROMOTED = "no retriever has been promoted yet: the untrained base answered"


class SearchResult(BaseModel):
    """What one search found.

    ``ms`` holds milliseconds by stage: encode, search, rerank, total. ``note`` says what the user should know
    about how the answer came about: a query that was cut, a retriever that stands in for another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    retriever: Mode
    hits: list[Hit]
    ms: dict[Literal["encode", "search", "rerank", "total"], float]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object that ``rader search --json`` prints; ``note`` is there only where there is one."""
        hits = [
            {"id": hit.passage.id, "title": hit.passage.title, "score": hit.score, "parts": dict(hit.parts)}
            for hit in self.hits
        ]
        result: dict[str, Any] = {"query": self.query, "retriever": self.retriever, "hits": hits}
        result["ms"] = dict(self.ms)
        return result | ({"note": self.note} if self.note else {})


class Retriever:
    """Searches one index; may be used from several threads.

    Args:
        index: The index.
        encoder: The encoder that the index was built with.
        name: How to search where a call does not say: ``bm25`` (words), ``base`` (the untrained encoder),
            ``rader`` (the promoted one) or ``hybrid`` (encoder and words together).
        alpha: Weight of the encoder in hybrid search, 0 to 1; the default was chosen on TheoremQA questions.

    Raises:
        BadInputError: ``name`` or ``alpha`` cannot be used.
    """

    def __init__(self, index: Index, encoder: Encoder, name: Mode = "hybrid", alpha: float = ALPHA) -> None:
        if name not in MODES:
            raise BadInputError(f"no retriever is called {name!r}", f"Choose one of {', '.join(MODES)}")
        if not 0 <= alpha <= 1:
            raise BadInputError(f"alpha is {alpha}", "Give a number from 0 to 1")
        self.index = index
        self.encoder = encoder
        self.name: Mode = name
        self.alpha = alpha

    def search(
        self,
        query: str,
        k: int = 10,
        mode: Mode | None = None,
        *,
        kinds: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> SearchResult:
        """Find the ``k`` best passages for a query.

        Args:
            query: A question or a reasoning step; beyond the encoder's limit it is cut, and a note says so.
            k: At least 1; fewer hits come back where fewer passages match.
            mode: Search this way instead of as ``name`` says.
            kinds: Only passages of these kinds, such as ``theorem`` or ``code``; empty takes all.
            without: No passages of these kinds.

        Raises:
            BadInputError: The query is empty, ``k`` is below 1, or there is no such mode.
        """
        mode = mode or self.name
        _check(query, k, mode)
        clock = _Clock()
        text, notes = query[:QUERY_CHARS], []
        if len(query) > QUERY_CHARS:
            notes.append(f"the query was cut: {QUERY_CHARS} of {len(query)} characters were read")
        vector: Vectors | None = None
        if mode != "bm25":
            with clock.stage("encode"):
                vector, cut = self._encode(text)
            notes += [cut] if cut else []
        with clock.stage("search"):
            hits = self._hits(text, vector, k, mode, self._where(kinds, without))
        if mode == "rader":
            notes.append(NOT_PROMOTED)
        return SearchResult(query=query, retriever=mode, hits=hits, ms=clock.ms(), note="; ".join(notes))

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in the order asked; unknown ids are left out."""
        return self.index.get(ids)

    def as_langchain(self, k: int = 10, **search: Any) -> BaseRetriever:
        """This retriever as a LangChain one; documents carry id, title, score and parts in their metadata.

        Args:
            k: Documents a call.
            search: ``mode``, ``kinds`` and ``without`` as in `search`.
        """
        from retriever.langchain import LangChainRetriever

        return LangChainRetriever(retriever=self, k=k, **search)

    def _encode(self, text: str) -> tuple[Vectors, str]:
        vector = self.encoder.encode_queries([text])[0]
        tokens, limit = (
            self.encoder.token_counts([text], self.encoder.query_prompt)[0],
            self.encoder.max_tokens,
        )
        if tokens <= limit:
            return vector, ""
        return vector, f"the query was cut: the encoder read {limit} of {tokens} tokens"

    def _where(self, kinds: Sequence[str], without: Sequence[str]) -> Where | None:
        """What the index is asked for; None where every kind will do."""
        there = self.index.info.kinds
        wanted = [kind for kind in there if kind not in without and (not kinds or kind in kinds)]
        return {"kind": wanted} if len(wanted) < len(there) else None

    def _hits(self, text: str, vector: Vectors | None, k: int, mode: Mode, where: Where | None) -> list[Hit]:
        if where is not None and not where["kind"]:
            return []
        if vector is None:
            found = self._lexical(text, k, where)
            return self._as_hits(found, {key: {"bm25": score} for key, score in found})
        dense = self.index.search(vector, k if mode != "hybrid" else max(k, CANDIDATES), where)
        if mode != "hybrid":
            return [Hit(passage=passage, score=score, parts={"dense": score}) for passage, score in dense]
        return self._hybrid(text, vector, {passage.id: score for passage, score in dense}, k, where)

    def _hybrid(
        self, text: str, vector: Vectors, dense: dict[str, float], k: int, where: Where | None
    ) -> list[Hit]:
        """Both sides' best candidates; each gets its true score of the other side too before z-scores."""
        words = self._lexical(text, max(k, CANDIDATES), where)
        dense |= self.index.cosines(vector, [key for key, _ in words if key not in dense])
        lexical = self.index.lexical.scores(text, dense)
        found = interpolate(dense, lexical, self.alpha)[:k]
        return self._as_hits(found, {key: {"dense": dense[key], "bm25": lexical[key]} for key, _ in found})

    def _lexical(self, text: str, k: int, where: Where | None) -> list[tuple[str, float]]:
        return self.index.lexical.search(text, k, self.index.ids(where) if where else None)

    def _as_hits(
        self, found: list[tuple[str, float]], parts: Mapping[str, dict[ScorePart, float]]
    ) -> list[Hit]:
        passages = self.index.get([key for key, _ in found])
        return [
            Hit(passage=passage, score=score, parts=parts[key])
            for passage, (key, score) in zip(passages, found, strict=True)
        ]


class _Clock:
    """Milliseconds by stage; a stage that did not run took none."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages = {"encode": 0.0, "search": 0.0, "rerank": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - start) * 1000

    def ms(self) -> dict[Any, float]:
        total = (time.perf_counter() - self._start) * 1000
        return {name: round(value, 3) for name, value in (self._stages | {"total": total}).items()}


def _check(query: str, k: int, mode: str) -> None:
    if not query.strip():
        raise BadInputError("the query is empty", "Ask for something")
    if k < 1:
        raise BadInputError(f"k is {k}", "Ask for at least one passage")
    if mode not in MODES:
        raise BadInputError(f"no retriever is called {mode!r}", f"Choose one of {', '.join(MODES)}")
