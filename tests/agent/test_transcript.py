"""The transcript: what the model reads of a run."""

from __future__ import annotations

from typing import Any

import pytest

from agent.prompts import load
from agent.state import AgentState
from agent.transcript import conversation, count, cut, is_mathematical, quote, rag_question, solution
from tests.agent.helpers import AM_GM, VIETA

TURNS = (
    {"role": "user", "content": "What is $2+2$?"},
    {"role": "assistant", "content": r"\boxed{4}"},
    {"role": "user", "content": "And $2+3$?"},
    {"role": "assistant", "content": r"\boxed{5}"},
)


def step(action: str, text: str, *titles: str) -> dict[str, Any]:
    return {"action": action, "text": text, "hits": [{"id": title, "title": title} for title in titles]}


STEPS = [
    step("think", "Let $x$ be the root."),
    step("query", "sum of the roots"),
    step("retrieve", "2 passages", "Vieta", "AM-GM"),
    step("reflect", "1 of 2 relevant", "Vieta", "AM-GM"),
    step("summarise", "The sum is $-b$.", "Vieta"),
    step("think", "So it is $5$."),
]


def state(problem: str = "What is $1+1$?", steps: Any = (), history: Any = ()) -> AgentState:
    given = {"id": "p", "problem": problem, "answer": None, "solution": None, "history": list(history)}
    return AgentState(problem=given, steps=list(steps), usage=[], seed=0, done=False)


def test_a_conversation_begins_with_the_system_prompt_and_the_problem() -> None:
    system, *others = conversation(state(), 100)
    assert system == ("system", load("solve"))
    assert others == [("user", "What is $1+1$?")]


def test_the_solution_so_far_is_the_assistants_last_message() -> None:
    messages = conversation(state(steps=STEPS), 100, begin="Therefore")
    assert [role for role, _ in messages] == ["system", "user", "assistant"]
    assert messages[-1][1] == solution(STEPS) + "Therefore"


def test_the_solution_holds_thoughts_and_recalled_facts_only() -> None:
    paragraphs = solution(STEPS).split("\n\n")
    assert paragraphs[-1] == ""
    assert [
        paragraph.endswith(each)
        for paragraph, each in zip(paragraphs, ["root.", "$-b$.", "$5$."], strict=False)
    ]
    assert "Vieta" in paragraphs[1]
    for unseen in ("sum of the roots", "AM-GM", "passages", "relevant"):
        assert unseen not in solution(STEPS)


def test_nothing_before_the_newest_step_changes() -> None:
    for length in range(len(STEPS)):
        assert solution(STEPS[: length + 1]).startswith(solution(STEPS[:length]))


def test_empty_steps_leave_no_trace() -> None:
    assert solution([step("think", ""), step("summarise", "", "Vieta")]) == ""
    assert conversation(state(steps=[step("think", "")]), 0)[-1][0] == "user"


@pytest.mark.parametrize(("chars", "kept"), [(10_000, 4), (41, 2), (19, 2), (18, 0), (8, 0), (0, 0)])
def test_of_the_history_the_newest_turns_are_kept(chars: int, kept: int) -> None:
    messages = conversation(state(history=TURNS), chars)
    lengths = [len(turn["content"]) for turn in TURNS[4 - kept :]]
    assert sum(lengths) <= chars
    assert messages[1:-1] == [(turn["role"], turn["content"]) for turn in TURNS[4 - kept :]]
    assert messages[-1] == ("user", "What is $1+1$?")


def test_another_question_stands_in_place_of_the_problem() -> None:
    assert conversation(state(), 0, question="Q")[-1] == ("user", "Q")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is 15% of 80?", True),
        (r"$\pi$", True),
        ("x = y", True),
        ("√ two", True),
        ("Hello there!", False),
        ("", False),
    ],
)
def test_what_looks_like_mathematics(text: str, expected: bool) -> None:
    assert is_mathematical(state(text)) is expected


def test_mathematics_in_the_solution_counts() -> None:
    assert is_mathematical(state("Sides of a hexagon?", [step("think", "It has 6.")]))
    assert is_mathematical(state("Sides of a hexagon?"), "It has 6.")


def test_passages_are_quoted_with_their_numbers_and_titles() -> None:
    text = quote([VIETA, AM_GM], 10_000)
    assert text.index(f"[1] {VIETA.title}") < text.index(VIETA.text) < text.index(f"[2] {AM_GM.title}")
    assert AM_GM.text in text


def test_long_passages_are_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("a bcd", 3) == "a…"
    assert VIETA.text not in quote([VIETA], 20)


def test_the_question_of_rag_holds_problem_and_passages() -> None:
    text = rag_question("{{passages}} ${x}$", [VIETA, AM_GM], 10_000)
    assert VIETA.text in text
    assert AM_GM.text in text
    assert text.count("{{passages}} ${x}$") == 1


def test_steps_are_counted_by_action() -> None:
    assert (count(STEPS, "think"), count(STEPS, "retrieve"), count(STEPS, "answer")) == (2, 1, 0)
