"""Training the retriever: a bi-encoder learns to find what the agent's steps needed.

report = train_retriever(RetrieverTraining(), "triples", corpus, "out", home=home)

Paper, section "The method": InfoNCE over in-batch and listed hard negatives. Not as in the paper's code: a
passage that is relevant to a query by another triple is no negative of it, and there is validation. A run
that was killed goes on from its last checkpoint, with the losses it would have had.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.encoding.presets import encoder_for
from training.trainers import model as train_model
from training.trainers.config import RetrieverTraining as Config
from training.trainers.data import read_pair
from training.trainers.run_folder import RunFolder
from training.trainers.session import carry_out
from training.trainers.teacher import taught

if TYPE_CHECKING:
    from training.trainers.base import Progress


def train_retriever(
    config: Config,
    triples: str | Path,
    corpus: Corpus,
    out: str | Path,
    *,
    home: str | Path,
    notes: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, and leave OUT/adapter or OUT/model; what is done already is not done again.

    Args:
        config: The resolved recipe.
        triples: Folder of triples.jsonl and, to validate with, validation.jsonl.
        corpus: Every passage that they name.
        out: The run's folder (`training.trainers.run_folder`).
        home: The home folder, where bases by name are found.
        notes: What else run.json shall say, such as the leakage report.
        progress: Called with (steps done, steps in all, what is new).

    Returns:
        What run.json says.

    Raises:
        BadInputError: The data cannot be used, or ``out`` holds another run.
        MissingExtraError: The extra ``train`` is not installed.
        WeightsError: The base cannot be loaded.
    """
    train_model.require_extra()
    from transformers import set_seed

    from training.trainers.retriever_trainer import RetrieverTrainer

    rows, held_out = read_pair(config, Path(triples), corpus)
    encoder = _encoder(config, home)
    run = RunFolder(out)
    plan = {
        "configuration": config.model_dump(),
        "base": encoder.fingerprint,
        "triples": rows.sha256,
        "validation": held_out.sha256 if held_out else None,
        "corpus": corpus.sha256,
    }
    if run.begin(plan):
        return run.report
    counts = {
        "rows": rows.counts,
        "validation": held_out.counts if held_out else {},
        "negatives dropped as relevant": rows.dropped,
        "passages": len(corpus),
    }
    if config.distil:
        rows = replace(rows, rows=taught(rows, corpus, config.distil, run.path, progress))
    set_seed(config.seed)
    model = train_model.open_base(encoder, config)
    trainer = RetrieverTrainer.of(config, encoder, model, (rows, held_out), corpus, run.path, progress)
    report = {"counts": counts} | (notes or {})
    return carry_out(
        trainer,
        run,
        lambda trained: train_model.save(trained, encoder, config, run.path, report),
        report,
    )


def _encoder(config: Config, home: str | Path) -> Encoder:
    """The base as it searches, with what the configuration wants otherwise."""
    found = encoder_for(config.base, home, backend="torch", device="cpu")
    recipe = found.recipe
    return Encoder(
        recipe.path,
        adapter=recipe.adapter,
        query_prompt=found.query_prompt if config.query_prompt is None else config.query_prompt,
        passage_prompt=found.passage_prompt if config.passage_prompt is None else config.passage_prompt,
        pooling=config.pooling or recipe.pooling,
        latex=config.latex or found.latex,
        append_eos=recipe.append_eos if config.append_eos is None else config.append_eos,
        causal=recipe.causal,
        dtype=recipe.dtype,
        device="cpu",
    )
