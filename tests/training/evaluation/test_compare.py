"""Bootstrap intervals and the randomisation test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.evaluation.compare import compare, mean_interval, randomisation_p

POINTS = st.sampled_from([0.0, 10.0, 38.685, 63.093, 100.0])
VALUES = st.integers(1, 40).flatmap(lambda n: arrays(np.float64, n, elements=POINTS))
PAIRS = st.integers(1, 40).flatmap(lambda n: arrays(np.float64, (2, n), elements=POINTS))
FAST = settings(max_examples=40, deadline=None)
RESAMPLES = 500


@given(VALUES)
@FAST
def test_equal_systems_do_not_differ(values: np.ndarray) -> None:
    assert compare(values, values.copy(), resamples=RESAMPLES) == (0, (0, 0), 1)


@given(PAIRS)
@FAST
def test_the_other_way_round_is_the_mirror_image(pair: np.ndarray) -> None:
    there, back = (
        compare(a, b, seed=3, resamples=RESAMPLES) for a, b in ((pair[0], pair[1]), (pair[1], pair[0]))
    )
    assert there.delta == pytest.approx(-back.delta)
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]), abs=1e-6)
    assert there.p == back.p


@given(PAIRS)
@FAST
def test_bounds(pair: np.ndarray) -> None:
    a, b = pair
    found = compare(a, b, resamples=RESAMPLES)
    assert found.delta == pytest.approx(a.mean() - b.mean())
    low, high = found.ci95
    assert (a - b).min() - 1e-9 <= low <= high <= (a - b).max() + 1e-9
    assert 0 < found.p <= 1
    assert compare(a, b, resamples=RESAMPLES) == found


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
@FAST
def test_with_few_queries_p_is_exact(differences: list[int]) -> None:
    flips = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    expected = np.mean(np.array(flips) >= abs(sum(differences)))
    assert randomisation_p(np.array(differences, dtype=np.float64)) == pytest.approx(expected)


def test_with_many_queries_p_is_counted() -> None:
    rng = np.random.default_rng(0)
    clear = rng.normal(2, 1, 60)
    assert randomisation_p(clear, resamples=999) == pytest.approx(1 / 1000)
    from scipy.stats import wilcoxon

    slight = rng.normal(0.2, 1, 60)
    assert randomisation_p(slight) == pytest.approx(wilcoxon(slight).pvalue, abs=0.1)


def test_the_interval_is_the_normal_one_where_that_holds() -> None:
    values = np.random.default_rng(1).normal(50, 10, 1000)
    margin = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert mean_interval(values) == pytest.approx((values.mean() - margin, values.mean() + margin), abs=0.1)


def test_the_seed_decides() -> None:
    values = np.random.default_rng(1).normal(0, 1, 50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same queries"):
        compare(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="same queries"):
        compare(np.zeros(0), np.zeros(0))
