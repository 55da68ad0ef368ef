"""What a comparison is asked for, and its link, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from retriever.errors import BadInputError
from retriever.search import MODES, Mode
from ui.compare.steps import QueryType

LINK_CHARS = 7000  # proxies commonly refuse addresses beyond 8 KiB


class Asked(BaseModel):
    """One comparison as it is asked for.

    Attributes:
        problem, steps: Text as it was typed; see `ui.compare.steps`.
        gold: Passages that help, each by its id or title.
        columns: Retrievers, in the order of `MODES`.
        query: What is searched for at a step.
        code: Whether kinds of passages that the agent leaves out (code) are searched too.
        shown: Hits a column shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = ""
    steps: str = ""
    gold: tuple[str, ...] = ()
    columns: tuple[Mode, ...] = Field(default=MODES, min_length=1)
    query: QueryType = "cot"
    code: bool = False
    shown: int = Field(default=5, ge=1, le=20)

    @field_validator("columns")
    @classmethod
    def _in_order(cls, columns: tuple[Mode, ...]) -> tuple[Mode, ...]:
        return tuple(mode for mode in MODES if mode in columns)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Check ``values`` as they come from a form or a link.

        Raises:
            BadInputError: A value cannot be used, or no retriever is chosen.
        """
        if not values.get("columns", True):
            raise BadInputError("no retriever is chosen", "Choose one or more of " + ", ".join(MODES))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name, value = first["loc"][0], first["input"]
            raise BadInputError(f"{name} cannot be {value!r:.60}", _choices(str(name))) from error

    def changed_by(self, parameters: Mapping[str, str]) -> Self:
        """The same with what the parameters of an address say; unknown ones are others' business.

        Raises:
            BadInputError: As `of`.
        """
        fields = type(self).model_fields
        values: dict[str, Any] = {name: parameters[name] for name in fields if name in parameters}
        for name in ("columns", "gold"):
            if name in values:
                parts = values[name].split("\n" if "\n" in values[name] else ",")
                values[name] = tuple(part.strip() for part in parts if part.strip())
        return self.of(**(self.model_dump() | values))

    def link(self) -> str:
        """Parameters that ask for the same again; empty where they would be too long for an address."""
        values = {name: _written(value) for name, value in self.model_dump(exclude_defaults=True).items()}
        link = "?" + urlencode(values)
        return link if len(link) <= LINK_CHARS else ""


def _written(value: Any) -> str:
    if isinstance(value, tuple):  # a title may hold a comma
        return "\n".join((*value, "")) if any("," in part for part in value) else ",".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _choices(name: str) -> str:
    return {
        "columns": f"Choose from {', '.join(MODES)}",
        "query": f"Choose from {', '.join(get_args(QueryType))}",
        "shown": "Give a number from 1 to 20",
        "code": "Give 0 or 1",
    }.get(name, "Leave it out of the link")
