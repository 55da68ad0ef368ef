"""The gate: a new retriever is promoted only where it is better, and nowhere worse.

Better on step queries, over all sets of them together, with the 95% interval above zero; and on no set, of
whatever queries, worse than one point of nDCG@10. Each difference is of the same query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from retriever.corpus import Corpus
from retriever.queries import Query
from training.evaluation.compare import mean_interval
from training.evaluation.metrics import query_values
from training.evaluation.reports import RetrievalReport

NEW, OLD = "new", "promoted"  # how the two are called in a report
MOST_LOSS = 1.0  # points of nDCG@10
LEAST_STEPS = 20  # a bootstrap over fewer queries says too little
STEPS = "steps"  # how names of sets of step queries begin


class QuerySet(NamedTuple):
    """Queries to compare on, and the passages that they are searched in."""

    name: str
    queries: Sequence[Query]
    corpus: Corpus

    @property
    def of_steps(self) -> bool:
        """Whether its queries are steps of reasoning."""
        return self.name.startswith(STEPS)


class Compared(BaseModel):
    """The two on one set: means in points, and new − promoted of every query."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of_steps: bool
    n: int
    new: dict[str, float]
    promoted: dict[str, float]
    new_ci95: tuple[float, float]
    delta: float
    ci95: tuple[float, float]
    differences: tuple[float, ...]
    warnings: tuple[str, ...] = ()


class Verdict(BaseModel):
    """What the gate says.

    Attributes:
        promoted: Whether the new one may serve.
        reasons: Why not; empty where it may.
        steps: Step queries, their mean difference in points and its 95% interval; None where there are none.
        compared: The two on every set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    promoted: bool
    reasons: tuple[str, ...]
    steps: tuple[int, float, tuple[float, float]] | None
    compared: dict[str, Compared]

    def table(self) -> str:
        """The comparison as text: a line a set, the step queries together, the verdict."""
        lines = [f"{'nDCG@10':<24}{'queries':>8}{OLD:>10}{NEW:>8}{'new − promoted, 95% interval':>34}"]
        for name, each in self.compared.items():
            old, new = each.promoted["ndcg@10"], each.new["ndcg@10"]
            lines.append(
                f"{name[-24:]:<24}{each.n:>8}{old:>10.1f}{new:>8.1f}{_difference(each.delta, each.ci95):>34}"
            )
        if self.steps:
            n, delta, ci95 = self.steps
            lines.append(f"{'step queries together':<24}{n:>8}{'':>18}{_difference(delta, ci95):>34}")
        told = "promoted" if self.promoted else "refused: " + "; ".join(self.reasons)
        return "\n".join([*lines, told])


def compared(of: QuerySet, report: RetrievalReport) -> Compared:
    """What a report with `NEW` and `OLD` says of a set."""
    values = [100 * query_values(report.runs[name], of.queries)["ndcg@10"] for name in (NEW, OLD)]
    pair = report.paired[f"{NEW} vs {OLD}"]
    means = [
        {"ndcg@10": each.ndcg, "recall@10": each.recall, "mrr@10": each.mrr}
        for each in (report.results[NEW], report.results[OLD])
    ]
    return Compared(
        of_steps=of.of_steps,
        n=report.n,
        new=means[0],
        promoted=means[1],
        new_ci95=report.results[NEW].ci95,
        delta=pair.delta,
        ci95=pair.ci95,
        differences=tuple((values[0] - values[1]).round(6).tolist()),
        warnings=tuple(report.warnings),
    )


def decide(results: Mapping[str, Compared], seed: int = 0) -> Verdict:
    """Whether the new one is promoted.

    Args:
        results: By the names of the sets.
        seed: Of the bootstrap.
    """
    reasons = []
    differences = np.array([one for each in results.values() if each.of_steps for one in each.differences])
    steps = None
    if len(differences):
        interval = mean_interval(differences, seed=seed)
        steps = len(differences), float(differences.mean()), interval
        if interval[0] <= 0:
            reasons.append(f"not better on step queries: {_difference(steps[1], interval)}")
    if len(differences) < LEAST_STEPS:
        reasons.append(f"{len(differences)} step queries are too few to tell, {LEAST_STEPS} are needed")
    for name, each in results.items():
        if each.delta < -MOST_LOSS:
            reasons.append(f"worse on {name}: {_difference(each.delta, each.ci95)}")
    return Verdict(promoted=not reasons, reasons=tuple(reasons), steps=steps, compared=dict(results))


def _difference(delta: float, ci95: tuple[float, float]) -> str:
    return f"{delta:+.1f} ({ci95[0]:+.1f} to {ci95[1]:+.1f})"
