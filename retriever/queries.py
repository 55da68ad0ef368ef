"""Queries with the passages that answer them: JSONL of one query a line (DESIGN, Files)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows, shown

QueryField = Literal["query", "cot"]


class Query(BaseModel):
    """One query of a retrieval benchmark; other keys of its line are ignored.

    ``gold_ids`` are the passages that answer it. ``excluded_ids`` leave the candidates before ranking: the
    passage that a question was written from would be found at once and is no answer (BRIGHT). No passage
    may be both. ``cot`` is reasoning about the query, written beforehand.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1, max_length=500)
    query: str
    gold_ids: tuple[str, ...]
    excluded_ids: tuple[str, ...] = ()
    cot: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.query.strip():
            raise PydanticCustomError("blank", "query is empty")
        if both := set(self.gold_ids) & set(self.excluded_ids):
            raise PydanticCustomError("both", "{id} is both gold and excluded", {"id": repr(min(both)[:100])})
        return self

    def text(self, field: QueryField = "query") -> str | None:
        """What is searched for: the query, or the query, a newline and ``cot``.

        Returns:
            None where ``field`` is ``cot`` and the query has none (or a blank one): such a query is left out
            of a run on that field.
        """
        if field == "query":
            return self.query
        return f"{self.query}\n{self.cot}" if self.cot and self.cot.strip() else None


def read_queries(
    path: str | Path,
    skip_bad: bool = False,
    *,
    allow_unjudged: bool = False,
    skipped: list[str] | None = None,
) -> list[Query]:
    """The queries of a JSONL file, in order.

    Args:
        path: One JSON object a line: ``id``, ``query``, ``gold_ids``, and where known ``excluded_ids`` and
            ``cot``. Other keys and blank lines are ignored.
        skip_bad: Leave bad lines out instead of stopping at the first.
        allow_unjudged: Take queries without gold ids too: they can be searched and not scored.
        skipped: Filled in with one line ("FILE, line N: reason") for each line left out.

    Raises:
        BadInputError: The file cannot be read, a line is bad, an id is there twice, or no query is left.
    """
    queries: dict[str, Query] = {}
    for place, row in rows(Path(path)):
        found = row if isinstance(row, str) else query_of(row, allow_unjudged=allow_unjudged)
        if isinstance(found, Query) and found.id in queries:
            found = f"the id {found.id!r} is already taken"
        if isinstance(found, Query):
            queries[found.id] = found
            continue
        if not skip_bad:
            raise BadInputError(f"{place}: {found}", REMEDY)
        if skipped is not None:
            skipped.append(f"{place}: {found}")
    if not queries:
        raise BadInputError(
            f"{shown(path)} holds no query", 'A line is {"id": …, "query": …, "gold_ids": […]}'
        )
    return list(queries.values())


def query_of(row: Row, *, allow_unjudged: bool = False) -> Query | str:
    """The query of one JSON object, or the reason why there is none."""
    try:
        query = Query.model_validate({key: value for key, value in row.items() if value is not None})
    except ValidationError as error:
        return reasons(error)
    return query if query.gold_ids or allow_unjudged else "gold_ids is empty"
