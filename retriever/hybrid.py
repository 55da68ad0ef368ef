"""Hybrid scores: α·z(dense) + (1−α)·z(BM25), z over one query's candidates (RaDeR's interpolation)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Scores = Mapping[str, float]


def z_scores(scores: Scores) -> dict[str, float]:
    """Scores less their mean, over their (population) standard deviation.

    All zero where the scores do not differ: such a side has no opinion.
    """
    values = np.array(list(scores.values()), dtype=np.float64)
    spread = float(values.std()) if len(values) else 0.0
    if spread <= 1e-9 * max(1.0, float(np.abs(values).max(initial=0.0))):  # rounding alone is no difference
        return dict.fromkeys(scores, 0.0)
    mean = float(values.mean())
    return {key: (value - mean) / spread for key, value in scores.items()}


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
    first, second = z_scores(_filled(dense, ids)), z_scores(_filled(lexical, ids))
    # Rounded, so that scores which differ by rounding alone are ties.
    scores = {key: round(alpha * first[key] + (1 - alpha) * second[key], 12) for key in ids}
    return ranked(scores)


def ranked(scores: Scores) -> list[tuple[str, float]]:
    """Ids with scores, best first, ties by id."""
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _filled(scores: Scores, ids: list[str]) -> dict[str, float]:
    lowest = min(scores.values(), default=0.0)
    return {key: scores.get(key, lowest) for key in ids}
