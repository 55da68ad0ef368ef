"""Self-reflection's verdicts: the schema that the model must follow, and reading what it wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.records import StepHit

# One innermost object: a reply cut at its token limit still gives the verdicts that it completed. A brace of
# LaTeX within a reason is inside a JSON string.
_OBJECT = re.compile(r'\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}')
UNREADABLE = "the model gave no readable verdict"


class Judgement(BaseModel):
    """Whether one passage helps, and why."""

    reason: str
    relevant: bool


def judgement_schema(count: int) -> dict[str, Any]:
    """JSON schema of ``count`` judgements in the order of the passages. The reason comes before the verdict,
    so that the verdict follows from it. No ``maxLength``: llama.cpp's grammar takes minutes over one."""
    one = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "relevant": {"type": "boolean"}},
        "required": ["reason", "relevant"],
        "additionalProperties": False,
    }
    array = {"type": "array", "items": one, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"verdicts": array},
        "required": ["verdicts"],
        "additionalProperties": False,
    }


def read_judgements(text: str, count: int) -> list[Judgement]:
    """``count`` judgements from the model's JSON. What cannot be read counts as not relevant, and says so."""
    missing = Judgement(reason=UNREADABLE, relevant=False)
    read = [_read_one(entry) or missing for entry in _OBJECT.findall(text)[:count]]
    return read + [missing] * (count - len(read))


def write_judgements(hits: Sequence[StepHit]) -> str:
    """The JSON that says what ``hits`` say: the model's reply as it would stand in the conversation."""
    verdicts = [{"reason": hit.reason, "relevant": hit.verdict == "relevant"} for hit in hits]
    return json.dumps({"verdicts": verdicts}, ensure_ascii=False, indent=2)


def _read_one(entry: str) -> Judgement | None:
    try:
        return Judgement.model_validate_json(entry)
    except ValidationError:
        return None
