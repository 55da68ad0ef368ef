"""Is one system better than another on the same queries? Bootstrap intervals and a randomisation test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

RESAMPLES = 10_000
_AT_ONCE = 2_000_000  # numbers drawn at once: 16 MB


class Comparison(NamedTuple):
    """A − B: the mean difference, its 95% bootstrap interval, and the randomisation test's two-sided p."""

    delta: float
    ci95: tuple[float, float]
    p: float


def compare(a: Values, b: Values, *, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compare two systems by their values ``(n,)`` on the same queries in the same order.

    Raises:
        ValueError: They differ in length, or there are none.
    """
    if a.shape != b.shape or not len(a):
        raise ValueError(f"values of the same queries are needed, not {a.shape} and {b.shape}")
    differences = a - b
    interval = mean_interval(differences, seed=seed, resamples=resamples)
    p = randomisation_p(differences, seed=seed, resamples=resamples)
    return Comparison(float(differences.mean()), interval, p)


def mean_interval(values: Values, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of a mean (Efron); one value alone is its own interval.

    Args:
        values: One a query, ``(n,)``.
        seed: Of the resampling; the same seed gives the same interval.
        resamples: How many.
    """
    from scipy.stats import bootstrap

    if len(values) < 2:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,), np.mean, n_resamples=resamples, method="percentile", rng=seed, batch=_batch(len(values))
    ).confidence_interval
    return float(found.low), float(found.high)


def randomisation_p(differences: Values, *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p of a paired randomisation test (Fisher; Smucker, Allan and Carterette 2007).

    If the systems were alike, each query's difference could as well have the other sign. Counts the sign
    flips whose sum is at least as far from zero as the one seen: (count + 1) / (resamples + 1), or exactly
    where there are no more than ``resamples`` flips.

    Args:
        differences: One a query, ``(n,)``.
        seed: Of the flips.
        resamples: How many.
    """
    from scipy.stats import permutation_test

    differing = differences[differences != 0]  # the sign of zero changes nothing
    if len(differing) < 2:  # one difference is as far from zero with either sign
        return 1.0

    def distance(values: Values, axis: int) -> Values:
        distances: Values = np.abs(np.sum(values, axis=axis))
        return distances

    found = permutation_test(
        (differing,),
        distance,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        alternative="greater",
        rng=seed,
        batch=_batch(len(differing)),
    )
    return float(found.pvalue)


def _batch(n: int) -> int:
    return max(1, _AT_ONCE // n)
