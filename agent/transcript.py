"""Steps as the language model reads them: a conversation whose last message grows step by step.

Nothing before the newest step ever changes, so a server with a prefix cache reads only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.llm import Message
from agent.prompts import load, render
from agent.state import AgentState
from retriever.passage import Passage


def conversation(
    state: AgentState,
    system: str,
    *,
    begin: str = "",
    question: str | None = None,
    history_chars: int = 3000,
) -> list[Message]:
    """System prompt, earlier turns, the problem, and the solution so far.

    Args:
        state: The run.
        system: Name of the system prompt.
        begin: First words of what the assistant shall write next.
        question: What to ask in place of the bare problem.
        history_chars: Characters of earlier conversation to keep, the newest first.

    Returns:
        Messages; the last is the assistant's where there is a solution so far or ``begin``.
    """
    messages: list[Message] = [("system", load(system))]
    messages += _recent(state["problem"]["history"], history_chars)
    messages.append(("user", question or state["problem"]["problem"]))
    written = "\n".join(part for part in (solution(state["steps"]), begin) if part)
    return [*messages, ("assistant", written)] if written else messages


def solution(steps: Sequence[dict[str, Any]]) -> str:
    """The solution so far: numbered thoughts, and the facts recalled between them."""
    lines, number = [], 0
    for step in steps:
        if step["action"] in ("think", "answer"):
            number += 1
            lines.append(f"Step {number}: {step['text']}")
        elif step["action"] == "summarise":
            lines.append(f"Recall ({step['hits'][0]['title']}): {step['text']}")
    return "\n".join(lines)


def count(steps: Sequence[dict[str, Any]], action: str) -> int:
    """How many steps of this action there are."""
    return sum(step["action"] == action for step in steps)


def quote(passages: Sequence[Passage], chars: int) -> str:
    """Passages numbered from 1, each cut to ``chars`` characters, for a prompt."""
    return "\n\n".join(
        f"[{number}] {passage.title}: {cut(passage.text, chars)}" for number, passage in enumerate(passages, 1)
    )


def rag_question(problem: str, passages: Sequence[Passage], chars: int) -> str:
    """The problem with what was found for it in front."""
    return render("rag", passages=quote(passages, chars), problem=problem)


def cut(text: str, chars: int) -> str:
    """``text`` with an ellipsis where it had to be cut to ``chars`` characters."""
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"


def _recent(history: Sequence[dict[str, Any]], chars: int) -> list[Message]:
    kept: list[Message] = []
    for turn in reversed(history):
        chars -= len(turn["content"])
        if chars < 0:
            break
        kept.append((turn["role"], turn["content"]))
    return kept[::-1]
