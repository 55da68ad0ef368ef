"""Batches of one topic: passages that share words, each once in a stretch, the same after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from training.trainers.batches import MixedSampler, Topics
from training.trainers.topics import SIZE, topics_of

KINDS = [
    "prime number divides integer", "circle triangle angle side", "limit series converges sum",
    "matrix rank trace eigenvalue", "group subgroup coset order", "graph vertex edge path",
    "event chance random variable",
]  # fmt: skip


def test_passages_that_share_words_share_a_topic() -> None:
    dice = np.random.default_rng(0)
    texts = [" ".join(dice.choice(kind.split(), 3, replace=False)) for _ in range(2 * SIZE) for kind in KINDS]
    found = topics_of(texts)
    assert len(set(found)) > 1
    same = found[:, None] == found[None, :]
    kind = np.arange(len(texts)) % len(KINDS)
    assert not same[kind[:, None] != kind[None, :]].any()
    assert (topics_of(texts) == found).all()


@pytest.mark.parametrize("texts", [[], ["a prime"], ["a prime"] * 3 * SIZE, list(map(str, range(3 * SIZE)))])
def test_where_words_tell_nothing_all_is_one_topic(texts: list[str]) -> None:
    assert (topics_of(texts) == 0).all()


def sampler(share: float, *, rows: int = 240, seed: int = 0) -> tuple[MixedSampler, Topics]:
    """Every passage answers three rows, every topic has ten passages."""
    positive = np.arange(rows) // 3
    topics = Topics(share, positive // 10, positive)
    return MixedSampler(["cot"] * rows, {}, 16, seed, topics=topics), topics


def test_a_batch_is_of_stretches_of_one_topic_with_each_passage_once() -> None:
    found, topics = sampler(0.5)
    batches = [np.array(batch) for batch in found]
    assert sorted(row for batch in batches for row in batch) == list(range(240))
    stretches = [half for batch in batches for half in (batch[:8], batch[8:])]
    distinct = [len(set(topics.positive[half])) for half in stretches]
    assert np.mean([count == 8 for count in distinct]) > 0.9  # but where one turn goes over into the next
    of_topics = [len(set(topics.topic[half])) for half in stretches]
    assert max(of_topics) <= 3
    at_random = [len(set(topics.topic[np.array(batch)])) for batch in sampler(0.5)[0]]
    assert np.mean(at_random) < np.mean(
        [len(set(topics.topic[np.array(batch)])) for batch in MixedSampler(["cot"] * 240, {}, 16, 0)]
    )


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    first, again, other = sampler(1.0)[0], sampler(1.0)[0], sampler(1.0, seed=1)[0]
    assert list(first) == list(again) != list(other)
    again.set_epoch(1)
    assert list(first) != list(again)


def test_rows_that_fill_no_stretch_come_last() -> None:
    found, _ = sampler(1.0, rows=250)
    batches = list(found)
    assert [len(batch) for batch in batches] == [16] * 15 + [10]
    assert len({row for batch in batches for row in batch}) == 250
