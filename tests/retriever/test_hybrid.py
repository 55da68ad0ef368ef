"""Interpolation, against numbers worked by hand."""

from __future__ import annotations

import pytest

from retriever.hybrid import interpolate, z_scores


def test_z_scores_by_hand() -> None:
    # mean 2, squared deviations 1, 0, 1: variance 2/3
    assert z_scores({"a": 1.0, "b": 2.0, "c": 3.0}) == pytest.approx(
        {"a": -(1.5**0.5), "b": 0, "c": 1.5**0.5}
    )


@pytest.mark.parametrize("scores", [{}, {"a": 0.3}, {"a": 0.1 + 0.2, "b": 0.3}])
def test_a_side_that_does_not_differ_has_no_opinion(scores: dict[str, float]) -> None:
    assert z_scores(scores) == dict.fromkeys(scores, 0.0)


def test_both_sides_by_hand() -> None:
    # b lacks a BM25 score and c a cosine: each gets the minimum of that side.
    found = interpolate({"a": 0.2, "b": 0.8}, {"a": 9.0, "c": 5.0}, alpha=0.75)
    # dense: a .2, b .8, c .2 → mean .4, deviation √.08: z = -.7071, 1.4142, -.7071
    # bm25: a 9, b 5, c 5 → z = 1.4142, -.7071, -.7071
    assert [key for key, _ in found] == ["b", "a", "c"]
    assert dict(found) == pytest.approx({"a": -0.17678, "b": 0.88388, "c": -0.70711}, abs=1e-5)


def test_an_empty_side_leaves_the_order_of_the_other() -> None:
    scores = {"a": 0.1, "b": 0.9, "c": 0.5}
    assert [key for key, _ in interpolate(scores, {}, 0.3)] == ["b", "c", "a"]
    assert [key for key, _ in interpolate({}, scores, 0.8)] == ["b", "c", "a"]
    assert interpolate({}, {}, 0.5) == []


def test_alpha_at_its_ends_is_one_side_alone() -> None:
    dense, lexical = {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}
    assert interpolate(dense, lexical, 1.0)[0][0] == "a"
    assert interpolate(dense, lexical, 0.0)[0][0] == "b"


def test_ties_come_by_id() -> None:
    assert interpolate({"b": 1.0, "a": 1.0, "c": 1.0}, {}, 0.5) == [("a", 0.0), ("b", 0.0), ("c", 0.0)]
