"""A pasted solution to its steps, and steps to queries."""

from __future__ import annotations

import pytest

from retriever.errors import BadInputError
from training.triples.queries import COT_CHARS
from ui.compare.steps import MOST_CHARS, MOST_STEPS, queries, split_steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        (" \n\n ", []),
        ("One thought.", ["One thought."]),
        ("First.\n\n\n Second,\nwith two lines. \n", ["First.", "Second,\nwith two lines."]),
        ("First.\r\n\r\nSecond.", ["First.", "Second."]),
        ("Step 1: add.\nStep 2: halve.\n\nIt is even.", ["add.", "halve.\n\nIt is even."]),
        ("Let x be.\n\n1. add\n2) halve\n   it", ["Let x be.", "add", "halve\n   it"]),
        ("### Step 1: Name\nadd\n\n**Step 2: End.** it", ["Name\nadd", "**End.** it"]),
        ("**Step 1:** add\n**Step 2**\nend", ["add", "end"]),
        ("**1.** add\n**2. Halve** it", ["add", "**Halve** it"]),
        ("Step 1: cases\n1. even\n2. odd\nStep 2: both", ["cases\n1. even\n2. odd", "both"]),
        ("There are 3.5 litres.\n\n2. is a number", ["There are 3.5 litres.", "2. is a number"]),
        ("So we get\n\n\\[ x = 2 \\]\n\nand stop.", ["So we get\n\\[ x = 2 \\]", "and stop."]),
        ("## Plan\n\nAdd them.\n\n**Check**\n\nDone.", ["## Plan\nAdd them.", "**Check**\nDone."]),
        ("$$x^2$$\n\n$$y^2$$", ["$$x^2$$\n$$y^2$$"]),
        ("Add.\n\n## The end", ["Add.", "## The end"]),
        ("Step 1:\nStep 2: halve", ["halve"]),
    ],
)  # fmt: skip
def test_a_solution_is_split_where_its_writer_did(text: str, steps: list[str]) -> None:
    assert split_steps(text) == steps


def test_a_query_reads_the_problem_and_all_steps_so_far() -> None:
    asked = queries(" P? ", "add\n\nend", "cot")
    assert [query.name for query in asked] == ["Problem", "Step 1", "Step 2"]
    assert [query.step for query in asked] == ["P?", "add", "end"]
    assert [query.text for query in asked] == ["P?", "P?\nadd", "P?\nadd\nend"]
    assert [query.text for query in queries("", "add\n\nend", "cot")] == ["add", "add\nend"]


def test_a_long_solution_asks_with_its_last_steps() -> None:
    step = "s" * (COT_CHARS // 2 - 10)
    last = queries("P", f"{step}1\n\n{step}2\n\n{step}3", "cot")[-1]
    assert last.text == f"P\n{step}2\n{step}3"


def test_a_step_alone_is_only_itself() -> None:
    assert [query.text for query in queries("P", "add\n\nend", "step")] == ["P", "add", "end"]


@pytest.mark.parametrize(
    ("problem", "steps", "line"),
    [
        (" ", "\n", "nothing to search for"),
        ("", "add\n\n" * (MOST_STEPS + 1), f"these are {MOST_STEPS + 1} steps"),
        ("a" * MOST_CHARS, "b", "40,001 characters"),
    ],
)
def test_nothing_and_too_much_are_one_line(problem: str, steps: str, line: str) -> None:
    with pytest.raises(BadInputError, match=line):
        queries(problem, steps, "cot")
