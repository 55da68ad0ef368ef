"""Hybrid scores: α·z(dense) + (1−α)·z(BM25), z over one query's candidates (RaDeR's interpolation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Scores = Mapping[str, float]
_Values = npt.NDArray[np.float64]


def z_scores(scores: Scores) -> dict[str, float]:
    """Scores less their mean, over their (population) standard deviation.

    All zero where the scores do not differ: such a side has no opinion.
    """
    values = _z(np.array(list(scores.values()), dtype=np.float64))
    return dict(zip(scores, values.tolist(), strict=True))


def interpolate(dense: Scores, lexical: Scores, alpha: float) -> list[tuple[str, float]]:
    """Rank the candidates of both sides together.

    Args:
        dense: Cosine by passage id.
        lexical: BM25 score by passage id.
        alpha: Weight of the dense side, 0 to 1.

    Returns:
        Ids with scores, best first, ties by id. An id that one side lacks has that side's minimum there; an
        empty side counts for nothing, so the other's order stands.
    """
    ids = sorted(dense.keys() | lexical.keys())  # sums of floats depend on their order
    scores = alpha * _z(_filled(dense, ids)) + (1 - alpha) * _z(_filled(lexical, ids))
    scores = scores.round(12) + 0.0  # scores that differ by rounding alone are ties; no minus zero
    order = np.argsort(-scores, kind="stable")
    return [(ids[row], score) for row, score in zip(order, scores[order].tolist(), strict=True)]


def _z(values: _Values) -> _Values:
    spread = float(values.std()) if len(values) else 0.0
    if spread <= 1e-9 * max(1.0, float(np.abs(values).max(initial=0.0))):  # rounding alone is no difference
        return np.zeros_like(values)
    standard: _Values = (values - values.mean()) / spread
    return standard


def _filled(scores: Scores, ids: Sequence[str]) -> _Values:
    lowest = min(scores.values(), default=0.0)
    return np.array([scores.get(key, lowest) for key in ids], dtype=np.float64)
