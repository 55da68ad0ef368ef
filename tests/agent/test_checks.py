"""Step checks: which claims are found in a text, and what is said of them."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.checks import check, check_in_time, sound
from agent.grading import Grader
from agent.records import Check, Fingerprints, Step, Trajectory, Usage

HOLDS, FAILS, UNKNOWN = "holds", "fails", "unknown"
PATIENCE = 120.0  # seconds for a text: a busy machine must not turn a verdict into none


def checked(text: str) -> list[tuple[str, str]]:
    return [(one.claim, one.verdict) for one in check(text, seconds=PATIENCE)]


def verdicts(text: str) -> list[str]:
    return [verdict for _, verdict in checked(text)]


def _trajectory(*steps: Step) -> Trajectory:
    made_with = Fingerprints(llm="", retriever="", index="", prompts="", config="")
    return Trajectory(
        id="t",
        problem="?",
        problem_id="p",
        strategy="mcts",
        steps=steps,
        answer=None,
        grade=None,
        fingerprints=made_with,
        seed=0,
        usage=Usage(),
        created="",
    )


# Where claims are


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So $3+4=7$ and on.", [("3+4=7", HOLDS)]),
        (r"So \(3+4=8\) and on.", [("3+4=8", FAILS)]),
        (r"\[ 9000 - 3584 = 5416 \]", [("9000 - 3584 = 5416", HOLDS)]),
        ("$$6 \\cdot 7^3 = 2058$$", [("6 \\cdot 7^3 = 2058", HOLDS)]),
        (
            r"\begin{align*} 2^3 &= 8 \\ &= 4 + 4 \\ &= 9 \end{align*}",
            [("2^3 = 8", HOLDS), ("8 = 4 + 4", HOLDS), ("4 + 4 = 9", FAILS)],
        ),
        (
            "$2+2 = 4 = 2 \\cdot 2 < 5$",
            [("2+2 = 4", HOLDS), ("4 = 2 \\cdot 2", HOLDS), ("2 \\cdot 2 < 5", HOLDS)],
        ),
        ("She has 3 + 4 = 8 apples.", [("3 + 4 = 8", FAILS)]),
        ("It cost 0.2 x 50 = $10 in all", [("0.2 x 50 = $10", HOLDS)]),
        ("They drink .5*2=1 liter", [(".5*2=1", HOLDS)]),
        ("So 1,200 / 4 = 300. Then 5 + 6 = 11.", [("1,200 / 4 = 300", HOLDS), ("5 + 6 = 11", HOLDS)]),
        ("Thus 15% of 80 is 12.", [("15% of 80 is 12", HOLDS)]),
        ("Thus 15% of 80 is 13.", [("15% of 80 is 13", FAILS)]),
        (
            "- 3 + 4 = 7\n2. 5 - 1 = 4\n**6 / 2 = 3**",
            [("3 + 4 = 7", HOLDS), ("5 - 1 = 4", HOLDS), ("6 / 2 = 3", HOLDS)],
        ),
        (r"$x = 3 \implies 2 \cdot 3 = 6$", [("x = 3", UNKNOWN), (r"2 \cdot 3 = 6", HOLDS)]),
        (r"$1 + 1 = 2, \quad 2 + 2 = 5$", [("1 + 1 = 2", HOLDS), ("2 + 2 = 5", FAILS)]),
        (r"$1,000 + 1 = 1{,}001$", [(r"1,000 + 1 = 1{,}001", HOLDS)]),
        (r"the sum \(3+4=\boxed{7}\)", [(r"3+4=\boxed{7}", HOLDS)]),
    ],
)
def test_claims_are_found_where_they_stand(
    grader: Grader, text: str, expected: list[tuple[str, str]]
) -> None:
    assert checked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "There is nothing to check here, not even in 2026.",
        "```python\nx = 3 + 4 = 8\n```",
        "[asy] draw((0,0)--(3,4)); x = 2 + 2 = 5; [/asy]",
        "See https://example.org/?1+1=3",
        "I paid $5 for a and $6 for b",
        "2x + 3 = 7 and 3x = 6",  # in words, a letter beside a number makes it part of something longer
        "n 2 + 3 = 6 and A1 + 3 = 5 and total - 3 + 4 = 7",
        "Week 2 = 35 + 35 and weeks 1-2 = 96 - 70",
        "Then 10 (mod 3) = 1 and 7 = 10% and 3 + 4 = 5x",
        "at 3:30 = 2 + 3 and 14, 400 / 80 = 180",
    ],
)
def test_what_is_no_claim_is_left_alone(grader: Grader, text: str) -> None:
    assert checked(text) == []


def test_a_span_says_where_a_claim_stands(grader: Grader) -> None:
    text = r"First $3+4=7$. Then \[ 5 \cdot 2 = 10 \] and 6 + 6 = 12 eggs."
    checks = check(text, seconds=PATIENCE)
    assert [text[slice(*one.span)] for one in checks] == ["3+4=7", r"5 \cdot 2 = 10", "6 + 6 = 12"]
    assert [one.claim for one in checks] == ["3+4=7", r"5 \cdot 2 = 10", "6 + 6 = 12"]


# What is decided


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (r"\frac{6}{4} = \frac{3}{2}", HOLDS),
        (r"\frac{6}{4} = \frac{3}{5}", FAILS),
        (r"2(3) = 6", HOLDS),
        (r"2(3) = 5", FAILS),
        (r"(2)(3)+1 = 7", HOLDS),
        (r"-2^2 = -4", HOLDS),
        (r"(-2)^2 = -4", FAILS),
        (r"2^{-1} = \frac12", HOLDS),
        (r"\sqrt{50} = 5\sqrt{2}", HOLDS),
        (r"\sqrt{50} = 5\sqrt{3}", FAILS),
        (r"\sqrt{3+2\sqrt2} = 1+\sqrt2", HOLDS),
        (r"\sqrt[3]{-8} = -2", HOLDS),
        (r"5! = 120", HOLDS),
        (r"5! = 100", FAILS),
        (r"\binom{10}{3} = 120", HOLDS),
        (r"|3-5| = 2", HOLDS),
        (r"\lfloor 7/2 \rfloor = 3", HOLDS),
        (r"\log_2 8 = 4", FAILS),
        (r"\sin 30^\circ = \frac12", HOLDS),
        (r"\sin 30^\circ = 0.6", FAILS),
        (r"\tan \frac{\pi}{4} = 1", HOLDS),
        (r"2^{10} < 10^3", FAILS),
        (r"\sqrt{7} < 3", HOLDS),
        (r"3+4 \ne 8", HOLDS),
        (r"90^\circ - 30^\circ = 60^\circ", HOLDS),
        (r"90^\circ - 30^\circ = 50^\circ", FAILS),
        (r"25\% = 0.25", HOLDS),
        (r"12 \div 4 \times 3 = 9", HOLDS),
        # decimals: as far as they go
        (r"\frac13 = 0.33", HOLDS),
        (r"\frac23 = 0.66", HOLDS),
        (r"\frac23 = 0.65", FAILS),
        (r"\frac12 = 0.51", FAILS),
        (r"\sqrt2 = 1.41", HOLDS),
        (r"\sqrt{7} \approx 2.64575", HOLDS),
        (r"\sqrt{77} \approx 9", HOLDS),
        (r"\sqrt{77} \approx 7", UNKNOWN),
        (r"387 \approx 400", HOLDS),
        (r"0.15 \cdot 80 = 12", HOLDS),
        (r"0.15 \cdot 80 = 13", FAILS),
        (r"1.73 \cdot 4 = 6.93", UNKNOWN),  # from the square root of 3 it is
        (r"100/3 = 33", UNKNOWN),
        (r"7/2 = 3", FAILS),
        # variables
        (r"(a+b)^2 = a^2+2ab+b^2", HOLDS),
        (r"(a+b)^2 = a^2+b^2", UNKNOWN),
        (r"\frac{-\frac{7b}{2}}{b} = -\frac72", HOLDS),
        (r"x(x+1) = x^2+x", HOLDS),
        (r"\sqrt{x^2} = x", UNKNOWN),
        (r"0.6x + 0.4x = x", HOLDS),
        (r"2x+1 = 7", UNKNOWN),
        (r"x = 5", UNKNOWN),
        (r"x^2 \ge 0", UNKNOWN),
        (r"a_1 = 3", UNKNOWN),
        (r"f(3) = 2(3)+1", UNKNOWN),
        (r"f(a+b) = f(a)+f(b)", UNKNOWN),
        (r"AB = 5", UNKNOWN),
        (r"i^2 = -1", HOLDS),
        (r"(1+i)^2 = 2i", HOLDS),
        (r"(1+i)^2 = 3i", UNKNOWN),
        (r"e^{i\pi} = -1", HOLDS),
        # more than one reading, or none
        (r"1/2x = 3", UNKNOWN),
        (r"12/3/2 = 8", UNKNOWN),
        (r"3\frac12 + 1 = 4\frac12", HOLDS),
        (r"3\frac12 + 1 = 5", UNKNOWN),
        (r"\frac34 \cdot 100 = 75\%", UNKNOWN),
        (r"180^\circ = \pi", UNKNOWN),
        (r"\sin 30 = \frac12", UNKNOWN),
        (r"\log 100 = 2", HOLDS),
        (r"\log 100 = 4.6", UNKNOWN),
        (r"\log_3 27\sqrt3 = \frac72", UNKNOWN),
        (r"12_8 = 10", UNKNOWN),
        (r"3 \equiv 8 \pmod 5", None),
        (r"1+2+\cdots+10 = 55", UNKNOWN),
        (r"\sqrt{16} = \pm 4", UNKNOWN),
        (r"3 \star 4 = 25", UNKNOWN),
        (r"3 * 4 = 25", UNKNOWN),
        (r"\begin{pmatrix}1&2\end{pmatrix} = 3", UNKNOWN),
        (r"0.\overline{3} = \frac13", UNKNOWN),
        (r"3!! = 3", UNKNOWN),
        (r"\sin^{-1} 1 = 0.84", UNKNOWN),
        (r"7 = 8", UNKNOWN),  # nothing is computed: a contradiction that was led to, perhaps
        (r"60 \cdot 3 = 3 \text{ hours}", UNKNOWN),
        (r"13 \text{ cards} \times 4 = 52 \text{ cards}", HOLDS),
        (r"13 \text{ cards} \times 4 = 53 \text{ cards}", UNKNOWN),
        (r"1 \text{ m} = 1 \text{ km}", UNKNOWN),
        (r"200 + 155 = 35\boxed{5}", UNKNOWN),  # one number, or two
        (r"[36, 132] = 2^2 \cdot 3^2 \cdot 11", UNKNOWN),
        (r"(36,132) = 3 \cdot 4", UNKNOWN),
        (r".3(1200) = 360", HOLDS),
        (r"\frac10 = 5", UNKNOWN),
        (r"9^{9^{9^9}} = 4", UNKNOWN),
        (r"(10^{10})! = 4", UNKNOWN),
        (r"n! = n (n-1)!", UNKNOWN),
    ],
)
def test_a_claim_gets_its_verdict(grader: Grader, claim: str, verdict: str | None) -> None:
    assert verdicts(f"We have ${claim}$ here") == ([verdict] if verdict else [])


def test_a_calculation_that_runs_on_is_no_error(grader: Grader) -> None:
    assert checked("He has 12 * 2 = 24 + 3 = 27 coins.") == [
        ("12 * 2 = 24 + 3", UNKNOWN),
        ("24 + 3 = 27", HOLDS),
    ]


def test_a_line_that_is_broken_is_not_read_in_halves(grader: Grader) -> None:
    assert FAILS not in verdicts(
        r"\begin{align*} 12 &= 1 + 2 \\ &\quad + 4 + 5 \\ 6 + 1 + \\ 2 + 2 &= 11 \end{align*}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "If $2+2=5$, then all is lost.",
        "Suppose that $2+2=5$.",
        "It is not true that $2+2=5$.",
        "But $2+2=5$ is impossible.",
        "We get $2+2=5$. This is a contradiction.",
        "Is $2+2=5$? We will see.",
        "In base 3 we have $2+2=11$.",
        r"Working modulo 3, $2+2=1$.",
        r"As $5 \equiv 2 \pmod 3$, we find $2+2=1$.",
        r"The remainder is found from $17 / 5 = 3$.",
        "We need $2+2=5$ for this.",
        r"We define an operation by which $2+2=5$.",
        "About $2+2=5$ of them.",
        "There are half of $2+2=2$ of them.",
        "This gives $2+2=4000$ thousand",
        r"That is $3 \cdot 20 = 60\%$",
        r"That is $1/2 + 1/4 = 75$%",
        r"Sexagesimal: $11, 22; 30 = 11 \times 60$",
        "Looking for the units digit we find $7 \\cdot 3 = 1$.",
        "It costs $10/3=$3 and $1/3 a pizza",
        "We have 12 * 10 = 12",  # 120, had the model been allowed to go on
    ],
)
def test_words_can_take_a_claim_back(grader: Grader, text: str) -> None:
    assert FAILS not in verdicts(text)


def test_words_do_not_make_true_what_holds_unknown(grader: Grader) -> None:
    assert verdicts("If we add them, $2+2=4$.") == [HOLDS]


# Whatever the text is


few = settings(max_examples=40, deadline=None, derandomize=True)
small = st.integers(1, 999)
PIECES = (
    *"0123456789+-*/^_=<>()[]{}|!,.;:&%$ xyzie\n",
    *re.findall(
        r"\S+",
        r"\frac \sqrt \cdot \left \right \text{ \pi \approx \le \begin{align*} \end{align*} \\ \( \) \[ \] "
        r"\binom \sum_{k=1}^{9} \log \sin ^\circ if not 9^{9^9} $$ ``` [asy] 3+4=7 100% of",
    ),
)


@few
@given(small, small, st.sampled_from("+-*"), st.integers(-50, 50))
def test_arithmetic_is_never_misjudged(grader: Grader, a: int, b: int, sign: str, error: int) -> None:
    value = {"+": a + b, "-": a - b, "*": a * b}[sign]
    latex = f"${a} {sign.replace('*', chr(92) + 'cdot')} {b} = {value + error}$"
    found = verdicts(latex)
    assert found == ([HOLDS] if error == 0 else [FAILS]) or (error and found == [UNKNOWN])


@pytest.mark.timeout(600)
@few
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_text_raises_or_hangs(grader: Grader, text: str) -> None:
    for one in check(text, seconds=20.0):
        assert isinstance(one, Check)
        assert 0 <= one.span[0] <= one.span[1] <= len(text)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "text",
    [
        "$" * 5000,
        r"\[" * 5000,
        r"\(" * 3000 + "1=1",
        "1" * 20000 + "=1",
        "1+" * 5000 + "1=2",
        "(" * 5000 + "=1",
        r"\begin{align*}" * 500,
        "$" + "{" * 3000 + "1" + "}" * 3000 + "=1$",
        "1=" * 3000 + "1",
        "= " * 5000,
        "[asy]" * 2000,
        "```" * 2001,
        r"$\text{" * 2000,
    ],
)
def test_hostile_texts_come_to_an_end(grader: Grader, text: str) -> None:
    checks = check(text, seconds=30.0)
    assert FAILS not in [one.verdict for one in checks]
    assert len(checks) <= 200
    assert verdicts("$3+4=7$") == [HOLDS]


def test_what_takes_too_long_is_not_checked(grader: Grader) -> None:
    long = " and ".join(f"$3+{n}={n + 4}$" for n in range(200))  # many times the limit on any machine
    assert check(long, seconds=0.001) == ()
    assert verdicts("$3+4=8$") == [FAILS]


def test_no_more_is_read_than_what_can_be_read_in_time(grader: Grader) -> None:
    line = "Then $3+4=7$ and on.\n"
    assert verdicts(line * 500) == [HOLDS] * 200
    late = " " * 19_990 + "\n" + line
    assert verdicts(late) == []


def test_a_trajectory_is_sound_where_no_claim_fails_on_the_way_to_its_answer(grader: Grader) -> None:
    right, wrong, open_end = (
        Step(n=n, action="think", text=text, checks=check(text, seconds=PATIENCE))
        for n, text in enumerate(("$3+4=7$", "$3+4=8$", "$x=8$"), 1)
    )
    assert sound(_trajectory(right, open_end))
    assert not sound(_trajectory(right, wrong))
    assert sound(_trajectory(right.model_copy(update={"chosen": True}), wrong))


async def test_many_texts_are_checked_at_once(grader: Grader) -> None:
    texts = [f"${number} + 1 = {number + 1}$" for number in range(20)]
    found = await asyncio.gather(*(check_in_time(text, replays=True) for text in texts))
    assert [one.verdict for checks in found for one in checks] == [HOLDS] * 20


def test_a_check_is_frozen_and_goes_into_json(grader: Grader) -> None:
    (one,) = check("$3+4=8$", seconds=PATIENCE)
    assert one.model_dump() == {
        "claim": "3+4=8",
        "verdict": "fails",
        "span": (1, 6),
        "reason": "left 7, right 8",
    }
    with pytest.raises(ValueError, match="frozen"):
        one.verdict = "holds"
