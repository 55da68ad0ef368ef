"""Training the reranker: a cross-encoder learns to put a query's positive before its hard negatives.

report = train_reranker(RerankerTraining(base="cross-encoder/…"), "triples", corpus, "out", home=home)

Paper, section "The method": pointwise scores, the retriever's loss over listed negatives alone. A decoder
gets a linear head on its last token and reads "query: … document: … EOS" (`pair_model`). Its adapter
is left in OUT/adapter, its head with it; of other cross-encoders the whole model in OUT/model.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.reranking.pair_model import POINTWISE, PairRecipe
from retriever.reranking.rerankers import base_folder
from training.trainers import model as train_model
from training.trainers.config import RerankerTraining as Config
from training.trainers.data import TripleSet, folder_hash, read_pair
from training.trainers.run_folder import RunFolder
from training.trainers.session import carry_out

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from training.trainers.base import Progress


def train_reranker(
    config: Config,
    triples: str | Path,
    corpus: Corpus,
    out: str | Path,
    *,
    home: str | Path,
    notes: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, and leave OUT/adapter or OUT/model, which `retriever.reranking.rerankers.reranker_for` loads.

    Arguments, result and errors are those of `bi_encoder.train_retriever`; rows without a negative
    are left out, and counted.
    """
    train_model.require_extra()
    from transformers import set_seed

    from training.trainers.reranker_trainer import RerankerTrainer

    rows, held_out = read_pair(config, Path(triples), corpus)
    usable, left_out = _with_negatives(rows)
    validation = _with_negatives(held_out)[0] if held_out else None
    base = base_folder(config.base, home)
    run = RunFolder(out)
    plan = {
        "configuration": config.model_dump(),
        "base": folder_hash(base),
        "triples": rows.sha256,
        "validation": held_out.sha256 if held_out else None,
        "corpus": corpus.sha256,
    }
    if run.begin(plan):
        return run.report
    set_seed(config.seed)
    model = open_base(base, config)
    trainer = RerankerTrainer.of(config, model, (usable, validation), corpus, run.path, progress)
    counts = {
        "rows": usable.counts,
        "rows without negatives": left_out,
        "validation": validation.counts if validation else {},
        "negatives dropped as relevant": rows.dropped,
        "passages": len(corpus),
    }
    return carry_out(
        trainer,
        run,
        lambda trained: save(trained, base, config, run.path),
        {"counts": counts} | (notes or {}),
    )


def _with_negatives(triples: TripleSet) -> tuple[TripleSet, int]:
    """The rows that have a negative, and how many have none."""
    keep = [number for number, listed in enumerate(triples.rows["negatives"]) if listed]
    if not keep:
        raise BadInputError(
            "no triple has a negative, and a reranker learns from nothing else",
            "Make triples with negatives: rader triples DIR --mine bm25",
        )
    return triples.chosen(keep), len(triples.rows) - len(keep)


def open_base(folder: Path, config: Config) -> CrossEncoder:
    """A cross-encoder that learns: the folder's own, or a decoder with a head that is drawn by the seed.

    Raises:
        WeightsError: The folder holds no model that can give one number a pair.
    """
    decodes = is_decoder(folder)
    model = PairRecipe(folder, template=_template(folder) if decodes else None).open("cpu")
    model.max_seq_length = min(config.tokens, model.max_seq_length or config.tokens)
    transformer: Any = model[0]
    train_model.prepare(transformer, config, unused=())
    if config.method == "lora":
        head = {"task_type": "SEQ_CLS", "modules_to_save": ["score" if decodes else "classifier"]}
        transformer.model = train_model.adapted(transformer.model, config.lora, None, **head)
    return model.train()


def is_decoder(folder: Path) -> bool:
    """Whether transformers gives a model of this kind a linear head on its last token."""
    from transformers import AutoConfig, AutoModelForSequenceClassification
    from transformers.modeling_layers import GenericForSequenceClassification

    local = {"local_files_only": True, "trust_remote_code": False}
    kind = type(AutoConfig.from_pretrained(folder, **local))
    found = AutoModelForSequenceClassification._model_mapping.get(kind, None)
    return isinstance(found, type) and issubclass(found, GenericForSequenceClassification)


def _template(folder: Path) -> str | None:
    """How a decoder reads a pair: as its folder says where sentence-transformers saved it, else as RaDeR."""
    saved = folder / "config_sentence_transformers.json"
    return None if saved.is_file() else POINTWISE


def save(model: CrossEncoder, base: Path, config: Config, out: Path) -> Path:
    """Write OUT/adapter or OUT/model, whole or not at all."""
    transformer: Any = model[0]
    adapter = config.method == "lora" and is_decoder(base)
    folder = out / ("adapter" if adapter else "model")
    draft = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    if adapter:
        named = str(base.resolve()) if Path(config.base).is_dir() else config.base
        train_model.save_adapter(transformer.model, draft, named)
    else:
        if config.method == "lora":
            transformer.model = transformer.model.merge_and_unload()
        model.save_pretrained(str(draft), create_model_card=False)
    shutil.rmtree(folder, ignore_errors=True)
    return draft.replace(folder)
