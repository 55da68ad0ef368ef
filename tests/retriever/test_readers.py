"""Fuzz: whatever a file holds, its reader gives a corpus or one clear line.

RADER_FUZZ says how many examples a test tries; 2,000 take some minutes.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.passage import Passage
from retriever.queries import Query, read_queries
from retriever.sources import Format, bright_corpus, bright_queries, collect_corpus

fuzz = settings(
    max_examples=int(os.environ.get("RADER_FUZZ", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("id", "title", "text", "kind", "source", "tags", "aliases", "use_when", "categories", "language")
QUERY_KEYS = ("id", "query", "gold_ids", "excluded_ids", "cot")
NATURAL_KEYS = ("id", "type", "label", "title", "categories", "contents", "refs", "proofs")
BRIGHT_KEYS = ("id", "content", "query", "gold_ids", "excluded_ids")
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)

# Pieces that mean something to the readers, put together in any order.
PIECES_OF_TEX = r"""
\begin{theorem} \end{theorem} \begin{lemma}[ ] \end{lemma} \begin{proof} \end{proof} \label{a} { } % \% \\ $
\newtheorem{satz}{Satz} \newtheorem{ \begin{satz} \end{satz} \newcommand{\bt}{ \def\x#1{ \verb| \iffalse
\fi \begin{verbatim} \end{verbatim} \end{document} \section{A} \section[ \end{restatable} \cite{
\begin{restatable} \begin{restatable}{lemma}{k} \newtcbtheorem{b}{B}{}{} \begin{b}{ \end{b}
\declaretheorem[name={
"""
PIECES_OF_MARKDOWN = """
**Theorem 2.1 (A).**|**Lemma**|*Proof.*|Theorem 1.|# |## Theorem |> |> [!theorem] A|```{prf:theorem} N|```|x
:::{prf:lemma}|:::|::: {.theorem #a}|:label: a|---|$$|- |(a)=|1. |    |\\begin{lemma}|\\end{lemma}|{#a}|/a/b/
/-/-/|<div>|\t|~~~|::: {.grid}|<details>|[a]: b|===
"""
SPACES = ["\n", "\n\n", " ", "\r\n", "é", "\0", "\ufeff"]
TEX = st.lists(st.sampled_from([*PIECES_OF_TEX.split(), *SPACES]), max_size=30).map("".join)
MARKDOWN = st.lists(
    st.sampled_from([*PIECES_OF_MARKDOWN.strip().replace("\n", "|").split("|"), *SPACES]), max_size=40
).map(lambda pieces: "".join(pieces).replace("/", "|"))


def some(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, object]]:
    """Objects with some of the keys a reader knows, of any value, often of the right type."""
    value = st.text(max_size=10) | st.lists(st.text(max_size=5), max_size=3) | VALUES
    return st.dictionaries(st.sampled_from(keys) | st.text(max_size=5), value, max_size=8)


def lines(rows: list[object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def check(error: BadInputError) -> None:
    """One clear line that can be printed, and what to do."""
    assert error.message
    assert error.remedy
    assert "\n" not in str(error)
    str(error).encode()


def corpus_or_clear_line(path: Path, *, skip_bad: bool, form: Format | None = None) -> Corpus | None:
    """Read a file or a folder; anything but a corpus or one clear line fails the test."""
    try:
        corpus = collect_corpus([path], shipped=False, skip_bad=skip_bad, file_format=form)
    except BadInputError as error:
        check(error)
        return None
    assert len(corpus) > 0
    assert len({passage.id for passage in corpus}) == len(corpus) == sum(corpus.counts.values())
    corpus.sha256.encode()
    assert skip_bad or not corpus.skipped
    return corpus


def read(content: bytes, name: str, form: Format | None = None) -> list[Corpus | None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        found = [corpus_or_clear_line(path, skip_bad=skip, form=form) for skip in (False, True)]
        corpus_or_clear_line(Path(folder), skip_bad=True, form=form)
    strict, lenient = found
    assert strict is None or (lenient is not None and lenient.sha256 == strict.sha256)
    return found


@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.tex", "f.md", "f"])
@fuzz
@given(content=st.binary(max_size=200))
@example(content=b'{"dataset": {"theorems": [1')
@example(content=b"\\begin{lemma}\xff")
@example(content=b"\xef\xbb\xbf")
def test_any_bytes(name: str, content: bytes) -> None:
    read(content, name)


@pytest.mark.parametrize("form", ["passages", "naturalproofs", "latex", "markdown"])
@fuzz
@given(content=st.binary(max_size=100) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_in_a_format_that_was_said(form: Format, content: bytes) -> None:
    read(content, "f", form)


@fuzz
@given(st.lists(some(KEYS) | VALUES, max_size=5))
def test_lines_of_passages(rows: list[object]) -> None:
    read(lines(rows), "f.jsonl")


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(["theorems", "definitions", "others"]), st.lists(some(NATURAL_KEYS)) | VALUES
    )
)
def test_naturalproofs(dataset: dict[str, object]) -> None:
    read(json.dumps({"dataset": dataset, "splits": {}}).encode(), "naturalproofs_proofwiki.json")


@fuzz
@given(TEX)
def test_latex(text: str) -> None:
    read(text.encode(), "f.tex")


@fuzz
@given(MARKDOWN)
def test_markdown(text: str) -> None:
    read(text.encode(), "f.md")


@fuzz
@given(st.lists(some(QUERY_KEYS) | VALUES, max_size=5), st.binary(max_size=30), st.booleans())
def test_queries(rows: list[object], tail: bytes, skip_bad: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.jsonl"
        path.write_bytes(lines(rows) + b"\n" + tail)
        try:
            queries = read_queries(path, skip_bad=skip_bad)
        except BadInputError as error:
            check(error)
        else:
            assert all(query.gold_ids and query.text() for query in queries)


@fuzz
@given(st.lists(some(BRIGHT_KEYS) | VALUES, max_size=5), st.binary(max_size=30))
def test_bright(rows: list[object], tail: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for config in ("documents", "examples"):
            (Path(folder) / config).mkdir()
            (Path(folder) / config / "pony.jsonl").write_bytes(lines(rows) + b"\n" + tail)
        for reader in (bright_corpus, bright_queries):
            try:
                reader("pony", root=folder)
            except BadInputError as error:
                check(error)


PASSAGES = st.builds(
    Passage,
    id=WORDS.filter(str.strip),
    title=WORDS,
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(str.strip),
    kind=WORDS,
    source=WORDS.filter(lambda source: "proof" not in source.lower()),
    tags=st.lists(WORDS, max_size=3).map(tuple),
    aliases=st.lists(WORDS, max_size=3).map(tuple),
    use_when=WORDS,
)


@fuzz
@given(st.lists(PASSAGES, min_size=1, max_size=4, unique_by=lambda passage: passage.id))
def test_a_corpus_written_is_the_corpus_read(passages: list[Passage]) -> None:
    content = "\n".join(passage.model_dump_json() for passage in passages).encode()
    for corpus in read(content, "f.jsonl"):
        assert corpus is not None
        assert list(corpus) == passages


@fuzz
@given(
    st.lists(
        st.builds(
            Query,
            id=WORDS,
            query=WORDS.filter(str.strip),
            gold_ids=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
            cot=st.none() | WORDS,
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda query: query.id,
    )
)
def test_queries_written_are_the_queries_read(queries: list[Query]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.jsonl"
        path.write_text("\n".join(query.model_dump_json() for query in queries), encoding="utf-8")
        assert read_queries(path) == queries


@fuzz
@given(
    st.lists(
        st.text("abc xyz,.$", min_size=1, max_size=30).filter(lambda text: text.strip()),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["theorem", "lemma", "definition"]),
)
def test_statements_written_are_the_statements_read(texts: list[str], kind: str) -> None:
    tex = "\n".join(f"\\begin{{{kind}}} {text}\n\\end{{{kind}}}" for text in texts)
    md = "\n\n".join(f"```{{prf:{kind}}}\nA {text}\n```" for text in texts)
    for corpus in read(tex.encode(), "f.tex"):
        assert corpus is not None
        assert [passage.text for passage in corpus] == [text.strip() for text in texts]
    for corpus in read(md.encode(), "f.md"):
        assert corpus is not None
        assert [passage.text for passage in corpus] == [f"A {text}".strip() for text in texts]
