"""The report of a retrieval evaluation (DESIGN, ``rader eval retrieval``), worked out from runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from retriever.queries import Query, QueryField
from training.evaluation.compare import RESAMPLES, Values, compare, mean_interval
from training.evaluation.metrics import query_values
from training.evaluation.runs import Run

DEPTH = 100  # hits a query: what rerankers and others' evaluations look at; the measures look at ten


class RetrievalConfig(BaseModel):
    """How to evaluate.

    ``field``: ``cot`` searches with query and reasoning and leaves out queries without it. ``k``: hits of a
    query. ``seed`` and ``resamples``: of the bootstrap intervals and randomisation tests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: QueryField = "query"
    k: int = Field(default=DEPTH, ge=10)
    seed: int = Field(default=0, ge=0)
    resamples: int = Field(default=RESAMPLES, ge=100)


class Searched(BaseModel):
    """One retriever's answers to all queries.

    ``seconds`` is None for a run that was read from a file; ``cut`` counts queries that were longer than the
    encoder reads.
    """

    model_config = ConfigDict(frozen=True)

    run: Run
    seconds: float | None = None
    cut: int = 0


class Result(BaseModel):
    """One retriever's means over the queries, in points from 0 to 100.

    ``seconds`` is the wall-clock time in which all queries were encoded, searched and reranked. ``ci95`` is
    the bootstrap interval of nDCG@10. ``unanswered`` counts queries without a hit: they score zero.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    ndcg: float = Field(alias="ndcg@10")
    recall: float = Field(alias="recall@10")
    mrr: float = Field(alias="mrr@10")
    seconds: float | None
    ci95: tuple[float, float]
    unanswered: int
    cut: int


class Paired(BaseModel):
    """A − B in nDCG@10 on the same queries, in points: mean, 95% bootstrap interval, randomisation p."""

    model_config = ConfigDict(frozen=True)

    delta: float
    ci95: tuple[float, float]
    p: float


class RetrievalReport(BaseModel):
    """What ``rader eval retrieval --json`` prints, and the runs that it was worked out from.

    ``n`` counts the queries evaluated. ``warnings`` says what may surprise in the numbers; ``settings`` holds
    what is needed to get them again.
    """

    model_config = ConfigDict(frozen=True)

    benchmark: str
    n: int
    results: dict[str, Result]
    paired: dict[str, Paired]
    warnings: list[str]
    settings: dict[str, Any]
    runs: dict[str, Run] = Field(exclude=True, repr=False)


def retrieval_report(
    benchmark: str,
    queries: Sequence[Query],
    searched: Mapping[str, Searched],
    config: RetrievalConfig,
    *,
    warnings: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> RetrievalReport:
    """Score runs and compare each pair of them in the order named.

    Args:
        benchmark: Its name.
        queries: The queries that count.
        searched: By retriever.
        config: Seed and number of resamples.
        warnings: More of them.
        settings: More of them.
    """
    values = {name: query_values(each.run, queries) for name, each in searched.items()}
    points = {name: 100 * each["ndcg@10"] for name, each in values.items()}
    return RetrievalReport(
        benchmark=benchmark,
        n=len(queries),
        results={
            name: _result(each, values[name], _interval(points[name], config))
            for name, each in searched.items()
        },
        paired={f"{a} vs {b}": _paired(points[a], points[b], config) for a, b in combinations(points, 2)},
        warnings=[*warnings, *_shortfalls(searched, queries)],
        settings=config.model_dump() | dict(settings or {}),
        runs={name: each.run for name, each in searched.items()},
    )


def _result(searched: Searched, values: Mapping[str, Values], ci95: tuple[float, float]) -> Result:
    ndcg, recall, mrr = (
        round(100 * float(values[name].mean()), 4) for name in ("ndcg@10", "recall@10", "mrr@10")
    )
    return Result(
        ndcg=ndcg,
        recall=recall,
        mrr=mrr,
        seconds=searched.seconds,
        ci95=ci95,
        unanswered=len(values["mrr@10"]) - len(searched.run),
        cut=searched.cut,
    )


def _interval(points: Values, config: RetrievalConfig) -> tuple[float, float]:
    low, high = mean_interval(points, seed=config.seed, resamples=config.resamples)
    return round(low, 4), round(high, 4)


def _paired(a: Values, b: Values, config: RetrievalConfig) -> Paired:
    found = compare(a, b, seed=config.seed, resamples=config.resamples)
    low, high = found.ci95
    return Paired(delta=round(found.delta, 4), ci95=(round(low, 4), round(high, 4)), p=round(found.p, 6))


def _shortfalls(searched: Mapping[str, Searched], queries: Sequence[Query]) -> list[str]:
    found = []
    for name, each in searched.items():
        if missing := len(queries) - len(each.run):
            found.append(f"{name}: {missing} of {len(queries)} queries brought no hit and score zero")
        if each.cut:
            found.append(f"{name}: {each.cut} queries were longer than the encoder reads and were cut")
    return found
