"""Units of a proof: sentences with the formulas they announce, rows of a calculation, nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.proofs.steps import STEP_CHARS, continues_calculation, pack, split_proofs, units


def test_a_page_of_several_proofs_is_split_at_its_labels() -> None:
    page = "[Proof 1]\nLet $a$.\n$\\blacksquare$\n[Proof 2]\nLet $b$. [Proof of (Real) Bags]\nLet $c$."
    assert split_proofs(page) == ["Let $a$.\n$\\blacksquare$", "Let $b$.", "Let $c$."]


def test_a_proof_that_stands_there_twice_is_one() -> None:
    assert split_proofs("[Proof]\nLet $a$.\n[Proof]\nLet $a$.") == ["Let $a$."]


@pytest.mark.parametrize("page", ["", "[Proof]", "[Solution]\n\n"])
def test_a_page_without_a_proof(page: str) -> None:
    assert split_proofs(page) == []


def test_brackets_that_are_no_label_stay() -> None:
    assert split_proofs("the interval [0, 1] and [Ada]") == ["the interval [0, 1] and [Ada]"]


def test_a_sentence_takes_the_formula_that_it_announces() -> None:
    proof = "Let $a$ be a bag.\nFrom the lemma:\n$a = b$\nHence $b$ is a bag.\n$\\blacksquare$"
    assert units(proof) == ["Let $a$ be a bag.", "From the lemma:\n$a = b$", "Hence $b$ is a bag."]


def test_a_line_in_the_middle_of_a_sentence_goes_on_with_it() -> None:
    proof = "We have that:\n$a = b$\nwhere $a$ is a bag\nif and only if\n$b$ is.\n$c$ is another."
    assert units(proof) == [
        "We have that:\n$a = b$\nwhere $a$ is a bag\nif and only if\n$b$ is.",
        "$c$ is another.",
    ]


def test_sentences_of_one_line_are_parted_but_not_within_a_formula() -> None:
    assert units("Let $a$. Then $b. C$ is. $d$ too.") == ["Let $a$.", "Then $b. C$ is.", "$d$ too."]


def test_rows_of_a_calculation_keep_their_reasons_and_give_back_what_follows() -> None:
    line = r"\(a = b + c\) Ada's Lemma \(= d\) by hypothesis Hence $a = d$. So: \(d = e\) $\blacksquare$"
    assert units(line) == [
        r"\(a = b + c\) Ada's Lemma",
        r"\(= d\) by hypothesis",
        "Hence $a = d$.",
        "So:\n\\(d = e\\)",
    ]


@pytest.mark.parametrize(
    ("unit", "goes_on"),
    [
        (r"\(= 3\) Lemma", True),
        (r"\(\leadsto \ \ a = b\)", True),
        (r"\(\text {(1)}: \quad \leadsto a\)", True),
        (r"\(\le 3\)", True),
        (r"\(\left({a}\right) = b\)", False),
        (r"\(a = b\)", False),
        ("Hence $= 3$", False),
    ],
)
def test_a_row_that_begins_with_a_relation_goes_on(unit: str, goes_on: bool) -> None:
    assert continues_calculation(unit) is goes_on


def test_a_long_unit_is_cut_between_words_and_outside_formulas() -> None:
    sentence = "Let " + " and ".join(f"$a_{{{n}}} + b$" for n in range(200))
    pieces = units(sentence)
    assert max(map(len, pieces)) <= STEP_CHARS
    assert all(piece.count("$") % 2 == 0 for piece in pieces)
    assert " ".join(pieces) == sentence


def test_parts_are_packed_in_order() -> None:
    assert pack(["a" * 4, "b" * 4, "c" * 8, "d"], most=10) == ["aaaa\nbbbb", "c" * 8 + "\nd"]
    assert pack([]) == []


TEXT = st.lists(
    st.sampled_from(
        ["Let", "$a. B$", "a", r"\(= b\)", r"\(", r"\)", "$", "\n", ".", ":", "Hence", "where", "x" * 700]
    )
).map(" ".join)


@settings(deadline=None)
@given(TEXT | st.text())
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    found = units(text)
    assert all(0 < len(unit) <= STEP_CHARS for unit in found)
    assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", text)


@settings(deadline=None)
@given(st.lists(st.text(max_size=50)))
def test_packing_keeps_every_part(parts: list[str]) -> None:
    assert "\n".join(pack(parts, most=60)) == "\n".join(parts)
