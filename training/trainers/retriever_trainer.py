"""`SentenceTransformerTrainer` with the loss, the batches and the validation of the retriever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

from retriever.corpus import Corpus
from retriever.encoder import Encoder
from training.trainers.base import LossLog, OurBatches, Progress, arguments, devices, total_steps
from training.trainers.batches import Collator, MixedSampler, Task, Topics
from training.trainers.config import RetrieverTraining as Config
from training.trainers.data import TripleSet
from training.trainers.infonce import InfoNCE
from training.trainers.run_folder import CHECKPOINTS, LOSS
from training.trainers.topics import topics_of
from training.trainers.validation import Validation


class RetrieverTrainer(OurBatches, SentenceTransformerTrainer):
    """Made by `of`."""

    @classmethod
    def of(
        cls,
        config: Config,
        encoder: Encoder,
        model: SentenceTransformer,
        data: tuple[TripleSet, TripleSet | None],
        corpus: Corpus,
        folder: Path,
        progress: Progress | None,
    ) -> RetrieverTrainer:
        """The trainer of a run on rows to learn from and to validate with; ``model`` is the encoder's own."""
        rows, held_out = data
        kinds, topics = rows.kinds(config.mix), _topics(config, rows, corpus)
        sampler = MixedSampler(kinds, config.mix, config.batch, config.seed, devices(), topics)
        collator = _collator(config, encoder, model, corpus, sampler)
        steps = total_steps(config, len(sampler))
        keywords = arguments(config, folder / CHECKPOINTS, steps, validates=held_out is not None)
        found = cls(
            model=model,
            args=SentenceTransformerTrainingArguments(**keywords),
            train_dataset=rows.rows,
            eval_dataset=held_out.rows if held_out else None,
            loss=InfoNCE(
                model,
                config.temperature,
                cached=config.cached,
                mini_batch=config.mini_batch,
                distil=config.distil.weight if config.distil else 0.0,
            ),
            evaluator=Validation(held_out, corpus.passages, collator) if held_out else None,
            data_collator=collator,  # type: ignore[arg-type] # it does what one does
        )
        found.equip(config, sampler, LossLog(folder / LOSS, progress))
        return found


def _topics(config: Config, rows: TripleSet, corpus: Corpus) -> Topics | None:
    """Topics of the passages that answer."""
    if not config.topics:
        return None
    positives = np.asarray(rows.rows["positive"])
    named, place = np.unique(positives, return_inverse=True)
    found = topics_of([corpus.passages[number].content for number in named], config.seed)
    return Topics(config.topics, found[place], positives)


def _collator(
    config: Config, encoder: Encoder, model: SentenceTransformer, corpus: Corpus, sampler: MixedSampler
) -> Collator:
    """Reads texts as the encoder does: prompts, limits, LaTeX."""
    longest = int(model.max_seq_length or config.query_tokens)
    return Collator(
        model.preprocess,
        corpus.passages,
        Task(encoder.query_prompt, min(config.query_tokens, longest), encoder.latex),
        Task(encoder.passage_prompt, min(config.passage_tokens, longest), encoder.latex),
        config.hard_negatives,
        lambda: sampler.epoch,
    )
