"""Record every search, and search again from the recording without an index.

``searches.jsonl`` lies beside the model's calls (`agent.recording`): a first line that says with what was
searched and in which index, then one line a search, with all that it found.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from agent.errors import RecordingError
from agent.nodes import Searcher
from agent.state import RetrieverName
from agent.tape import Tape
from retriever.errors import BadInputError
from retriever.passage import Hit, Passage

if TYPE_CHECKING:
    from retriever.search import SearchResult

SEARCHES = "searches.jsonl"


class SearchHead(BaseModel):
    """The first line: the retriever's name, and the fingerprints of what it searches with and in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: int = 1
    mode: RetrieverName
    retriever: str
    index: str


class RecordedSearch(BaseModel):
    """One search: its key, and the passages that it found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    query: str
    hits: tuple[Hit, ...]


def search_key(query: str, k: int, mode: Any, without: Sequence[str], sources: Sequence[str] = ()) -> str:
    """What was searched for, as 64 hex digits."""
    named = [list(sources)] if sources else []  # recordings from before there were any keep their keys
    asked = json.dumps([query, k, mode, list(without), *named], ensure_ascii=True)
    return hashlib.sha256(asked.encode()).hexdigest()


class RecordedSearcher:
    """A `Searcher` whose results are kept, and that finds again what it found before.

    Args:
        folder: The recording's folder.
        live: The retriever, and what the first line says of it; None replays only.

    Raises:
        BadInputError: There is nothing to replay, or the recording is of another retriever or index.
        LogError: The recording cannot be read.
        StorageError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, live: tuple[Searcher, SearchHead] | None = None) -> None:
        self._live = live[0] if live else None
        self._tape = Tape(folder / SEARCHES, SearchHead, RecordedSearch)
        if live:
            self._tape.begin(live[1])
        self.head, searches = self._tape.read()
        if live and self.head != live[1]:
            raise BadInputError(
                f"{self._tape.file} was recorded with another retriever or index",
                "Record into another folder",
            )
        self._found = {search.key: search for search in searches}
        self._passages = {hit.passage.id: hit.passage for one in searches for hit in one.hits}
        self._lock = threading.Lock()

    def search(
        self,
        query: str,
        k: int,
        *,
        mode: Any = None,
        without: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
    ) -> SearchResult:
        """What the recording holds; else what the retriever finds, which is kept.

        Raises:
            RecordingError: A replay needs a search that was never made.
        """
        key = search_key(query, k, mode, without, sources)
        with self._lock:  # one of two that ask the same at once makes the search
            if key not in self._found:
                self._found[key] = self._make(key, query, k, mode=mode, without=without, sources=sources)
        return _result(self._found[key], str(mode))

    def _make(self, key: str, query: str, k: int, **how: Any) -> RecordedSearch:
        if self._live is None:
            raise RecordingError("search")
        hits = tuple(self._live.search(query, k, **how).hits)
        made = RecordedSearch(key=key, query=query, hits=hits)
        self._tape.append(made)
        self._passages |= {hit.passage.id: hit.passage for hit in hits}
        return made

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids.

        Raises:
            RecordingError: One of them was never found.
        """
        if not self._passages.keys() >= set(ids):
            raise RecordingError("passage")
        return [self._passages[one] for one in ids]


def recorded_mode(folder: Path) -> RetrieverName | None:
    """The retriever's name that a recording was made with; None where no search is recorded.

    Raises:
        LogError: The recording cannot be read.
    """
    head = Tape(folder / SEARCHES, SearchHead, RecordedSearch).head()
    return head.mode if head else None


def _result(search: RecordedSearch, mode: str) -> SearchResult:
    from retriever.result import Clock, SearchResult

    return SearchResult(query=search.query, retriever=mode, hits=list(search.hits), ms=Clock(0.0).ms())
