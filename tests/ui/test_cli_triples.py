"""``rader triples``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.samples import QUESTION, THOUGHT, lines, solved, write
from tests.ui.command import Rader, one_line

CORPUS = [
    {
        "id": "parts",
        "title": "Part of a Whole",
        "text": "A share of a whole taken away leaves the complement.",
    },
    {"id": "ring", "title": "Ring Homomorphism", "text": "A map between rings keeps sums and products."},
]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Trajectories, where to write, and the corpus."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in CORPUS), encoding="utf-8")
    folder = write(tmp_path / "log", [solved(n) for n in range(8)])
    return [str(folder), "--out", str(tmp_path / "out"), "--corpus", str(corpus)]


def test_trajectories_become_triples_with_mined_negatives(
    rader: Rader, files: list[str], tmp_path: Path
) -> None:
    done = rader("triples", *files, "--mine", "bm25", "--negatives", "5", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    train = lines(tmp_path / "out" / "triples.jsonl")
    assert report["triples"] == len(train) + sum(report["validation"].values())
    assert report["settings"]["mined_with"] == ["bm25"]
    assert all(one["positive"] == "parts" for one in train)
    question = next(one for one in train if one["query_type"] == "question")
    assert question["negatives"][0] == "ring"
    assert len(question["negatives"]) == 5
    assert report["leakage"] is None


@pytest.fixture
def found(rader: Rader) -> Iterator[Path]:
    """A benchmark in the home folder, which other tests share."""
    folder = rader.home / "benchmarks"
    folder.mkdir()
    yield folder / "found.jsonl"
    shutil.rmtree(folder)


def test_benchmarks_given_and_found_are_kept_away_from(
    rader: Rader, files: list[str], found: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given.jsonl"
    given.write_text(json.dumps({"id": "g", "query": THOUGHT, "gold_ids": ["parts"]}) + "\n")
    found.write_text(json.dumps({"problem": QUESTION}) + "\n")
    done = rader("triples", *files, "--types", "cot,question,lexical", "--benchmark", str(given))
    assert done.returncode == 0, done.stderr
    assert "repeat one of 2 benchmarks: left out" in done.stdout
    assert {one["query_type"] for one in lines(tmp_path / "out" / "triples.jsonl")} <= {"lexical"}
    done = rader("triples", *files, "--benchmark", str(given), "--allow-leakage")
    assert "repeat one of 2 benchmarks: kept" in done.stdout
    report = json.loads((tmp_path / "out" / "leakage.json").read_text())
    assert all(each["same"] + each["near"] + each["run"] for each in report["benchmarks"].values())


def test_written_problems_of_ones_own_need_no_trajectory(
    rader: Rader, files: list[str], tmp_path: Path
) -> None:
    row = {
        "id": "ring",
        "problem": "A clock shows sums.",
        "reasoning": "It keeps both.",
        "ask": "What is kept?",
    }
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps(row) + "\n")
    done = rader("triples", *files[1:], "--written-file", str(own), "--validation", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["train"] == {"cot": 2, "lexical": 1, "llm": 1, "question": 1}


def test_labelled_queries_need_no_trajectory(rader: Rader, files: list[str], tmp_path: Path) -> None:
    labelled = tmp_path / "queries.jsonl"
    labelled.write_text(json.dumps({"id": "q", "query": "What keeps sums?", "gold_ids": ["ring"]}) + "\n")
    done = rader("triples", *files[1:], "--labelled", str(labelled), "--validation", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["train"] == {"lexical": 1, "question": 1}
    made = {one["query_type"]: one for one in lines(tmp_path / "out" / "triples.jsonl")}
    assert (made["question"]["query"], made["question"]["positive"]) == ("What keeps sums?", "ring")


def test_an_ask_in_the_theorems_own_words_is_a_search(rader: Rader, files: list[str], tmp_path: Path) -> None:
    own, ask = tmp_path / "own.jsonl", "Ring Homomorphism between rings"
    row = {"id": "ring", "problem": "A clock shows sums.", "reasoning": "It keeps both.", "ask": ask}
    own.write_text(json.dumps(row) + "\n")
    done = rader("triples", *files[1:], "--written-file", str(own), "--validation", "0", "--json")
    assert done.returncode == 0, done.stderr
    made = lines(tmp_path / "out" / "triples.jsonl")
    assert ask in [one["query"] for one in made if one["query_type"] == "lexical"]
    assert not [one for one in made if one["query_type"] == "llm"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "there is nothing to make triples from"),
        (("no-such-folder",), "there is no file no-such-folder"),
        (("LOG", "--types", "cot,poem"), "types.1: input should be"),
        (("LOG", "--mine", "nonsense"), "nonsense"),
        (("LOG", "--benchmark", "no-such.jsonl"), "cannot read no-such.jsonl"),
    ],
)
def test_bad_input_is_one_line(
    rader: Rader, files: list[str], tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    named = [files[0] if one == "LOG" else one for one in arguments]
    done = rader("triples", *named, "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert told in done.stderr
