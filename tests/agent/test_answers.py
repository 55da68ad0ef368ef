"""Answers: which box counts, and what equals what (answer_pairs.jsonl, labelled by hand)."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from agent.answers import boxed, grade
from agent.grading import Grader
from agent.records import Grade

PATIENCE = 60.0  # seconds for one comparison: a busy machine must not turn a right answer into no answer
_FILE = Path(__file__).with_name("answer_pairs.jsonl")
PAIRS = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]
BY_KIND: dict[str, list[dict[str, str]]] = defaultdict(list)
for _pair in PAIRS:
    BY_KIND[_pair["kind"]].append(_pair)
ONE_WAY = {"equation", "inequality", "tuple", "hostile"}  # gold answers say how an answer is to be read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{4}", "4"),
        (r"So $\boxed{ 4 }$.", "4"),
        (r"\boxed {4}", "4"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"first \boxed{1}, then \boxed{2}", "2"),
        (r"\fbox{1} and \boxed{2} and \fbox{3}", "3"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{1} and \boxed{}", "1"),
        (r"\boxed{1} and \boxed{  }", "1"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{(0, 1]\}} rest", r"(0, 1]\}"),
        (r"\boxed{a \\ {b}}", r"a \\ {b}"),
        (r"\boxed{x = \boxed{3}}", "3"),
        ("\\boxed{1\n2}", "1\n2"),
        (r"\boxed{2", None),
        (r"\boxed{\}", None),
        (r"\boxed{}", None),
        (r"\boxed 4", None),
        ("boxed{4}", None),
        ("", None),
    ],
)
def test_the_last_closed_box_counts(text: str, expected: str | None) -> None:
    assert boxed(text) == expected


@pytest.mark.timeout(60)
def test_a_model_that_repeats_itself_is_read_to_its_end() -> None:
    assert boxed(r"\boxed{" * 400 + "1") is None
    assert boxed(r"\boxed{" + "{" * 5000 + "1" + "}" * 5000 + "}") == "{" * 5000 + "1" + "}" * 5000


def test_there_are_enough_pairs_of_every_grade() -> None:
    grades = [pair["grade"] for pair in PAIRS]
    assert len(PAIRS) >= 200
    assert {"correct", "wrong", "ungradable"} == set(grades)
    assert min(grades.count("correct"), grades.count("wrong")) >= 100
    assert len({(pair["answer"], pair["gold"]) for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_pair_gets_its_grade(grader: Grader, kind: str) -> None:
    given = {(pair["answer"], pair["gold"]): pair["grade"] for pair in BY_KIND[kind]}
    assert {pair: grade(*pair, seconds=PATIENCE) for pair in given} == given


@pytest.mark.parametrize("kind", [kind for kind in BY_KIND if kind not in ONE_WAY])
def test_what_is_equal_is_so_the_other_way_round(grader: Grader, kind: str) -> None:
    pairs = {(pair["gold"], pair["answer"]): pair["grade"] for pair in BY_KIND[kind]}
    numeric = {pair: verdict for pair, verdict in pairs.items() if verdict != "ungradable"}
    assert {pair: grade(*pair, seconds=PATIENCE) for pair in numeric} == numeric


@pytest.mark.parametrize("kind", [kind for kind in BY_KIND if kind != "hostile"])
def test_an_answer_equals_itself_with_other_looks(grader: Grader, kind: str) -> None:
    golds = {pair["gold"] for pair in BY_KIND[kind]}
    looks = {gold: rf" $\boxed{{ {gold} }}$ " for gold in golds}
    assert [gold for gold, look in looks.items() if grade(look, gold, seconds=PATIENCE) != "correct"] == []


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("{" * 5000 + "1" + "}" * 5000, "4", "ungradable"),
        ("(" * 3000 + "1" + ")" * 3000, "4", "ungradable"),
        (r"\sqrt{" * 400 + "2" + "}" * 400, "4", "ungradable"),
        ("1" + "+1" * 5000, "4", "ungradable"),
        ("9" * 5000, "4", "ungradable"),
        (r"\frac{" * 2000, "4", "ungradable"),
        ("\\\\ \x01 \ud800 }}}{{ \\end{x} \n null\n", "4", "ungradable"),
        (r"2^{2^{2^{2^{2^{2}}}}}", "4", "ungradable"),
        (r"\int_0^1 x^{x^{x^x}} dx", "4", "ungradable"),
    ],
)
def test_a_hostile_answer_is_never_wrong_and_harms_nothing(
    grader: Grader, answer: str, gold: str, expected: Grade
) -> None:
    assert grade(answer, gold, seconds=5.0) == expected
    assert grade(r"\frac12", "0.5", seconds=PATIENCE) == "correct"
    assert grade("10", "1", seconds=PATIENCE) == "wrong"


@pytest.mark.parametrize("answer", ["4", None])
def test_without_a_gold_answer_there_is_no_grade(answer: str | None) -> None:
    assert grade(answer, None) is None


def test_without_an_answer_nothing_can_be_graded(grader: Grader) -> None:
    assert grade(None, "4") == "ungradable"


@pytest.mark.timeout(60)
def test_boxes_of_any_depth_are_read_in_one_go() -> None:
    assert boxed("\\boxed{" * 50_000 + "1}" + "}" * 49_999) == "1"
    assert boxed("\\boxed{" * 50_000 + "7}") == "7"
    assert boxed("\\boxed{" * 50_000) is None
