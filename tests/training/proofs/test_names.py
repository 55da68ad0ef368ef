"""Names of statements in a proof's text: found in every spelling, and taken out without a trace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.proofs.names import (
    FIRST_MARK,
    Names,
    form_of,
    full_forms,
    is_name,
    short_forms,
    unmark,
    without_citations,
)


def names(*titles: str) -> Names:
    return Names({title: full_forms(title) for title in titles})


def cited(found: Names, text: str) -> list[str]:
    marked, owners = found.mark(text)
    return [one for mark in marked if mark in owners for one in sorted(owners[mark])]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Marble Counting Theorem", "By the Marble Counting Theorem, $n = 3$."),
        ("Marble Counting Theorem", "by the marble counting theorems:"),
        ("Marble-Counting Theorem", "By Marble Counting Theorem:"),
        ("Marble Counting Theorem", "By Marble-Counting Theorem:"),
        ("Ada's Lemma", "from Ada Lemma we have"),
        ("Adas' Lemma", "from Ada's lemmas we have"),
        ("De Ruyter's Laws", "by De Ruyter law"),
        ("T3 Space is Regular", "as $T_3$ Space is Regular"),
        ("0 in B-Algebra is Left Cancellable", "$0$ in $B$-Algebra is Left Cancellable"),
        ("Sum of Bold A", r"the sum of bold $\mathbf A$"),
        ("Ada's Theorem (Marbles)", "by Ada's Theorem (Marbles)"),
        ("Marble Sum/Corollary", "by the Corollary to Marble Sum:"),
        ("Marble Sum/Corollary 2", "by Corollary $2$ to the Marble Sum:"),
        ("Marble Sum/Corollary", "by Marble Sum: Corollary"),
        ("Ada's Laws (Bags)/General Case/Difference with Union", "Ada's Laws: Difference with Union"),
        ("Marble Sum/Proof 1", "from Marble Sum"),
        ("Marble Sum/Algebraic Proof 1", "from Marble Sum"),
    ],
)
def test_a_name_is_found_however_it_is_written(title: str, text: str) -> None:
    assert cited(names(title), text) == [title]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Marble Counting Theorem", "We count a marble. Counting theorem by theorem"),
        ("Marble Counting Theorem", "a marble\ncounting theorem"),
        ("Marble Counting Theorem", r"\(= marble\) counting theorem"),
        ("Marble Counting Theorem", "Marble Counting"),
        ("1+1 = 2", "as $1 + 1 = 2$ we have"),
        ("Group", "Let $G$ be a group."),
        ("Marble Sum/Corollary", "by Marble Sum"),
    ],
)
def test_what_is_no_citation_is_left_alone(title: str, text: str) -> None:
    assert cited(names(title), text) == []
    assert names(title).remove(text) == text


def test_aliases_are_names_too() -> None:
    found = Names({"ada": full_forms("Ada's Theorem", ["Great Bag Theorem", "Theorem of Ada"])})
    assert cited(found, "By the Great Bag Theorem and the Theorem of Ada") == ["ada", "ada"]


def test_the_longest_name_counts() -> None:
    found = names("Ada's Lemma", "Ada's Lemma for Bags")
    assert cited(found, "by Ada's Lemma for Bags and Ada's Lemma") == ["Ada's Lemma for Bags", "Ada's Lemma"]


def test_a_name_that_two_statements_share_is_both() -> None:
    found = Names({"one": full_forms("Ada's Lemma"), "two": full_forms("Ada's lemmas")})
    assert cited(found, "by Ada's Lemma") == ["one", "two"]


def test_a_name_within_another_title_is_taken_out_and_is_no_citation() -> None:
    found = names("Law of Marbles")
    assert cited(found, "by the Spherical Law of Marbles") == []
    assert found.remove("so by the Spherical Law of Marbles:") == "so:"
    assert cited(found, "Using Law of Marbles") == ["Law of Marbles"]


def test_short_forms_drop_what_tells_apart() -> None:
    assert short_forms("Ada's Theorem (Bags)") == {form_of("Ada's Theorem")}
    assert form_of("Marble Sum") in short_forms("Marble Sum/Corollary")
    assert short_forms("Group (Bags)") == set()


@pytest.mark.parametrize("text", ["", "Group", "1 + 1 = 2", "a b c", "$x$ in $y$"])
def test_what_is_too_little_for_a_name(text: str) -> None:
    assert not is_name(form_of(text))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("By Ada's Lemma, it suffices to show that $a = b$.", "it suffices to show that $a = b$."),
        ("Hence by Ada's Lemma, $a = b$.", "Hence, $a = b$."),
        ("From the Ada Lemma:\n$a = b$", "$a = b$"),
        ("Therefore by the Ada Lemma:\n$a = b$", "Therefore:\n$a = b$"),
        ("From Ada's Lemma and Bag Theorem:\n$a = b$", "$a = b$"),
        ("From Ada's Lemma, Bag Theorem and again Ada's Lemma we have $a$", "we have $a$"),
        (r"\(= 3 + 4\) Ada's Lemma, Bag Theorem", r"\(= 3 + 4\)"),
        ("The result follows from Ada's Lemma.", ""),
        ("Hence the result follows directly from Ada's Lemma.", "Hence."),
        ("so by Proposition $6$ of Book $\\text{X} $: Ada's Lemma:\n$a$", "so:\n$a$"),
        ("Using Porism to Proposition $6$ of Book $\\text{X} $: Ada's Lemma, let $a$", "let $a$"),
        ("From Ada's Lemma and Jar Sum is Even:\n$a$", "From Jar Sum is Even:\n$a$"),
        ("By Ada's Lemma, $T$ is torn.", "$T$ is torn."),
        ("By Ada's Lemma and $T$ is torn.", "and $T$ is torn."),
        ("Hence by Ada's Lemma for Torn Bags, we have", "Hence, we have"),
        ("Hence by Ada's Lemma for $n = 2$:", "Hence for $n = 2$:"),
        ("This is true (Ada's Lemma).", "This is true."),
        ("Ada's Lemma", ""),
    ],
)
def test_a_citation_leaves_a_sentence_behind(text: str, left: str) -> None:
    assert names("Ada's Lemma", "Bag Theorem").remove(text) == left


def test_marks_of_the_text_itself_are_not_taken_for_ours() -> None:
    text = f"by {FIRST_MARK}Ada's Lemma{FIRST_MARK}"
    assert without_citations(names("Ada's Lemma").mark(unmark(text))[0]) == ""


WORDS = st.lists(st.sampled_from(["Ada", "Bags", "marble", "Theorem", "of", "$x$", ",", "\n", "by", ":"]))


@settings(deadline=None)
@given(WORDS, WORDS)
def test_no_name_survives(before: list[str], behind: list[str]) -> None:
    title = "Ada's Marble Theorem"
    text = " ".join([*before, "the ada marble THEOREMS", *behind])
    assert cited(names(title), names(title).remove(text)) == []


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read(text: str) -> None:
    marked, owners = names("Ada's Lemma", "Bag Theorem").mark(unmark(text))
    assert owners or marked == unmark(text)
    assert full_forms(text) is not None
