"""Import of written proofs: which steps they give, that no name is told, what is refused, and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.log import TrajectoryLog
from agent.records import Trajectory
from retriever.corpus import Corpus
from retriever.errors import BadInputError, StorageError
from retriever.passage import Passage
from training.proofs import files as proof_files
from training.proofs.importer import ProofReport, import_proofs
from training.proofs.names import Names, full_forms
from training.proofs.steps import STEP_CHARS
from training.proofs.trajectory import LEAST_QUERY, Page, Statements

BAGS = "Let $a$ and $b$ be bags.\nThen $a + b = b + a$."
STATEMENTS: list[dict[str, Any]] = [
    {"id": "bag", "title": "Bag Sum Theorem", "text": BAGS, "kind": "theorem"},
    {"id": "ada", "title": "Ada's Lemma", "text": "Every bag $a$ has a seam.", "aliases": ["Seam Lemma"]},
    {
        "id": "marble",
        "title": "Marble Count (Bags)",
        "text": "$n$ marbles weigh $n$.",
        "categories": ["Bags"],
    },
    {"id": "jar", "title": "Marble Count (Jars)", "text": "A jar of $n$ marbles weighs $n + 1$."},
    {"id": "copy", "title": "Sum of Bags", "text": "Let $a$ and $b$ be bags. Then: $a + b = b + a$"},
    {"id": "plain", "title": "", "text": "A seam is a line."},
    {"id": "formula", "title": "1+1 = 2", "text": "$1 + 1 = 2$"},
]
PROOF = (
    "[Proof]\nLet $a$ and $b$ be bags, each sewn by hand and filled up to its brim with marbles.\n"
    "By Ada's Lemma:\n$a$ has a seam that can be cut along all of its length, and so has $b$, as we have "
    "seen once or twice before.\nSo the sum is well sewn.\n"
    "\\(a + b = c + b\\) Seam Lemma \\(= b + a\\) by the Ada Lemmas, and Marble Count (Bags) "
    "Hence the result.\n$\\blacksquare$"
)


class Files:
    """Three input files in a folder, and an import of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.write("statements", STATEMENTS)
        self.write("proofs", [{"id": "bag", "proof": PROOF}])
        self.write("links", [{"id": "bag", "premises": ["ada", "marble"], "source": "ours"}])

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def write(self, name: str, rows: list[Any]) -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        self.path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, **options: Any) -> ProofReport:
        return import_proofs(
            self.path("statements"), self.path("proofs"), self.path("links"), self.out, **options
        )

    def trajectories(self) -> list[Trajectory]:
        return list(TrajectoryLog(self.out / "trajectories.jsonl").read(skip_bad=False))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def page(premises: list[str]) -> Page:
    return Page(Statements(Corpus(Passage.model_validate(row) for row in STATEMENTS)), "bag", premises)


def test_a_proof_becomes_thoughts_and_queries_with_their_theorems(files: Files) -> None:
    report = files.run()
    (one,) = files.trajectories()
    assert [step.action for step in one.steps] == [
        "think", "query", "retrieve", "think", "query", "retrieve", "think", "query", "retrieve", "think",
    ]  # fmt: skip
    assert [step.n for step in one.steps] == list(range(1, 11))
    assert [step.parent for step in one.steps] == [None, *range(1, 10)]
    found = [[hit.id for hit in step.hits] for step in one.steps if step.action == "retrieve"]
    assert found == [["ada"], ["ada"], ["ada", "marble"]]
    assert {hit.verdict for step in one.steps for hit in step.hits} == {"relevant"}
    assert one.steps[1].text.startswith("$a$ has a seam that can be cut")
    assert (one.problem, one.problem_id, one.reward) == (STATEMENTS[0]["text"], "bag", 1)
    assert (report.proofs, report.trajectories, report.queries, report.pairs) == (1, 1, 3, 4)
    assert report.links == {"located": 2}


def test_no_name_is_told(files: Files) -> None:
    files.run()
    (one,) = files.trajectories()
    told = [one.problem, *(step.text for step in one.steps)]
    for text in told:
        assert "Lemma" not in text
        assert "Marble Count" not in text
        assert len(text) <= STEP_CHARS


def test_a_row_brings_the_left_side_of_its_calculation() -> None:
    steps = page(["ada"]).steps(r"\(a + b = " + "c + " * 40 + r"d\) \(= b + a\) Ada's Lemma")
    query = next(step.text for step in steps if step.action == "query")
    assert query.startswith(r"\(a + b = ")
    assert query.endswith(r"\(= b + a\)")


