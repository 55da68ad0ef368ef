"""Answers: which box counts, and what equals what."""

from __future__ import annotations

import time

import pytest

from agent.answers import boxed, grade
from agent.grading import Grader

PATIENCE = 60.0  # seconds for one comparison: a busy machine must not turn a right answer into no answer
MATRIX = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"


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


def test_a_model_that_repeats_itself_is_read_quickly() -> None:
    start = time.perf_counter()
    assert boxed(r"\boxed{" * 400 + "1") is None
    assert boxed(r"\boxed{" + "{" * 5000 + "1" + "}" * 5000 + "}") == "{" * 5000 + "1" + "}" * 5000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("4", "4"),
        ("+5", "5"),
        ("3.0", "3"),
        ("0.5", "1/2"),
        ("1/2", "0.5"),
        (r"\frac12", "0.5"),
        (r"\frac{1}{2}", r"\dfrac{2}{4}"),
        (r"\tfrac{3}{4}", "0.75"),
        (r"1\frac{1}{2}", "3/2"),
        ("1,000", "1000"),
        ("10{,}000", "10000"),
        ("x=5", "5"),
        ("5", "x=5"),
        (r"\{1,2,3\}", r"\{3,2,1\}"),
        ("1,2", "2,1"),
        ("(1,2)", "(1,2)"),
        (r"2 \pm \sqrt{3}", r"2+\sqrt{3}, 2-\sqrt{3}"),
        (r"\emptyset", r"\{\}"),
        ("[0,1]", "[0,1]"),
        (r"(-\infty,2]", r"(-\infty, 2]"),
        (r"(-\infty,2)\cup(3,\infty)", r"(-\infty,2)\cup(3,\infty)"),
        (MATRIX, MATRIX),
        (MATRIX, MATRIX.replace("pmatrix", "bmatrix")),
        (r"50\%", "50"),
        (r"50\%", "0.5"),
        (r"12\text{ cm}", "12"),
        (r"12\,\text{cm}^2", "12"),
        ("10 mph", "10"),
        (r"\$5", "5"),
        (r"30^\circ", "30"),
        (r"\sqrt{8}", r"2\sqrt{2}"),
        (r"2\pi", r"\pi\cdot 2"),
        ("x^2+2x+1", "(x+1)^2"),
        ("y=2x+1", "y=1+2x"),
        ("1+i", "i+1"),
        (r"\binom{5}{2}", "10"),
        ("2^{10}", "1024"),
        (r"\text{(B)}", "B"),
        (r"\text{Monday}", r"\text{Monday}"),
    ],
)
def test_equal_answers_are_correct(grader: Grader, answer: str, gold: str) -> None:
    assert grade(answer, gold, seconds=PATIENCE) == "correct"


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("10", "1"),
        ("1", "10"),
        ("-3", "3"),
        (r"\frac{\pi}{2}", r"\frac{\pi}{3}"),
        ("1.414", r"\sqrt{2}"),
        (r"\{1,2\}", r"\{1,3\}"),
        ("(1,2)", "(2,1)"),
        ("[0,1]", "[0,1)"),
        ("(0,1)", "[0,1]"),
        (MATRIX, MATRIX.replace("4", "5")),
        (r"5\text{ hours}", "6"),
        ("x^2+1", "(x+1)^2"),
        ("3+4i", "3-4i"),
        ("x<5", "x>5"),
        (r"\text{Monday}", r"\text{Tuesday}"),
        ("hello world", "4"),
    ],
)
def test_other_answers_are_wrong(grader: Grader, answer: str, gold: str) -> None:
    assert grade(answer, gold, seconds=PATIENCE) == "wrong"


@pytest.mark.parametrize(("answer", "gold"), [(None, "4"), ("", "4"), ("}{", "4"), ("4", "")])
def test_what_cannot_be_read_is_ungradable(grader: Grader, answer: str | None, gold: str) -> None:
    assert grade(answer, gold, seconds=PATIENCE) == "ungradable"


@pytest.mark.parametrize("answer", ["4", None])
def test_without_a_gold_answer_there_is_no_grade(answer: str | None) -> None:
    assert grade(answer, None) is None


def test_hostile_answers_cost_their_time_limit_and_no_more(grader: Grader) -> None:
    hostile = ["9^{9^{9^9}}", "{" * 5000 + "1" + "}" * 5000, "\\\\ \x01 \ud800 }}}{{ \\end{x} \n null\n"]
    for answer in hostile:
        grade("1", "1", seconds=PATIENCE)  # a worker that is ready
        start = time.perf_counter()
        assert grade(answer, "4", seconds=0.5) in ("ungradable", "wrong")
        assert time.perf_counter() - start < 5
    assert grade(r"\frac12", "0.5", seconds=PATIENCE) == "correct"
    assert grade("10", "1", seconds=PATIENCE) == "wrong"


def test_a_dead_worker_is_replaced(grader: Grader) -> None:
    assert grader.equal("1", "1", PATIENCE) is True
    grader.close()
    assert grader.equal("2", "1", PATIENCE) is False
