"""Which trajectories are listed: a filter, as an address writes it and as the catalogue asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.records import Grade, Outcome

SAID = {
    "approved": ("training", "approved"),
    "rejected": ("training", "rejected"),
    "up": ("answer", "up"),
    "down": ("answer", "down"),
}  # what a person said: the key and the value of agent.feedback
GRADES = (*get_args(Grade), "ungraded", *(each for each in get_args(Outcome) if each != "finished"))
ANY, NONE = "any", "none"
MOST_CHARS = 200


class Filter(BaseModel):
    """What is asked for; an empty field asks for nothing.

    Attributes:
        words: All stand in the problem; or an id.
        log: Key of the log, as `Log.key`.
        strategy: Its name.
        grade: A grade; ``ungraded``; or an outcome other than finished.
        said: What a person said, one of `SAID`, ``any`` or ``none``.
        since: First day (UTC).
        until: Last day (UTC).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    words: str = Field(default="", max_length=MOST_CHARS)
    log: str = Field(default="", max_length=MOST_CHARS)
    strategy: str = Field(default="", max_length=MOST_CHARS)
    grade: str = ""
    said: str = ""
    since: str = ""
    until: str = ""

    @field_validator("grade")
    @classmethod
    def _grade(cls, value: str) -> str:
        return _one_of(value, GRADES)

    @field_validator("said")
    @classmethod
    def _said(cls, value: str) -> str:
        return _one_of(value, (*SAID, ANY, NONE))

    @field_validator("since", "until")
    @classmethod
    def _day(cls, value: str) -> str:
        if value and not (re.fullmatch(r"\d{4}-\d\d-\d\d", value) and date.fromisoformat(value)):
            raise ValueError("is not YYYY-MM-DD")
        return value

    def where(self) -> tuple[str, list[str]]:
        """The condition in SQL over the catalogue's ``rows``, and its parameters."""
        asked: list[tuple[str, list[str]]] = [("1", [])]
        asked += [
            ("(problem LIKE ? ESCAPE '\\' OR id = ?)", [f"%{_literal(word)}%", word])
            for word in self.words.split()
        ]
        asked += [(f"{name} = ?", [value]) for name in ("log", "strategy") if (value := getattr(self, name))]
        if self.grade:
            asked.append(("graded = ?", [self.grade]))
        if self.since:
            asked.append(("created >= ?", [self.since]))
        if self.until:
            asked.append(("created < ?", [f"{self.until}~"]))  # after every time of that day
        if self.said:
            asked.append(_saying(self.said))
        return " AND ".join(each for each, _ in asked), [value for _, given in asked for value in given]


ALL = Filter()


def filter_of(parameters: Mapping[str, str]) -> tuple[Filter, str]:
    """The filter that an address writes, and in one line what of it cannot be used, which is left out."""
    given = {name: parameters[name].strip() for name in Filter.model_fields if parameters.get(name)}
    try:
        return Filter(**given), ""
    except ValidationError as error:
        bad = {str(each["loc"][0]): each["msg"].removeprefix("Value error, ") for each in error.errors()}
        told = "; ".join(f"{name} {reason}" for name, reason in bad.items())
        kept = {name: value for name, value in given.items() if name not in bad}
        return Filter(**kept), f"Left out of the filter: {told}"


def address(filter_: Filter, *, page: int = 1, opened: str = "", log: str = "") -> str:
    """The query part of the page's address, from ``?`` on; empty where there is nothing to say.

    Args:
        filter_: What is listed.
        page: Which fifty of it, from 1.
        opened: Id of the trajectory that is open.
        log: The log that it lies in.
    """
    given = filter_.model_dump(exclude_defaults=True)
    given |= {"page": page} if page > 1 else {}
    given |= {"id": opened, "in": log} if opened else {}
    return f"?{urlencode(given)}" if given else ""


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value and value not in allowed:
        raise ValueError(f"is one of {', '.join(allowed)}")
    return value


def _literal(word: str) -> str:
    """A word in which SQL's LIKE sees nothing but characters."""
    return re.sub(r"([\\%_])", r"\\\1", word)


def _saying(said: str) -> tuple[str, list[str]]:
    some = "SELECT 1 FROM said WHERE said.log = rows.log AND said.id = rows.id"
    if said in SAID:
        return f"EXISTS ({some} AND key = ? AND value = ?)", list(SAID[said])
    return f"{'NOT ' if said == NONE else ''}EXISTS ({some})", []
