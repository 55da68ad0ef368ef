"""Recorded searches: found again without an index, and nothing that was never searched for."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from agent.errors import RecordingError
from agent.search_recording import SEARCHES, RecordedSearcher, SearchHead, recorded_mode, search_key
from retriever.errors import BadInputError
from tests.agent.helpers import WordRetriever

HEAD = SearchHead(mode="hybrid", retriever="encoder", index="passages")


def test_a_search_is_made_once_and_replayed_without_the_retriever(tmp_path: Path) -> None:
    live = WordRetriever()
    recorder = RecordedSearcher(tmp_path, (live, HEAD))
    first = [recorder.search("sum of the roots", 2, mode="hybrid", without=("code",)) for _ in range(2)]
    assert len(live.queries) == 1
    replayed = RecordedSearcher(tmp_path)
    again = replayed.search("sum of the roots", 2, mode="hybrid", without=("code",))
    assert first[0].hits == first[1].hits == again.hits
    ids = [hit.passage.id for hit in again.hits]
    assert [passage.id for passage in replayed.get(ids)] == ids
    assert (replayed.head, recorded_mode(tmp_path)) == (HEAD, "hybrid")


@pytest.mark.parametrize(("query", "k", "mode"), [("other", 2, "base"), ("q", 3, "base"), ("q", 2, "bm25")])
def test_what_was_never_searched_for_is_not_found(tmp_path: Path, query: str, k: int, mode: str) -> None:
    RecordedSearcher(tmp_path, (WordRetriever(), HEAD)).search("q", 2, mode="base")
    with pytest.raises(RecordingError, match="does not hold this search"):
        RecordedSearcher(tmp_path).search(query, k, mode=mode)
    with pytest.raises(RecordingError, match="does not hold this passage"):
        RecordedSearcher(tmp_path).get(["never-found"])


def test_named_sources_are_searched_alone_and_keys_from_before_there_were_any_hold(tmp_path: Path) -> None:
    asked = json.dumps(["q", 2, "base", ["code"]]).encode()
    assert search_key("q", 2, "base", ("code",)) == hashlib.sha256(asked).hexdigest()
    recorder = RecordedSearcher(tmp_path, (WordRetriever(), HEAD))
    assert len(recorder.search("q", 2, mode="base").hits) == 2
    assert recorder.search("q", 2, mode="base", sources=("elsewhere",)).hits == []


def test_recording_goes_on_after_a_kill_and_refuses_another_index(tmp_path: Path) -> None:
    live = WordRetriever()
    recorder = RecordedSearcher(tmp_path, (live, HEAD))
    for query in "ab":
        recorder.search(query, 1)
    file = tmp_path / SEARCHES
    os.truncate(file, file.stat().st_size - 5)
    again = RecordedSearcher(tmp_path, (live, HEAD))
    for query in "ab":
        again.search(query, 1)
    assert [query for query, *_ in live.queries] == ["a", "b", "b"]
    with pytest.raises(BadInputError, match="another retriever or index"):
        RecordedSearcher(tmp_path, (live, HEAD.model_copy(update={"index": "others"})))


def test_a_recording_without_searches(tmp_path: Path) -> None:
    assert recorded_mode(tmp_path) is None
    with pytest.raises(BadInputError, match="no recording"):
        RecordedSearcher(tmp_path)
