"""Validation while training: nDCG@10 by exact search among all passages that the validation rows name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers.base.evaluation import BaseEvaluator
from torch.nn import functional

from retriever.passage import Passage
from retriever.queries import Query
from training.evaluation.metrics import query_values
from training.trainers.batches import Collator
from training.trainers.data import TripleSet

METRIC = "ndcg@10"
_AT_ONCE = 32  # texts in one forward pass


class Validation(BaseEvaluator):
    """nDCG@10 in points, of all queries and of each query type.

    A query counts once, whatever number of rows it has; all their positives are relevant.

    Args:
        triples: The validation rows.
        passages: The corpus that numbers their passages.
        collator: Reads texts as in training.
    """

    def __init__(self, triples: TripleSet, passages: Sequence[Passage], collator: Collator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = METRIC
        self._collator = collator
        gold: dict[tuple[str, str], set[int]] = defaultdict(set)
        pool: set[int] = set()
        for row in triples.rows:
            gold[row["query_type"], row["query"]].add(row["positive"])
            pool |= {row["positive"], *row["negatives"]}
        self._pool = sorted(pool)
        self._texts = [passages[number].content for number in self._pool]
        self._types = np.array([kind for kind, _ in gold])
        self._queries = [
            Query(id=str(place), query=text, gold_ids=[str(number) for number in sorted(gold[kind, text])])
            for place, (kind, text) in enumerate(gold)
        ]

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        """The measures by name."""
        model.eval()
        queries = self._vectors(model, "query", [query.query for query in self._queries])
        scores = queries @ self._vectors(model, "passage", self._texts).T
        best = scores.topk(min(10, len(self._pool)))
        run = {
            query.id: [(str(self._pool[at]), score) for at, score in zip(places, values, strict=True)]
            for query, places, values in zip(
                self._queries, best.indices.tolist(), best.values.tolist(), strict=True
            )
        }
        values = 100 * query_values(run, self._queries)[METRIC]
        found = {f"{METRIC}_{kind}": float(values[self._types == kind].mean()) for kind in set(self._types)}
        return {METRIC: float(values.mean())} | dict(sorted(found.items()))

    def _vectors(self, model: Any, name: str, texts: list[str]) -> torch.Tensor:
        """Unit vectors ``(len(texts), dim)`` in the order of ``texts``."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(order), _AT_ONCE):
                rows = order[start : start + _AT_ONCE]
                features, places = self._collator.read(name, [texts[row] for row in rows])
                device = model.device
                tensors = {
                    key: value.to(device) if isinstance(value, torch.Tensor) else value
                    for key, value in features.items()
                }
                found = functional.normalize(model(tensors)["sentence_embedding"].float(), dim=-1).cpu()
                parts.append(torch.empty_like(found).index_copy_(0, torch.tensor(places), found))
        return torch.empty_like(joined := torch.cat(parts)).index_copy_(0, torch.tensor(order), joined)
