"""Corpora of hostile text and names: read whole or refused in a line, and found again as they were."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from retriever.corpus import Corpus, passage_of
from retriever.errors import BadInputError, RaderError
from retriever.index import build_index, open_index
from retriever.search import Retriever
from retriever.sources import collect_corpus
from tests.hostile.inputs import ALL, TEXTS, Input
from tests.hostile.test_agent import assert_one_line
from tests.retriever.stubs import HashEncoder
from tests.ui.command import Rader, one_line

FIELDS = ("id", "title", "text", "kind", "source", "use_when")
NAMES = [each for each in ALL if each.field == "file"]

pytestmark = pytest.mark.timeout(300)


def rows() -> list[dict[str, object]]:
    """Every text in every field."""
    made: list[dict[str, object]] = []
    for number, given in enumerate(TEXTS):
        whole = {"id": f"p{number}", "text": "a theorem", "tags": [given.text], "aliases": [given.text]}
        made += [whole | {"id": f"p{number} {field}", field: given.text} for field in FIELDS]
    return made


def test_what_is_indexed_is_found_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    short = [row for row in rows() if len(json.dumps(row)) < 4000]
    file.write_text("".join(json.dumps(row) + "\n" for row in short), encoding="utf-8")
    corpus = Corpus.from_file(file, skip_bad=True)
    assert len(corpus) + len(corpus.skipped) == len(short)
    assert all("\n" not in line for line in corpus.skipped)
    encoder = HashEncoder()
    build_index(tmp_path / "home", corpus, encoder)
    with closing(open_index(tmp_path / "home", encoder)) as index:
        assert index.passages() == sorted(corpus, key=lambda passage: passage.id)
        retriever = Retriever(index, encoder)
        for given in TEXTS:
            for hit in retriever.search(given.text[:2000].strip() or "x", k=3).hits:
                assert hit.passage in index.get([hit.passage.id])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "home"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_row_is_a_passage_or_refused_in_one_line(field: str) -> None:
    for given in TEXTS:
        passage = passage_of({"id": "p", "text": "a theorem", field: given.text})
        assert "\n" not in passage if isinstance(passage, str) else passage.text


@pytest.mark.parametrize("suffix", [".md", ".tex", ".json", ".jsonl"])
def test_files_that_are_nothing_but_hostile_are_read_to_their_end(tmp_path: Path, suffix: str) -> None:
    for given in TEXTS:
        file = tmp_path / f"file{suffix}"
        theorem = f"\\begin{{theorem}}[{given.text}]\n{given.text}\n\\end{{theorem}}\n" * (suffix == ".tex")
        lemma = f"**Lemma 1 ({given.text}).** {given.text}\n" * (suffix == ".md")
        file.write_text(theorem + lemma + given.text, encoding="utf-8", errors="replace")
        try:
            collect_corpus([str(file)], shipped=False)
        except BadInputError as error:
            assert_one_line(error)


@pytest.mark.parametrize("given", NAMES, ids=lambda given: given.id)
def test_a_file_of_any_name_is_that_file(given: Input, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    file = inside / given.text
    file.write_text(json.dumps({"id": "p", "text": "a theorem"}) + "\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    try:
        assert [passage.id for passage in collect_corpus([str(file)], shipped=False)] == ["p"]
    except RaderError as error:
        assert_one_line(error)
    assert sorted(tmp_path.rglob("*")) == before


def test_names_on_the_command_line_stay_names(tmp_path: Path, tiny_encoder_path: Path) -> None:
    rader = Rader(tmp_path / "home", tiny_encoder_path)
    for given in ALL:
        if given.kind == "paths" and "\0" not in given.text:
            for command in (("models", "promote"), ("models", "remove"), ("models", "pull")):
                done = rader(*command, "--", given.text)
                assert done.returncode == 1, (given, done)
                assert one_line(done.stderr), (given, done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) in (["home"], [])
