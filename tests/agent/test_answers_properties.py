"""What must be true of every pair of answers, whatever they are."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answers import grade
from agent.grading import Grader

PATIENCE = 60.0
few = settings(max_examples=40, deadline=None, derandomize=True)
whole = st.integers(-(10**6), 10**6)
nonzero = st.integers(1, 500)
PIECES = (
    *"0123456789+-*/^_=<>()[]{}|!,.;:&%$ xyzie",
    *re.findall(
        r"\S+",
        r"\frac \sqrt \cdot \left \right \text \pi \infty \cup \le \begin{pmatrix} \end{pmatrix} \\ \{ \} "
        r"\pm \boxed \overline \binom \sum_{k=1}^{9} \int \lim \log \sin ^\circ \circ and or 9^{9^9}",
    ),
)
soup = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def graded(answer: str, gold: str) -> str | None:
    return grade(answer, gold, seconds=PATIENCE)


@few
@given(whole, nonzero, nonzero)
def test_a_fraction_equals_itself_expanded(grader: Grader, top: int, bottom: int, factor: int) -> None:
    written = rf"\frac{{{top * factor}}}{{{bottom * factor}}}"
    assert graded(written, f"{top}/{bottom}") == "correct"
    assert graded(f"{top}/{bottom}", written) == "correct"


@few
@given(whole, st.integers(1, 10**6))
def test_a_whole_number_equals_no_other(grader: Grader, number: int, more: int) -> None:
    assert graded(str(number), str(number + more)) == "wrong"
    assert graded(f"{number:,}", str(number)) == "correct"


@few
@given(whole, st.integers(1, 6))
def test_a_decimal_is_the_fraction_it_writes(grader: Grader, digits: int, places: int) -> None:
    value = Fraction(digits, 10**places)
    written = f"{'-' if digits < 0 else ''}{abs(digits) // 10**places}.{abs(digits) % 10**places:0{places}d}"
    assert graded(written, f"{value.numerator}/{value.denominator}") == "correct"
    assert graded(written + "1", f"{value.numerator}/{value.denominator}") == "wrong"


@few
@given(st.lists(whole, min_size=2, max_size=5, unique=True))
def test_a_set_has_no_order_and_a_tuple_has(grader: Grader, members: list[int]) -> None:
    forward, backward = (", ".join(map(str, order)) for order in (members, members[::-1]))
    assert graded(rf"\{{{backward}\}}", rf"\{{{forward}\}}") == "correct"
    assert graded(f"({backward})", f"({forward})") == "wrong"


@few
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-50, 50))
def test_a_polynomial_equals_its_expansion_only(grader: Grader, a: int, b: int, c: int) -> None:
    product = f"(x+{a})(x+{b})".replace("+-", "-")
    expanded = f"x^2+{a + b}x+{a * b + c}".replace("+-", "-")
    assert graded(product, expanded) == ("wrong" if c else "correct")


@pytest.mark.timeout(600)
@few
@given(soup, soup)
def test_no_text_raises_or_hangs(grader: Grader, answer: str, gold: str) -> None:
    assert grade(answer, gold, seconds=10.0) in ("correct", "wrong", "ungradable")


@few
@given(soup)
def test_no_text_equals_a_number_that_it_does_not_hold(grader: Grader, answer: str) -> None:
    assert grade(answer, "170141183460469231731687303715884105727", seconds=10.0) != "correct"
