"""Self-reflection's verdicts: the schema that the model must follow, and reading what it wrote."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError

UNREADABLE = "the model gave no readable verdict"


class Judgement(BaseModel):
    """Whether one passage helps, and why."""

    reason: str
    relevant: bool


def judgement_schema(count: int) -> dict[str, Any]:
    """JSON schema of ``count`` judgements in the order of the passages. The reason comes before the verdict,
    so that the verdict follows from it."""
    one = {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 110}, "relevant": {"type": "boolean"}},
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
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1])["verdicts"]
        read = [_read_one(entry) or missing for entry in found[:count]]
    except (json.JSONDecodeError, KeyError, TypeError):
        read = []
    return read + [missing] * (count - len(read))


def _read_one(entry: Any) -> Judgement | None:
    try:
        return Judgement.model_validate(entry)
    except ValidationError:
        return None
