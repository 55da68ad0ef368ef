"""What makes a batch, and the loss over it, against sentence-transformers' own and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

from tests.training.trainers.tiny import make_corpus
from training.trainers.batches import Collator, MixedSampler, Task, listed
from training.trainers.infonce import InfoNCE, learned

CORPUS = make_corpus()


@pytest.fixture(scope="module")
def model(tiny_encoder_path: Path) -> Any:
    return SentenceTransformer(str(tiny_encoder_path), device="cpu").eval()


def rows() -> list[dict[str, Any]]:
    """Six queries with a positive and two negatives each, all passages different."""
    return [
        {
            "query": CORPUS.passages[number].text[: 10 + 5 * number],
            "positive": number,
            "negatives": [10 + number, 20 + number],
            "relevant": [number],
        }
        for number in range(6)
    ]


def collator(model: Any, most: int = 2) -> Collator:
    return Collator(model.preprocess, CORPUS.passages, Task("", 64), Task("", 64), most)


def loss_of(model: Any, batch: dict[str, Any], **options: Any) -> torch.Tensor:
    columns = [
        {key.removeprefix(f"{name}_"): value for key, value in batch.items() if key.startswith(f"{name}_")}
        for name in ("query", "passage")
    ]
    return InfoNCE(model, 0.05, **({"cached": False, "mini_batch": 4} | options))(columns, batch["label"])


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def test_it_is_the_loss_of_sentence_transformers(model: Any) -> None:
    """Where every row has as many negatives and none is relevant elsewhere, the two are one."""
    theirs = CachedMultipleNegativesRankingLoss(model, scale=20.0, mini_batch_size=4)
    texts = [[row["query"] for row in rows()]]
    texts += [[CORPUS.passages[row["positive"]].content for row in rows()]]
    texts += [[CORPUS.passages[row["negatives"][at]].content for row in rows()] for at in (0, 1)]
    wanted = theirs([model.preprocess(column) for column in texts], torch.tensor([]))
    batch = collator(model)(rows())
    for cached in (False, True):
        found = loss_of(model, batch, cached=cached)
        assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
    plain = gradients(model, loss_of(model, batch))
    stepwise = gradients(model, loss_of(model, batch, cached=True))
    want = gradients(model, theirs([model.preprocess(column) for column in texts], torch.tensor([])))
    for name, gradient in want.items():
        torch.testing.assert_close(plain[name], gradient, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(stepwise[name], gradient, atol=1e-4, rtol=1e-3)


def test_a_relevant_passage_of_the_batch_does_not_count(model: Any) -> None:
    apart = rows()
    apart[0]["relevant"] = [0, 1]  # the second row's positive answers the first query too
    batch = collator(model, most=0)(apart)
    first = next(at for at in range(6) if not batch["label"]["counts"][at].all())
    assert batch["label"]["counts"].sum() == 35
    missing = int((~batch["label"]["counts"][first]).nonzero())
    assert missing != batch["label"]["positive"][first]
    assert loss_of(model, batch) < loss_of(model, collator(model, most=0)(rows()))


def test_a_passage_stands_in_a_batch_once_longest_first(model: Any) -> None:
    twice = [*rows(), {"query": "prime", "positive": 3, "negatives": [4, 10], "relevant": [3]}]
    batch = collator(model)(twice)
    assert len(batch["passage_input_ids"]) == 18
    assert len(batch["query_input_ids"]) == 7
    for name in ("query", "passage"):
        lengths = batch[f"{name}_attention_mask"].sum(dim=1).tolist()
        assert lengths == sorted(lengths, reverse=True)
    assert batch["label"]["counts"].all()


def test_rows_without_negatives_learn_from_the_batch(model: Any) -> None:
    bare = [row | {"negatives": row["negatives"][:number]} for number, row in zip((0, 1, 2), rows())]  # noqa: B905
    batch = collator(model)(bare)
    assert len(batch["passage_input_ids"]) == 6
    assert torch.isfinite(loss_of(model, batch))


def test_other_negatives_in_another_epoch() -> None:
    row = {"positive": 0, "negatives": [1, 2, 3]}
    assert [listed(row, 2, epoch) for epoch in range(3)] == [[0, 1, 2], [0, 3, 1], [0, 2, 3]]
    assert listed(row, 0, 1) == [0]
    assert listed(row, 5, 1) == [0, 1, 2, 3]


def test_shares_of_query_types() -> None:
    types = ["cot"] * 10 + ["question"] * 10 + ["lexical"] * 5
    sampler = MixedSampler(types, {"question": 0.5, "lexical": 2}, batch_size=8, seed=0)
    epochs = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler) == 4
        epochs.append([row for batch in batches for row in batch])
    for drawn in epochs:
        assert sorted(row for row in drawn if row < 10) == list(range(10))
        assert sorted(row for row in drawn if row >= 20) == sorted([*range(20, 25)] * 2)
    halves = [{row for row in drawn if 10 <= row < 20} for drawn in epochs]
    assert halves[0] | halves[1] == set(range(10, 20))
    assert epochs[0] != epochs[1]
    again = MixedSampler(types, {"question": 0.5, "lexical": 2}, batch_size=8, seed=0)
    assert [row for batch in again for row in batch] == epochs[0]


def test_devices_get_as_many_batches_each() -> None:
    sampler = MixedSampler(["cot"] * 27, {}, batch_size=4, seed=0, devices=2)
    assert [len(batch) for batch in sampler] == [4] * 6 == [4] * len(sampler)


def test_the_teachers_order() -> None:
    teacher = torch.tensor([[2.0, 0.0, -torch.inf]])
    by_hand = -(torch.tensor([2.0, 0.0]).softmax(0) * torch.tensor([1.0, 3.0]).log_softmax(0)).sum()
    assert learned(torch.tensor([[1.0, 3.0, 9.0]]), teacher).item() == pytest.approx(by_hand.item())
    same = learned(torch.tensor([[2.0, 0.0, 9.0]]), teacher)
    assert same < learned(torch.tensor([[0.0, 2.0, 9.0]]), teacher)
