r"""What the scripted model of the chat's tests says, decided by what it is asked.

Two thoughts with a look-up between them, then the boxed answer, for any question.
"""

from __future__ import annotations

import json
from typing import Any

from agent.prompts import load

# Long enough to make a thought of its own.
FIRST = (
    r"The sum is \(a+b\), **not** $a-b$; it costs $5 and $7. Both numbers are positive, and their product is"
    " known, so there ought to be a bound that their sum can never fall below whatever they are."
)
QUERY = "AM-GM inequality: bounds a product by a sum"
RECALL = r"For positive numbers $\sqrt{ab} \le \frac{a+b}{2}$."
LAST = r"So $x^2 = 16$ and the answer is \boxed{42}."
REASON = "its conditions hold here"


def solve(body: dict[str, Any]) -> str:
    """The reply to one request of the ``steps``, ``rag`` or ``cot`` strategy."""
    said = [(message["role"], str(message["content"])) for message in body["messages"]]
    if body.get("response_format"):
        return _verdicts(body)
    if said[-1] == ("user", load("query")):
        return QUERY
    if said[-1][1].startswith(load("summarise").split("{{")[0]):
        return RECALL
    recalled = any(role == "assistant" and RECALL in text for role, text in said[-1:])
    in_one_go = not body.get("stop")  # a step ends at a stop word
    return LAST if recalled or in_one_go else FIRST


def _verdicts(body: dict[str, Any]) -> str:
    """The first passage helps, the others do not."""
    array = body["response_format"]["json_schema"]["schema"]["properties"]["verdicts"]
    verdicts = [
        {"reason": REASON if number == 0 else "it is about something else", "relevant": number == 0}
        for number in range(array["minItems"])
    ]
    return json.dumps({"verdicts": verdicts})
