"""Files, folders and packages in one corpus: which reader takes what, and what is said of bad input."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from retriever.corpus import Corpus, shipped_theorems
from retriever.errors import BadInputError
from retriever.passage import MOST_CHARACTERS
from retriever.sources import Format, collect, collect_corpus

LINE = b'{"id": "a", "text": "t"}\n'
TEX = b"\\begin{lemma}[L] x \\end{lemma}\n"
MARKDOWN = b"# Notes\n\n**Lemma (M).** y\n"
NATURAL = b'{\n"dataset": {"theorems": [{"id": 1, "title": "T", "contents": ["z"]}]}}'


def ids(corpus: Corpus) -> list[str]:
    return [passage.id for passage in corpus]


def refused(*files: str | Path, **options: object) -> str:
    """The one clear line that collecting ends with."""
    with pytest.raises(BadInputError) as caught:
        collect_corpus(files, shipped=False, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    str(caught.value).encode()  # it can be printed
    return caught.value.message


@pytest.mark.parametrize("suffix", ["", ".jsonl", ".txt", ".data"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (LINE, "a"),
        (b"\xef\xbb\xbf" + LINE, "a"),
        (b"\n  \n" + LINE, "a"),
        (NATURAL, "naturalproofs/f/1"),
        (b"\xef\xbb\xbf" + NATURAL, "naturalproofs/f/1"),
        (NATURAL.replace(b"\n", b""), "naturalproofs/f/1"),
        (
            b'{"splits": {}, "other": 1, "dataset": {"others": [{"id": 1, "contents": "z"}]}}',
            "naturalproofs/f/1",
        ),
        (b'{"dataset": "x", "id": "a", "text": "t"}', "a"),
    ],
)
def test_json_is_told_by_what_it_holds(tmp_path: Path, suffix: str, content: bytes, found: str) -> None:
    path = tmp_path / f"f{suffix}"
    path.write_bytes(content)
    assert ids(collect_corpus([path], shipped=False)) == [found]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("f.tex", TEX, "f.tex#lemma-l"),
        ("f.TEX", b"Words.\n" + TEX, "f.TEX#lemma-l"),
        ("f", TEX, "f#lemma-l"),
        ("f.txt", b"\\documentclass{article}\n" + TEX, "f.txt#lemma-l"),
        ("f.md", MARKDOWN, "f.md#lemma-m"),
        ("f.txt", MARKDOWN, "f.txt#lemma-m"),
        ("README", MARKDOWN.replace(b"\n", b"\r\n"), "README#lemma-m"),
        ("f.md", TEX, "f.md#lemma-l"),
    ],
)
def test_text_is_told_by_its_name_and_else_by_its_looks(
    tmp_path: Path, name: str, content: bytes, found: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert ids(collect_corpus([path], shipped=False)) == [found]


def test_the_format_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"Lemma 1. It is so.\n")
    assert "cannot tell what" in refused(path)
    assert ids(collect_corpus([path], shipped=False, file_format="markdown")) == ["notes#lemma-1"]
    path.write_bytes(LINE)
    assert "holds no passage" in refused(path, file_format="latex")
    assert "there is no format 'csv'" in refused(path, file_format="csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some of everything: a macro package, a link to itself, a hidden folder, files of other kinds."""
    root = tmp_path / "notes"
    for name in ("deep", ".git", "node_modules"):
        (root / name).mkdir(parents=True)
    contents = {
        "a.jsonl": LINE,
        "b.tex": b"\\begin{satz} x \\end{satz}",
        "deep/c.md": MARKDOWN,
        "deep/macros.sty": b"\\newtheorem{satz}{Satz}",
        "n.json": NATURAL,
        "package.json": b'{"name": "x"}',
        "picture.png": b"\x89PNG\0",
        "paper.pdf": b"%PDF-1.7",
        ".git/x.md": MARKDOWN,
        "node_modules/x.md": MARKDOWN,
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    (root / "deep" / "loop").symlink_to(root)
    (root / "self.md").symlink_to(root / "self.md")
    (root / "linked.md").symlink_to(root / "deep" / "c.md")
    return root


def test_a_folder_brings_all_that_it_holds(folder: Path) -> None:
    corpus = collect_corpus([folder], shipped=False)
    assert [name.split("-")[0] for name in ids(corpus)] == [
        "a",
        "notes/b.tex#satz",
        "notes/deep/c.md#lemma",
        "notes/linked.md#lemma",
        "naturalproofs/n/1",
    ]
    assert corpus.counts == {str(folder): 5}
    left_out = [
        f"a file of another kind ({kind}) was left out" for kind in (".json", ".md", ".pdf", ".png", ".sty")
    ]
    assert corpus.notes == tuple(f"{folder}: 1 × {note}" for note in left_out)


@pytest.mark.parametrize(
    ("form", "count"), [("latex", 1), ("markdown", 2), ("passages", 1), ("naturalproofs", 1)]
)
def test_a_format_limits_a_folder(folder: Path, form: Format, count: int) -> None:
    assert len(collect_corpus([folder], shipped=False, file_format=form)) == count


def test_ids_do_not_depend_on_where_a_folder_is_named_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = ids(collect_corpus([folder], shipped=False))
    monkeypatch.chdir(folder)
    assert ids(collect_corpus(["."], shipped=False)) == named


def test_one_bad_file_of_a_folder_can_be_left_out(folder: Path) -> None:
    (folder / "bad.tex").write_bytes(b"\\begin{lemma}\n\xff\\end{lemma}")
    (folder / "deep" / "open.tex").write_bytes(b"\n\\begin{lemma} never closed")
    assert refused(folder) == f"{folder}: {folder}/bad.tex, line 2: not UTF-8"
    corpus = collect_corpus([folder], shipped=False, skip_bad=True)
    assert len(corpus) == 5
    assert corpus.skipped == (
        f"{folder}: {folder}/bad.tex, line 2: not UTF-8",
        f"{folder}/deep/open.tex, line 2: \\begin{{lemma}} has no \\end{{lemma}}",
    )


def test_the_same_id_from_two_sources_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for file in files:
        file.write_bytes(LINE)
    assert refused(*files) == f"{files[1]}, line 1: the id 'a' is already taken"
    monkeypatch.setattr(collect, "DEFAULT_CODE", ("bisect",))
    shipped = shipped_theorems().passages[0].id
    files[0].write_text(json.dumps({"id": shipped, "text": "t"}) + "\n" + LINE.decode())
    with pytest.raises(BadInputError, match=r"a\.jsonl, line 1: the id .* is already taken"):
        collect_corpus([files[0]])
    corpus = collect_corpus([files[0]], skip_bad=True)
    assert len(corpus.skipped) == 1
    assert corpus.counts["shipped theorems"] + corpus.counts["Python packages"] + 1 == len(corpus)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b" \n\n", "is empty"),
        ("a.tex", b"", "is empty"),
        ("a.tex", b"No theorem.", "holds no passage"),
        ("a.md", b"No theorem.", "holds no passage"),
        ("a.md", b"**Lemma.** a\0b", "is not text but binary"),
        ("a.md", b"\n\n\xff", "line 3: not UTF-8"),
        ("a", b"\x7fELF\0\0", "is not text but binary"),
        ("a", b"%PDF-1.7 \\begin{x}", "is not text but binary"),
        ("a", b"words", "cannot tell what"),
        ("a.jsonl", b"words", "line 1: not JSON"),
        ("a.jsonl", b"[1]", "line 1: not a JSON object but list"),
        ("a.jsonl", b'{"id": "a"}', "line 1: text is missing"),
        ("a.jsonl", b'{"id": "a", "text": 1}', "line 1: text: input should be a valid string"),
        ("a.jsonl", b'{"id": "a", "text": "\xff"}', "line 1: not UTF-8"),
        ("a.jsonl", b'{"id": "a", "text": "\\udc00"}', "line 1: text is not valid Unicode"),
        ("a.jsonl", b'{"id": "a", "text": "b\\u0000c"}', "line 1: it holds a NUL character"),
        ("a.jsonl", b'{"id": "a\\n", "text": "\\u0000"}', "NUL"),
        ("a.jsonl", b'{"a":' * 100_000, "line 1: not JSON"),
        ("a.jsonl", LINE + LINE, "line 2: the id 'a' is already taken"),
        (
            "a.jsonl",
            LINE.replace(b't"}', b"x" * (MOST_CHARACTERS + 1) + b'"}'),
            "1,000,001 characters, and 1,000,000 is the most",
        ),
        ("a.jsonl", LINE.replace(b't"}', b"x" * 10**7 + b'"}'), "10,000,000 characters"),
        ("a.jsonl", b'{"id": "' + b"x" * (33 * 2**20), "line 1: longer than 33,554,432 bytes"),
        ("a.tex", TEX.replace(b" x ", b"x" * 10**6), "characters, and 1,000,000 is the most"),
        ("a.md", b"**Lemma.** " + b"x" * (65 * 2**20), "is larger than 64 MiB"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refused(path)
    assert str(path) in message
    assert reason in message
    assert len(message) < 500


def test_a_line_that_is_too_long_does_not_hide_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "' + b"x" * (65 * 2**20) + b"\n" + LINE)
    corpus = Corpus.from_file(path, skip_bad=True)
    assert ids(corpus) == ["a"]
    assert corpus.skipped == (f"{path}, line 1: longer than 33,554,432 bytes",)


def test_skipping_everything_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\ny\n")
    message = refused(path, skip_bad=True)
    assert f"{path} holds no passage (2 bad, the first: {path}, line 1: not JSON" in message


def test_things_that_are_not_files(tmp_path: Path) -> None:
    assert "cannot read" in refused(tmp_path / "missing.jsonl")
    assert "cannot read" in refused("a\0b")
    assert "holds no passage" in refused(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot read" in refused(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refused(tmp_path / "pipe")
    (tmp_path / "two\nlines").write_bytes(b"")
    assert "two?lines is empty" in refused(tmp_path / "two\nlines")


def test_a_name_that_is_not_unicode_can_be_told(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tex"))
    path.write_bytes(TEX)
    assert "id is not valid Unicode" in refused(path)
    assert "id is not valid Unicode" in refused(tmp_path)
