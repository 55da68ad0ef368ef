"""Corpora: good lines are read, bad ones are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.corpus import Corpus, shipped_theorems
from retriever.errors import BadInputError

GOOD = {"id": "a", "title": "A", "text": "statement", "kind": "definition"}


def write(path: Path, *lines: object) -> Path:
    rows = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


def test_a_line_with_every_key_and_one_with_the_least(tmp_path: Path) -> None:
    full = GOOD | {"source": "s", "tags": ["x"], "aliases": ["A'"], "use_when": "Use it when b", "proof": 7}
    corpus = Corpus.from_file(write(tmp_path / "c.jsonl", full, {"id": "b", "text": "t", "tags": None}))
    first, second = corpus
    assert len(corpus) == 2
    assert first.content == "A / A'\nstatement\nUse it when b"
    assert (first.tags, first.source, second.kind, second.content) == (("x",), "s", "theorem", "t")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "b", ', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'"text"', "not a JSON object but str"),
        (b'{"id": "b", "text": "\xff"}', "not UTF-8 (byte 22 of the line)"),
        (b'{"id": "b", "text": "\\ud800"}', "not valid Unicode"),
        ({"id": "b"}, "text is missing"),
        ({"text": "t"}, "id is missing"),
        ({"id": "b", "text": "  "}, "text is empty"),
        ({"id": "b", "text": 5}, "text: input should be a valid string"),
        ({"id": "b", "text": "t", "tags": "x"}, "tags: input should be a valid tuple"),
        ({"id": "a", "text": "t"}, "the id 'a' is already taken"),
        ({"id": "b", "text": "t", "tags": [1] * 9}, "tags.2: input should be a valid string; and 6 more"),
    ],
)
def test_a_bad_line_is_refused_or_skipped_and_counted(tmp_path: Path, line: object, reason: str) -> None:
    path = write(tmp_path / "c.jsonl", GOOD, b"", line, {"id": "z", "text": "t"})
    with pytest.raises(BadInputError) as caught:
        Corpus.from_file(path)
    assert caught.value.message.startswith(f"{path}, line 3: ")
    assert reason in caught.value.message
    assert "--skip-bad" in caught.value.remedy
    corpus = Corpus.from_file(path, skip_bad=True)
    assert [passage.id for passage in corpus] == ["a", "z"]
    assert corpus.skipped == (caught.value.message,)


def test_a_line_with_a_programming_language_is_code(tmp_path: Path) -> None:
    other = {"id": "b", "text": "t", "language": "python"}
    corpus = Corpus.from_file(write(tmp_path / "c.jsonl", other, GOOD | {"language": "python"}))
    assert [passage.kind for passage in corpus] == ["code", "definition"]


def test_a_file_without_passages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no passage"):
        Corpus.from_file(write(tmp_path / "c.jsonl", b"", b"  "))


def test_passages_are_counted_by_file(tmp_path: Path) -> None:
    files = [write(tmp_path / "a", GOOD), write(tmp_path / "b", {"id": "b", "text": "t"}, b"x")]
    corpus = Corpus.from_files(files, skip_bad=True)
    assert corpus.counts == {str(files[0]): 1, str(files[1]): 1}
    assert corpus.notes == ()


def test_ids_are_unique_over_files(tmp_path: Path) -> None:
    files = [write(tmp_path / name, GOOD) for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(BadInputError, match=r"b\.jsonl, line 1"):
        Corpus.from_files(files)
    with pytest.raises(BadInputError, match="'a' is there twice"):
        Corpus([*Corpus.from_file(files[0]), *Corpus.from_file(files[1])])


def test_the_hash_follows_contents_and_not_order(tmp_path: Path) -> None:
    other = {"id": "b", "text": "t"}
    one = Corpus.from_file(write(tmp_path / "1", GOOD, other))
    two = Corpus.from_file(write(tmp_path / "2", other, GOOD | {"ignored": 1}))
    three = Corpus.from_file(write(tmp_path / "3", GOOD, other | {"kind": "code"}))
    assert one.sha256 == two.sha256 != three.sha256


def test_a_byte_order_mark_is_not_a_fault(tmp_path: Path) -> None:
    assert len(Corpus.from_file(write(tmp_path / "c", b"\xef\xbb\xbf" + json.dumps(GOOD).encode()))) == 1


@pytest.mark.parametrize("name", ["missing.jsonl", ""])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="cannot read"):
        Corpus.from_file(tmp_path / name)


def test_the_shipped_theorems_are_a_corpus() -> None:
    if not (Path(__file__).parents[2] / "retriever" / "data" / "theorems.jsonl").exists():
        pytest.skip("theorems.jsonl is not there")
    assert len(shipped_theorems()) > 0
