"""InfoNCE over all passages of a batch (van den Oord et al. 2018), as the paper trains its retriever.

loss = mean over queries of −log( exp(cos(q, p⁺)/τ) / Σ exp(cos(q, p)/τ) ), the sum over passages that count.
sentence-transformers' own (`CachedMultipleNegativesRankingLoss`) wants as many negatives of every row, and
takes another query's positive for a negative even where it is relevant; its gradient cache serves here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor, nn
from torch.nn import functional

Features = dict[str, Any]


class InfoNCE(CachedLossMixin, nn.Module):
    """The loss of one batch of `training.trainers.batches.Collator`.

    Args:
        model: The bi-encoder.
        temperature: τ.
        cached: Compute gradients a mini-batch at a time (Gao et al. 2021), so that memory does not grow with
            the batch; each text is then read twice.
        mini_batch: Texts in one forward pass.
        distil: Weight of the teacher's loss: the divergence of the student's order of the listed passages
            from the teacher's. InfoNCE has the rest.
    """

    def __init__(
        self, model: Any, temperature: float, *, cached: bool, mini_batch: int, distil: float = 0.0
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.uses_gradient_cache = cached
        self.mini_batch_size = mini_batch
        self.distil = distil

    def forward(self, features: Iterable[Features], labels: dict[str, Tensor]) -> Tensor:
        """The mean over the queries, a scalar."""
        columns = list(features)
        if self.uses_gradient_cache:
            return self.forward_cached(columns, labels)  # type: ignore[arg-type]
        embedded = [
            [found for found, _ in self.embed_minibatch_iter(column, with_grad=True, copy_random_state=False)]
            for column in columns
        ]
        return self.calculate_loss(embedded, labels)

    def calculate_loss(  # type: ignore[override] # labels are more than one tensor here
        self, reps: list[list[Tensor]], labels: dict[str, Tensor], *, with_backward: bool = False
    ) -> Tensor:
        """The loss of vectors ``(queries, dim)`` and ``(passages, dim)``, each in mini-batches."""
        queries, passages = (functional.normalize(torch.cat(column).float(), dim=-1) for column in reps)
        scores = (queries @ passages.T / self.temperature).masked_fill(~labels["counts"], -torch.inf)
        loss = functional.cross_entropy(scores, labels["positive"])
        if self.distil and "teacher" in labels:
            loss = (1 - self.distil) * loss + self.distil * learned(scores, labels["teacher"])
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            loss = loss.detach()
        return loss


def learned(scores: Tensor, teacher: Tensor) -> Tensor:
    """How far the student's order of the passages is from the teacher's: cross-entropy, mean over queries.

    Args:
        scores: The student's, ``(queries, passages)``.
        teacher: The teacher's, −∞ where it was not asked; a query needs one at least.
    """
    unasked = teacher == -torch.inf
    student = scores.masked_fill(unasked, -torch.inf).log_softmax(dim=1)
    return -(teacher.softmax(dim=1) * student.masked_fill(unasked, 0)).sum(dim=1).mean()