def test_a_query_that_says_too_little_reaches_back_to_what_is_proved() -> None:
    steps = page(["ada"]).steps("This follows from Ada's Lemma.")
    assert [step.action for step in steps] == ["query", "retrieve"]
    assert steps[0].text == STATEMENTS[0]["text"]
    longer = page(["ada"]).steps("Let $x$ be " + "long " * 30 + ".\nHence the result, by Ada's Lemma.")
    assert longer[1].text.startswith("Let $x$ be")
    assert len(longer[1].text) >= LEAST_QUERY


@pytest.mark.parametrize(
    ("premise", "proof", "fate"),
    [
        ("ada", "By Ada's Lemma.", "located"),
        ("ada", "By the Seam Lemma.", "located"),
        ("ada", "Trivial.", "not in the text by name"),
        ("marble", "By Marble Count.", "not in the text by name"),  # of bags or of jars?
        ("plain", "A seam is a line.", "without a title"),
        ("formula", "As $1 + 1 = 2$.", "with a formula for a title"),
        ("nobody", "By nobody.", "of no such statement"),
        ("bag", "By Bag Sum Theorem.", "to the statement itself"),
        ("copy", "By Sum of Bags.", "to the statement itself"),
    ],
)
def test_every_link_is_counted(premise: str, proof: str, fate: str) -> None:
    one = page([premise])
    assert bool(one.steps(proof)) is (fate == "located")
    assert one.links() == {fate: 1}


def test_a_corollary_is_not_meant_where_its_theorem_is_linked() -> None:
    rows = [*STATEMENTS, {"id": "seam", "title": "Ada's Lemma/Corollary", "text": "Every bag is sewn."}]
    statements = Statements(Corpus(Passage.model_validate(row) for row in rows))
    both = Page(statements, "bag", ["ada", "seam"]).steps("By Ada's Lemma.")
    alone = Page(statements, "bag", ["seam"]).steps("By Ada's Lemma.")
    assert [[hit.id for hit in steps[1].hits] for steps in (both, alone)] == [["ada"], ["seam"]]


def test_each_proof_of_a_page_is_a_trajectory(files: Files) -> None:
    text = "[Proof 1]\nBy Ada's Lemma.\n[Proof 2]\nTrivial.\n[Proof 3]\nBy the Seam Lemma, again."
    files.write("proofs", [{"id": "bag", "proof": text}])
    report = files.run()
    assert [one.id for one in files.trajectories()] == ["proof:bag:1", "proof:bag:3"]
    assert report.dropped == {"proofs: nothing cited by name": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Bags add up.\nProof by Weighing\nWe weigh them.\n$\\blacksquare$", "Bags add up."),
        ("Bags add up, by Ada's Lemma.\nGeometric Proof 2\nWe weigh.", "Bags add up."),
    ],
)
def test_a_problem_holds_neither_its_proof_nor_a_name(files: Files, text: str, problem: str) -> None:
    files.write("statements", [STATEMENTS[0] | {"text": text}, *STATEMENTS[1:4]])
    files.run()
    assert [one.problem for one in files.trajectories()] == [problem]


def test_a_statement_that_is_all_proof_is_left_out(files: Files) -> None:
    files.write("proofs", [{"id": "bag", "proof": PROOF}, {"id": "jar", "proof": "By Ada's Lemma"}])
    files.write("statements", [*STATEMENTS[:3], STATEMENTS[3] | {"text": "So it is. $\\blacksquare$"}])
    files.write("links", [{"id": one, "premises": ["ada"]} for one in ("bag", "jar", "marble")])
    report = files.run()
    assert report.dropped == {"pages: no statement apart from its proof": 1}
    assert report.links == {
        "located": 1,
        "of a page that is left out": 1,
        "of a statement without a proof": 1,
    }


def test_the_same_input_gives_the_same_bytes_and_is_not_read_twice(files: Files) -> None:
    read: list[int] = []
    first = files.run(progress=read.append)
    written = (files.out / "trajectories.jsonl").read_bytes()
    assert files.run(progress=read.append) == first
    assert read == [1]
    again = Files(files.folder)
    again.out = files.folder / "again"
    again.run()
    assert (again.out / "trajectories.jsonl").read_bytes() == written


def test_new_input_is_imported_anew(files: Files) -> None:
    files.run()
    files.write("proofs", [{"id": "bag", "proof": "By Ada's Lemma."}])
    assert files.run().pairs == 1
    assert len(files.trajectories()) == 1


