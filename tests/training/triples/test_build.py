"""Triples: format, splits, what is left out and counted, bad input, bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.records import Trajectory
from retriever.corpus import Corpus
from retriever.errors import BadInputError, StorageError
from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from tests.training.samples import CORPUS, PASSAGES, QUESTION, WORDS, lines, solved, write
from training.leakage.benchmarks import Benchmark
from training.leakage.normal import digest, template
from training.leakage.overlap import Reference
from training.leakage.watch import Watch
from training.trajectories.files import TrajectoryFiles
from training.triples.build import Helpers, Triple, TriplesConfig, TriplesReport, make_triples
from training.triples.ledger import Ledger
from training.triples.negatives import by_words

MANY = [solved(number) for number in range(60)]


def make(
    folder: Path, trajectories: list[Trajectory], corpora: tuple[Corpus, ...] = (CORPUS,), **options: Any
) -> tuple[TriplesReport, list[dict[str, Any]], list[dict[str, Any]]]:
    """The report, what trains and what validates."""
    helpers, skip_bad = options.pop("helpers", None), options.pop("skip_bad", False)
    sources = TrajectoryFiles([write(folder / "in", trajectories)], skip_bad=skip_bad)
    report = make_triples(sources, corpora, folder / "out", TriplesConfig(**options), helpers)
    return report, lines(folder / "out" / "triples.jsonl"), lines(folder / "out" / "validation.jsonl")


def test_a_triple_is_as_the_design_says(tmp_path: Path) -> None:
    report, train, _ = make(tmp_path, [solved()], validation=0)
    assert {one["query_type"] for one in train} == {"cot", "question", "lexical"}
    assert list(train[0]) == ["id", "query", "query_type", "positive", "negatives", "trajectory"]
    question = next(one for one in train if one["query_type"] == "question")
    assert question["query"].startswith(QUESTION)
    assert (question["positive"], question["negatives"], question["trajectory"]) == ("parts", ["ring"], "t0")
    assert all(Triple.model_validate(one).positive == "parts" for one in train)
    assert report.train == {"cot": 2, "lexical": 1, "question": 1}
    assert lines(tmp_path / "out" / "corpus.jsonl") == [
        passage.model_dump(exclude_defaults=True) for passage in PASSAGES[:2]
    ]


def test_the_same_input_gives_the_same_bytes_and_a_report_of_what_went_in(tmp_path: Path) -> None:
    first, *_ = make(tmp_path, MANY)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"triples.jsonl", "validation.jsonl", "corpus.jsonl", "report.json", "triples.lock"}
    again, *_ = make(tmp_path, MANY)
    assert first == again == TriplesReport.model_validate_json(files["report.json"])
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert first.corpus_sha256 == CORPUS.sha256
    assert first.settings["negatives"] == 12


def test_no_problem_is_on_both_sides_and_twins_stay_together(tmp_path: Path) -> None:
    twins = [
        solved(n, id=f"twin{n}", problem_id=f"twin{n}", problem=one.problem.upper().replace("12", " 15 "))
        for n, one in enumerate(MANY)
    ]
    report, train, validation = make(tmp_path, [*MANY, *twins], validation=0.3, types=["question"])
    assert report.problems == 60

    def number(triple: dict[str, Any]) -> int:
        return int(triple["trajectory"].removeprefix("twin").removeprefix("t"))

    sides = [{number(one) for one in side} for side in (train, validation)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 60
    assert 8 <= len(sides[1]) <= 28  # of 60 at 0.3, three standard deviations
    *_, other = make(tmp_path, [*MANY, *twins], validation=0.3, types=["question"], seed=1)
    assert {number(one) for one in other} != sides[1]


def test_what_helped_elsewhere_with_the_problem_is_no_negative(tmp_path: Path) -> None:
    ways = [solved(0, ["parts"], ["ring", "angle"]), solved(0, ["ring"], ["prime"], id="other")]
    report, train, _ = make(tmp_path, ways, types=["question"], validation=0)
    assert {one["positive"]: one["negatives"] for one in train} == {"parts": ["angle"], "ring": ["prime"]}
    assert report.dropped == {"negative: positive elsewhere for the same problem": 1}


def test_mined_negatives_come_after_rejected_ones(tmp_path: Path) -> None:
    helpers = Helpers(miners={"bm25": by_words(LexicalIndex.build(CORPUS))})
    one = solved(problem="A circle has an angle; a number has a divisor.")
    report, train, _ = make(tmp_path, [one], helpers=helpers, validation=0, types=["question", "lexical"])
    found = {each["query_type"]: each["negatives"] for each in train}
    assert found["question"][0] == "ring"
    assert set(found["question"]) == {"ring", "angle", "prime"}
    assert "ring" not in found["lexical"]  # rejected for the problem, and nothing to do with the words
    assert report.settings["mined_with"] == ["bm25"]
    report, train, _ = make(tmp_path, [one], helpers=helpers, validation=0, negatives=1)
    assert {len(each["negatives"]) for each in train} <= {0, 1}


def test_a_lexical_query_that_bm25_cannot_answer_is_dropped(tmp_path: Path) -> None:
    crowd = Corpus(
        [*PASSAGES, *(Passage(id=f"x{n:02}", title="Part of a Whole", text="part whole") for n in range(30))]
    )
    report, train, _ = make(tmp_path, [solved()], (crowd,), types=["lexical", "question"], validation=0)
    assert report.dropped["lexical query: BM25 does not find the theorem with it"] == 1
    assert {one["query_type"] for one in train} == {"question"}


def test_a_query_is_there_once_for_a_theorem(tmp_path: Path) -> None:
    again = [solved(), solved(id="u"), solved()]
    report, train, _ = make(tmp_path, again, validation=0)
    assert len(train) == 4
    assert report.dropped == {
        "trajectory: there twice": 1,
        "cot query: there twice for the same theorem": 2,
        "question query: there twice for the same theorem": 1,
    }


def test_what_repeats_a_benchmark_is_left_out_unless_allowed(tmp_path: Path) -> None:
    def helpers() -> Helpers:
        reference = Reference("bench", "1", MANY[0].problem)
        return Helpers(leakage=Watch([Benchmark("bench", "", (reference,))]))

    report, train, _ = make(tmp_path, MANY[:1], helpers=helpers(), validation=0)
    assert report.dropped == {"question query: too like a benchmark": 1, "cot query: too like a benchmark": 1}
    assert all(QUESTION not in one["query"] for one in train)
    leaks = json.loads((tmp_path / "out" / "leakage.json").read_text())
    assert (leaks["kept"], leaks["benchmarks"]["bench"]["same"]) == (False, 1)
    _, train, _ = make(tmp_path, MANY[:1], helpers=helpers(), validation=0, allow_leakage=True)
    assert len(train) == 4
    assert json.loads((tmp_path / "out" / "leakage.json").read_text())["kept"]
    make(tmp_path, MANY[:1], validation=0)
    assert not (tmp_path / "out" / "leakage.json").exists()


# Bad input


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"schema": 2, "id": "x"}, "a trajectory of schema 2, and this version reads schema 1"),
        ({"id": "x", "query": "q", "gold_ids": []}, "no trajectory: it has no schema"),
        ({"schema": 1, "id": "x"}, "problem is missing"),
    ],
)
def test_what_is_no_trajectory_is_named_or_counted(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    path = write(tmp_path / "in", [solved()]) / "trajectories.jsonl"
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(BadInputError, match=f"line 2: {reason}"):
        make_triples(TrajectoryFiles([path]), [CORPUS], tmp_path / "out")
    assert not (tmp_path / "out" / "triples.jsonl").exists()
    report = make_triples(TrajectoryFiles([path], skip_bad=True), [CORPUS], tmp_path / "out")
    assert (report.triples, len(report.skipped)) == (4, 1)


@pytest.mark.parametrize(
    ("trajectories", "told"),
    [
        ([solved(relevant=["nowhere"])], "the corpus holds none of the 1 passages that helped"),
        ([solved(reward=0)], r"no triple is left of 1 trajectories: trajectory: wrong answer \(1\)"),
        ([], "no triple is left of 0 trajectories: there are none"),
    ],
)
def test_nothing_to_learn_is_one_line(tmp_path: Path, trajectories: list[Trajectory], told: str) -> None:
    with pytest.raises(BadInputError, match=told) as error:
        make(tmp_path, trajectories)
    assert "\n" not in str(error.value)
    assert error.value.remedy


def test_ids_that_the_corpus_lacks_are_counted(tmp_path: Path) -> None:
    report, train, _ = make(
        tmp_path, [solved(0, rejected=["gone"]), solved(1, ["nowhere"])], validation=0, types=["question"]
    )
    assert len(train) == 1
    assert report.dropped == {"theorem: not in the corpus": 1, "negative: not in the corpus": 1}


def test_few_triples_without_negatives_and_validation_warn(tmp_path: Path) -> None:
    report, train, _ = make(tmp_path, [solved(rejected=["parts"])], validation=0)
    assert train[0]["negatives"] == []
    told = "; ".join(report.warnings)
    for part in ("only 4 triples", "no problem validates", "no triple has a hard negative"):
        assert part in told


def test_a_failed_run_leaves_what_was_there(tmp_path: Path) -> None:
    make(tmp_path, MANY)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(BadInputError):
        make(tmp_path, [solved(reward=0)])
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="cannot write to"):
        make(tmp_path, MANY)


def test_one_id_for_two_things_is_refused_and_for_one_theorem_is_not(tmp_path: Path) -> None:
    same = Corpus([Passage(id="parts", title="Part of a WHOLE", text="In other words.")])
    report, *_ = make(tmp_path, MANY, (CORPUS, same))
    assert any("1 theorems stand under one id" in told for told in report.warnings)
    other = Corpus([Passage(id="parts", title="Spare Parts", text="Of a machine.")])
    with pytest.raises(BadInputError, match="'parts' is that of 'Part of a Whole' and of 'Spare Parts'"):
        make(tmp_path, MANY, (CORPUS, other))


# Held out


def test_held_out_theorems_are_trained_on_in_no_role_whatever_stands_beside(tmp_path: Path) -> None:
    passages = [
        Passage(
            id=f"s{n}",
            title=f"Title {' '.join(WORDS[n % 15 : n % 15 + 2])} {WORDS[n // 15]}",
            text=f"Text {WORDS[n % 15]} {WORDS[n // 15]}.",
        )
        for n in range(60)
    ]
    proofs = [
        solved(n, [f"s{(n + 1) % 60}"], [f"s{(n + 7) % 60}"], strategy="proof", problem_id=f"s{n}")
        for n in range(60)
    ]
    report, train, _ = make(tmp_path, proofs, (Corpus(passages),), held_out=0.2, validation=0)
    used = {one["positive"] for one in train}
    named = used | {key for one in train for key in one["negatives"]}
    assert report.dropped["trajectory: its proof uses a held-out theorem"] > 5
    assert 20 < len(used) < 58
    beside = Corpus([Passage(id="copy", title="A Copy", text=passage.text) for passage in passages[:1]])
    _, again, _ = make(tmp_path, proofs, (beside, Corpus(passages)), held_out=0.2, validation=0)
    assert {one["positive"] for one in again} == used
    gone = {f"s{n}" for n in range(60)} - named
    assert gone
    assert not any(key in gone for one in train for key in (one["positive"], *one["negatives"]))


# The ledger, and memory


def test_problems_are_one_over_any_chain_of_shared_ids_and_texts(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.add("b", "First text of 12", ["x"])
        ledger.add("c", "first  TEXT, of 13!", ["y"])
        ledger.add("c", "second text", [])
        ledger.add("a", "Second text", ["z"])
        ledger.add("d", "third text", ["w"])
        assert ledger.settle() == 2
        assert {ledger.name(one) for one in "abc"} == {"a"}
        assert ledger.positives("b") == {"x", "y", "z"}
        assert ledger.positives("d") == {"w"}
        assert [ledger.is_new("k", "1"), ledger.is_new("k", "1"), ledger.is_new("k1")] == [True, False, True]
        with pytest.raises(BadInputError, match="changed while they were read"):
            ledger.name("new")


def test_texts_are_the_same_but_for_looks_and_templates_but_for_numbers() -> None:
    assert digest("Let $x \\le \\dfrac{1}{2}$.") == digest("let  x \\leq \\frac 1 2")
    assert digest("$+$") != digest("$-$")
    assert digest("12 cats") != digest("13 cats")
    assert template("12 cats") == template("13 CATS!")


class Endless(TrajectoryFiles):
    """Trajectories that are made as they are read."""

    def __init__(self, count: int) -> None:
        self.count, self.skipped = count, []

    def read(self) -> Iterator[Trajectory]:
        for n in range(self.count):
            yield solved(n, problem=f"{QUESTION} {WORDS[n % 15]} {'x' * (n // 15)} " + "long " * 50)

    def sha256(self) -> dict[str, str]:
        return {}


def test_memory_does_not_grow_with_the_trajectories(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        make_triples(Endless(count), [CORPUS], tmp_path / str(count))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(50)  # what is imported and cached the first time
    assert peak(1500) < peak(500) + 500_000  # 3,000 triples more, of 300 bytes and up each
