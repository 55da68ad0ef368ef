"""Steps as the language model reads them: a conversation whose last message grows step by step.

Nothing before the newest step ever changes, so a server with a prefix cache reads only what is new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agent.llm import Message
from agent.prompts import load, render
from agent.state import AgentState
from retriever.passage import Passage

_MATHEMATICAL = re.compile(r"[\d=+^\\$√∑∫]")


def conversation(
    state: AgentState, history_chars: int, *, begin: str = "", question: str | None = None
) -> list[Message]:
    """System prompt, earlier turns, the problem, and the solution so far.

    Args:
        state: The run.
        history_chars: Characters of earlier conversation to keep, the newest turns first.
        begin: First words of what the assistant shall write next.
        question: What to ask in place of the bare problem.

    Returns:
        Messages; the last is the assistant's where there is a solution so far or ``begin``.
    """
    messages: list[Message] = [("system", load("solve"))]
    messages += _recent(state["problem"]["history"], history_chars)
    messages.append(("user", question or state["problem"]["problem"]))
    written = solution(state["steps"]) + begin
    return [*messages, ("assistant", written)] if written else messages


def solution(steps: Sequence[dict[str, Any]]) -> str:
    """The solution so far: thoughts, and the facts recalled between them, each followed by an empty line."""
    paragraphs = [
        render("recall", title=step["hits"][0]["title"], fact=step["text"])
        if step["action"] == "summarise"
        else step["text"]
        for step in steps
        if step["action"] in ("think", "summarise", "answer") and step["text"]
    ]
    return "".join(f"{paragraph}\n\n" for paragraph in paragraphs)


def is_mathematical(state: AgentState, text: str = "") -> bool:
    """Whether anything in the problem, the solution so far or ``text`` looks like mathematics."""
    whole = state["problem"]["problem"] + solution(state["steps"]) + text
    return _MATHEMATICAL.search(whole) is not None


def count(steps: Sequence[dict[str, Any]], action: str) -> int:
    """How many steps of this action there are."""
    return sum(step["action"] == action for step in steps)


def quote(passages: Sequence[Passage], chars: int) -> str:
    """Passages numbered from 1, each cut to ``chars`` characters, for a prompt."""
    return "\n\n".join(
        f"[{number}] {passage.title}: {cut(passage.text, chars)}"
        for number, passage in enumerate(passages, 1)
    )


def rag_question(problem: str, passages: Sequence[Passage], chars: int) -> str:
    """The problem with what was found for it in front."""
    return render("rag", passages=quote(passages, chars), problem=problem)


def cut(text: str, chars: int) -> str:
    """``text`` with an ellipsis where it had to be cut to ``chars`` characters."""
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"


def whole_sentences(text: str, *, cut_short: bool) -> str:
    """``text`` on one line; where a token limit cut it short, only the sentences that it completed."""
    line = " ".join(text.split())
    if not cut_short:
        return line
    end = max(line.rfind(mark) for mark in (". ", "$.", ").", "]."))
    return line[: end + 2].strip() if end >= 0 else ""


def _recent(history: Sequence[dict[str, Any]], chars: int) -> list[Message]:
    kept: list[Message] = []
    for turn in reversed(history):
        chars -= len(turn["content"])
        if chars < 0:
            break
        kept.append((turn["role"], turn["content"]))
    if kept and kept[-1][0] == "assistant":  # strict chat templates want the user to begin
        kept.pop()
    return kept[::-1]
