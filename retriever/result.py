"""What a search gives back, and the clock that times it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from retriever.passage import Hit

Stage = Literal["encode", "search", "rerank", "total"]


class SearchResult(BaseModel):
    """What one search found.

    ``retriever`` is the mode, or the label of a `Retriever` that has one. ``ms`` holds milliseconds by stage:
    encode, search, rerank, total; queries that were encoded together have equal shares. ``note`` says what
    the user should know about how the answer came about: a query that was cut, a retriever that stands in
    for another, passages that a reranker could not judge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    retriever: str
    hits: list[Hit]
    ms: dict[Stage, float]
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


class Clock:
    """Milliseconds by stage, counted from when it is made; a stage that did not run took none.

    Args:
        encode: Milliseconds that encoding took before.
    """

    def __init__(self, encode: float) -> None:
        self._start = time.perf_counter()
        self._stages: dict[Stage, float] = {"encode": encode, "search": 0.0, "rerank": 0.0}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time what runs within."""
        start = time.perf_counter()
        yield
        self._stages[name] += (time.perf_counter() - start) * 1000

    def ms(self) -> dict[Stage, float]:
        """The stages so far and their total."""
        total = self._stages["encode"] + (time.perf_counter() - self._start) * 1000
        return {name: round(value, 3) for name, value in (self._stages | {"total": total}).items()}