def test_an_import_that_breaks_off_leaves_the_old_one(files: Files) -> None:
    files.run()
    before = (files.out / "trajectories.jsonl").read_bytes()
    files.write("proofs", [{"id": "bag", "proof": "By Ada's Lemma."}, "{"])
    with pytest.raises(BadInputError):
        files.run()
    assert (files.out / "trajectories.jsonl").read_bytes() == before
    assert sorted(path.name for path in files.out.iterdir()) == ["report.json", "trajectories.jsonl"]


def test_a_run_killed_before_its_report_is_done_again(files: Files) -> None:
    first = files.run()
    (files.out / "report.json").unlink()
    assert files.run() == first
    assert (files.out / "report.json").exists()


def test_trajectories_from_elsewhere_are_not_written_over(files: Files) -> None:
    files.run()
    (one,) = files.trajectories()
    path = files.out / "trajectories.jsonl"
    for foreign in (one.model_copy(update={"strategy": "mcts"}).to_json(), "something else"):
        path.write_text(foreign + "\n", encoding="utf-8")
        with pytest.raises(BadInputError, match="not from proofs"):
            files.run()
        assert path.read_text(encoding="utf-8") == foreign + "\n"


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("statements", {"id": "new"}, "statements.jsonl, line 8: text is missing"),
        ("statements", STATEMENTS[0], "line 8: the id 'bag' is already taken"),
        ("proofs", {"id": "ada"}, "proofs.jsonl, line 2: proof is missing"),
        ("proofs", {"id": "ada", "proof": 7}, "line 2: proof: input should be a valid string"),
        ("proofs", {"id": "bag", "proof": "Again."}, "line 2: the id 'bag' is already taken"),
        ("proofs", '{"id": "ada"', "line 2: not JSON"),
        ("proofs", "[1]", "line 2: not a JSON object but list"),
        ("links", {"id": "ada"}, "links.jsonl, line 2: premises is missing"),
        ("links", {"id": "ada", "premises": "bag"}, "line 2: premises: input should be a valid tuple"),
        ("links", {"id": "ada", "premises": ["x"] * 1001}, "line 2: premises: "),
    ],
)
def test_a_bad_line_is_named_or_left_out(files: Files, name: str, row: Any, reason: str) -> None:
    good = files.path(name).read_text(encoding="utf-8").splitlines()
    files.write(name, [*good, row])
    with pytest.raises(BadInputError, match="line") as caught:
        files.run()
    assert reason in str(caught.value)
    assert not (files.out / "trajectories.jsonl").exists()
    report = files.run(skip_bad=True)
    assert (report.pairs, len(report.skipped)) == (4, 1)
    assert reason in report.skipped[0]
    with pytest.raises(BadInputError, match="line"):  # done, and yet not without skipping
        files.run()


def test_bytes_that_are_not_utf8_are_named(files: Files) -> None:
    with files.path("proofs").open("ab") as file:
        file.write(b'{"id": "\xff"}\n')
    with pytest.raises(BadInputError, match="line 2: not UTF-8"):
        files.run()


@pytest.mark.parametrize("name", ["statements", "proofs", "links"])
def test_a_file_that_is_not_there(files: Files, name: str) -> None:
    files.path(name).unlink()
    with pytest.raises(BadInputError, match=f"cannot read .*{name}"):
        files.run()


@pytest.mark.parametrize(
    "rows", [[], [{"id": "bag", "proof": "Trivial."}], [{"id": "who", "proof": "By Ada's Lemma"}]]
)
def test_files_that_do_not_belong_together(files: Files, rows: list[Any]) -> None:
    files.write("proofs", rows)
    with pytest.raises(BadInputError, match="cites a statement by name"):
        files.run()
    assert not (files.out / "trajectories.jsonl").exists()


def test_a_folder_that_cannot_be_written_to(files: Files) -> None:
    files.out.write_text("a file", encoding="utf-8")
    with pytest.raises((StorageError, BadInputError), match="out"):
        files.run()


def test_a_folder_without_room_keeps_nothing_half(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(proof_files.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        files.run()
    assert list(files.out.iterdir()) == []


PIECES = [
    "Ada's Lemma",
    "seam lemmas",
    "the",
    "By",
    "Ada",
    "Lemma",
    "Seam",
    ",",
    "\n",
    ":",
    "$a$",
    r"\(= b\)",
    ".",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
def test_whatever_the_proof_no_step_tells_the_name_of_its_theorem(proof: str) -> None:
    steps = page(["ada"]).steps(proof)
    names = Names({"ada": full_forms("Ada's Lemma", ["Seam Lemma"])})
    for step in steps:
        assert names.mark(step.text)[1] == {}
        assert len(step.text) <= STEP_CHARS
