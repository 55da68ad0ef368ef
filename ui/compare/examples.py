"""The ready examples: problems and steps in our own words; what their labels claim a slow test holds."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from retriever.errors import BadInputError
from ui.compare.asked import Asked


class Example(BaseModel):
    """A problem, its steps, the passages that help, and what comparing shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    shows: str
    problem: str
    steps: tuple[str, ...]
    gold: tuple[str, ...]

    @property
    def asked(self) -> Asked:
        """What is asked for when the example is chosen."""
        return Asked(problem=self.problem, steps="\n\n".join(self.steps), gold=self.gold)


@cache
def examples() -> tuple[Example, ...]:
    """All examples, in the order in which they are offered."""
    text = (files("ui") / "compare" / "examples.json").read_text(encoding="utf-8")
    return tuple(Example.model_validate(each) for each in json.loads(text))


def example(name: str) -> Example:
    """The example of that name.

    Raises:
        BadInputError: There is none.
    """
    for each in examples():
        if each.name == name:
            return each
    names = ", ".join(each.name for each in examples())
    raise BadInputError(f"no example is called {name!r:.60}", f"There are: {names}")
