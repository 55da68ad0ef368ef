"""``rader eval retrieval`` by DESIGN's contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_tiny_encoder
from tests.ui.command import Rader, one_line

WORDS = ("prime", "circle", "matrix", "graph", "limit", "sequence")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Six passages, a query for each, one that excludes the passage that would be first."""
    corpus, queries = tmp_path / "corpus.jsonl", tmp_path / "queries.jsonl"
    passages = [{"id": word, "title": word, "text": f"A theorem of the {word}."} for word in WORDS]
    passages.append({"id": "copy", "title": "prime", "text": "A theorem of the prime prime prime."})
    asked: list[dict[str, Any]] = [
        {"id": f"q-{word}", "query": f"the {word} theorem", "gold_ids": [word]} for word in WORDS
    ]
    asked[0]["excluded_ids"] = ["copy"]
    asked[1]["cot"] = "first the circle"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in passages), encoding="utf-8")
    queries.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    return "eval", "retrieval", "--corpus", str(corpus), "--queries", str(queries)


def report(rader: Rader, *arguments: str) -> dict[str, Any]:
    done = rader(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_it_prints_the_contract(rader: Rader, files: tuple[str, ...]) -> None:
    found = report(rader, *files, "--retriever", "bm25", "--retriever", "base", "--retriever", "hybrid")
    assert (found["benchmark"], found["n"]) == ("queries", 6)
    assert list(found["results"]) == ["bm25", "base", "hybrid"]
    for result in found["results"].values():
        assert {"ndcg@10", "recall@10", "mrr@10", "seconds"} <= set(result)
        assert 0 <= result["ndcg@10"] <= 100
    assert found["results"]["bm25"]["ndcg@10"] == 100.0
    assert list(found["paired"]) == ["bm25 vs base", "bm25 vs hybrid", "base vs hybrid"]
    assert all(set(pair) == {"delta", "ci95", "p"} for pair in found["paired"].values())


def test_several_corpora_and_the_reasoning_field(
    rader: Rader, files: tuple[str, ...], tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"id": "x", "text": "Something else."}) + "\n")
    found = report(rader, *files, "--corpus", str(more), "--query-field", "cot", "--retriever", "bm25")
    assert found["n"] == 1
    assert found["settings"]["passages"] == 8


def test_an_encoder_by_its_folder(rader: Rader, files: tuple[str, ...], tmp_path: Path) -> None:
    other = str(make_tiny_encoder(tmp_path / "other", seed=1))
    found = report(rader, *files, "--retriever", "base", "--retriever", other)
    assert list(found["results"]) == ["base", other]
    marks = [one["fingerprint"] for one in found["settings"]["retrievers"].values()]
    assert marks[0] != marks[1]


def test_a_run_written_and_read_scores_the_same(rader: Rader, files: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "runs"
    out.mkdir()
    first = report(rader, *files, "--retriever", "base", "--run-out", str(out))
    [file] = list(out.iterdir())
    again = report(rader, *files, "--run-in", f"theirs={file}", "--retriever", "base")
    theirs = again["results"]["theirs"]
    assert theirs["ndcg@10"] == first["results"]["base"]["ndcg@10"]
    assert again["paired"]["base vs theirs"]["delta"] == 0


def test_for_people_it_is_a_table(rader: Rader, files: tuple[str, ...]) -> None:
    done = rader(*files, "--retriever", "bm25")
    assert "nDCG@10" in done.stdout
    assert "6 queries" in done.stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--retriever", "nonsense"), "nonsense"),
        (("--corpus", "no-such.jsonl"), "no-such.jsonl"),
        (("--run-in", "theirs"), "NAME=FILE"),
        (("--reranker", "no-such-folder"), "no-such-folder"),
    ],
)
def test_bad_input_is_one_line(
    rader: Rader, files: tuple[str, ...], more: tuple[str, ...], says: str
) -> None:
    done = rader(*files, *more)
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr


def test_a_split_of_bright_gives_corpus_and_queries(rader: Rader, tmp_path: Path) -> None:
    tables = {
        "documents": [{"id": word, "content": f"A theorem of the {word}."} for word in WORDS],
        "examples": [
            {"id": "0", "query": "the circle theorem", "gold_ids": ["circle"], "excluded_ids": ["N/A"]},
            {"id": "1", "query": "the prime theorem", "gold_ids": ["graph"], "excluded_ids": ["prime"]},
        ],
    }
    for name, rows in tables.items():
        (tmp_path / name).mkdir()
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "pony.jsonl").write_text(lines, encoding="utf-8")
    split = f"bright:{tmp_path}/pony"
    found = report(rader, "eval", "retrieval", "--corpus", split, "--queries", split, "--retriever", "bm25")
    assert (found["benchmark"], found["n"]) == ("pony", 2)
    assert found["results"]["bm25"]["mrr@10"] < 100  # the second query's own word is excluded


def test_a_query_file_that_is_not_there_is_one_line(rader: Rader, files: tuple[str, ...]) -> None:
    failed = rader(*files[:-1], "no-such-file.jsonl", "--retriever", "bm25")
    assert failed.returncode == 1
    assert one_line(failed.stderr)
    assert "no-such-file.jsonl" in failed.stderr
