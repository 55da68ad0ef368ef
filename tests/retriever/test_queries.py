"""Query files: good lines are read, bad ones are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from retriever.queries import Query, read_queries

GOOD = {"id": "q", "query": "How many?", "gold_ids": ["a", "b"]}


def write(path: Path, *lines: object) -> Path:
    rows = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


def test_a_line_with_every_key_and_one_with_the_least(tmp_path: Path) -> None:
    full = GOOD | {"id": "p", "excluded_ids": ["c"], "cot": "Count them.", "answer": 11}
    first, second = read_queries(write(tmp_path / "q.jsonl", full, b"", GOOD | {"cot": None}))
    assert first == Query(
        id="p", query="How many?", gold_ids=("a", "b"), excluded_ids=("c",), cot="Count them."
    )
    assert second == Query(id="q", query="How many?", gold_ids=("a", "b"))


def test_the_text_of_a_field() -> None:
    query = Query(id="q", query="How many?", gold_ids=("a",), cot="Count them.")
    assert query.text() == "How many?"
    assert query.text("cot") == "How many?\nCount them."
    for cot in (None, "", " \n"):
        assert query.model_copy(update={"cot": cot}).text("cot") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": ', "not JSON"),
        (b"[]", "not a JSON object but list"),
        (b'{"id": "x", "query": "\xff", "gold_ids": ["a"]}', "not UTF-8 (byte 23 of the line)"),
        ({"id": "x", "query": "y"}, "gold_ids is missing"),
        ({"id": "x", "gold_ids": ["a"]}, "query is missing"),
        ({"query": "y", "gold_ids": ["a"]}, "id is missing"),
        (GOOD | {"id": ""}, "id is empty"),
        (GOOD | {"id": "x", "query": " "}, "query is empty"),
        (GOOD | {"id": "x", "gold_ids": []}, "gold_ids is empty"),
        (GOOD | {"id": "x", "gold_ids": "a"}, "gold_ids: input should be a valid tuple"),
        (GOOD | {"id": "x", "gold_ids": [1]}, "gold_ids.0: input should be a valid string"),
        (GOOD | {"id": "x", "excluded_ids": ["b"]}, "'b' is both gold and excluded"),
        (GOOD, "the id 'q' is already taken"),
    ],
)
def test_a_bad_line_is_refused_or_skipped_and_listed(tmp_path: Path, line: object, reason: str) -> None:
    path = write(tmp_path / "q.jsonl", GOOD, line, GOOD | {"id": "z"})
    with pytest.raises(BadInputError) as caught:
        read_queries(path)
    assert caught.value.message.startswith(f"{path}, line 2: ")
    assert reason in caught.value.message
    skipped: list[str] = []
    assert [query.id for query in read_queries(path, skip_bad=True, skipped=skipped)] == ["q", "z"]
    assert skipped == [caught.value.message]
    assert len(read_queries(path, skip_bad=True)) == 2


def test_queries_without_gold_are_taken_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", GOOD | {"gold_ids": []})
    assert read_queries(path, allow_unjudged=True)[0].gold_ids == ()


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_queries(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="holds no query"):
        read_queries(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot read"):
        read_queries(tmp_path / "none.jsonl")
