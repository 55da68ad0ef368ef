"""`CrossEncoderTrainer` with a listwise loss over a row's positive and its hard negatives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder, CrossEncoderTrainer
from sentence_transformers.cross_encoder.data_collator import CrossEncoderDataCollator
from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator
from sentence_transformers.cross_encoder.losses import ListNetLoss
from sentence_transformers.cross_encoder.training_args import CrossEncoderTrainingArguments

from retriever.corpus import Corpus
from training.trainers.base import LossLog, OurBatches, Progress, arguments, devices, total_steps
from training.trainers.batches import MixedSampler, listed
from training.trainers.config import RerankerTraining as Config
from training.trainers.data import TripleSet
from training.trainers.run_folder import CHECKPOINTS, LOSS
from training.trainers.validation import METRIC


class Divided(torch.nn.Module):
    """Scores over a temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """As many scores."""
        return scores / self.temperature


class Pairs(CrossEncoderDataCollator):
    """Rows of a `TripleSet` become queries, lists of passages, and which of a list is the positive.

    ListNet takes the logarithm of the wanted distribution: with all of it on the positive, its cross-entropy
    is InfoNCE over the list.
    """

    def __init__(self, corpus: Corpus, hard_negatives: int, sampler: MixedSampler) -> None:
        super().__init__(preprocess_fn=lambda *_: {})  # the loss reads texts itself
        self._passages = corpus.passages
        self._most = hard_negatives
        self._sampler = sampler

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """One batch."""
        lists = [listed(row, self._most, self._sampler.epoch) for row in features]
        return {
            "query": [row["query"] for row in features],
            "passages": [[self._passages[number].content for number in numbers] for numbers in lists],
            "label": [torch.tensor([0.0] + [-math.inf] * (len(numbers) - 1)) for numbers in lists],
        }


class RerankerTrainer(OurBatches, CrossEncoderTrainer):
    """Made by `of`."""

    @classmethod
    def of(
        cls,
        config: Config,
        model: CrossEncoder,
        data: tuple[TripleSet, TripleSet | None],
        corpus: Corpus,
        folder: Path,
        progress: Progress | None,
    ) -> RerankerTrainer:
        """The trainer of a run on rows to learn from and rows to validate with."""
        rows, held_out = data
        sampler = MixedSampler(rows.kinds(config.mix), config.mix, config.batch, config.seed, devices())
        steps = total_steps(config, len(sampler))
        keywords = arguments(config, folder / CHECKPOINTS, steps, validates=held_out is not None)
        found = cls(
            model=model,
            args=CrossEncoderTrainingArguments(**keywords),
            train_dataset=rows.rows,
            eval_dataset=held_out.rows if held_out else None,
            loss=ListNetLoss(model, Divided(config.temperature), mini_batch_size=config.mini_batch),
            evaluator=reordering(held_out, corpus, config.mini_batch) if held_out else None,
            data_collator=Pairs(corpus, config.hard_negatives, sampler),
        )
        found.equip(config, sampler, LossLog(folder / LOSS, progress))
        return found


class Reordering(CrossEncoderRerankingEvaluator):
    """nDCG@10 in points, as the retriever's validation has it."""

    def __call__(self, model: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The measure by name."""
        found = super().__call__(model, *args, **kwargs)
        return {METRIC: 100 * float(found[METRIC])}


def reordering(held_out: TripleSet, corpus: Corpus, at_once: int) -> Reordering:
    """How well each validation row's listed passages are put into order."""
    samples: list[Any] = [
        {
            "query": row["query"],
            "positive": [corpus.passages[row["positive"]].content],
            "negative": [corpus.passages[number].content for number in row["negatives"]],
        }
        for row in held_out.rows
    ]
    return Reordering(samples, at_k=10, batch_size=at_once, write_csv=False)
