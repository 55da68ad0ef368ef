"""The model that is trained: opened as the encoder opens it, adapted, and saved so that the encoder finds it.

OUT/adapter is a LoRA adapter in PEFT's format, its base named in adapter_config.json; what it wants otherwise
than its base (prompts, pooling) stands in encoder.json. OUT/model is a sentence-transformers folder.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.encoding.loading import Recipe, open_torch, quiet_peft
from retriever.encoding.presets import ENCODER_FILE, PRESETS, preset_name
from retriever.errors import MissingExtraError
from training.trainers.config import Lora, Training
from training.trainers.config import RetrieverTraining as Config
from training.trainers.low_rank import nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from retriever.encoder import Encoder

# BERT's pooler feeds a head that an encoder does not have: no gradient comes there.
POOLER = "pooler"


def require_extra() -> None:
    """Refuse at once what would fail after minutes.

    Raises:
        MissingExtraError: The extra ``train`` is not installed.
    """
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("accelerate", "datasets", "sklearn")):
        raise MissingExtraError("train")


def open_base(encoder: Encoder, config: Config) -> SentenceTransformer:
    """The encoder's model, with what shall learn set to learn and all else frozen.

    A base that is an adapter itself goes on learning: method lora trains that adapter, the others merge it
    first.

    Raises:
        WeightsError: The base cannot be loaded.
    """
    recipe = encoder.recipe
    grows = config.method == "lora" and recipe.adapter is not None
    model = open_torch(replace(recipe, adapter=None) if grows else recipe, "cpu")
    transformer: Any = model[0]
    transformer.model.requires_grad_(True)  # PEFT leaves weights frozen that an adapter was merged into
    prepare(transformer, config)
    if config.method == "lora":
        transformer.model = adapted(transformer.model, config.lora, recipe.adapter if grows else None)
    elif config.method == "low-rank":
        freeze_all_but_linear(transformer.model, config.lora)
    model.prompts = {"query": encoder.query_prompt, "document": encoder.passage_prompt}
    model.max_seq_length = encoder.max_tokens
    return model.train()


def prepare(transformer: Any, config: Training, unused: tuple[str, ...] = (POOLER,)) -> None:
    """Set dropout as configured, and freeze what no gradient reaches."""
    import torch

    for module in transformer.model.modules():
        if config.dropout is not None and isinstance(module, torch.nn.Dropout):
            module.p = config.dropout
    for name, weight in transformer.model.named_parameters():
        if name.startswith(unused):
            weight.requires_grad_(False)


def freeze_all_but_linear(model: Any, lora: Lora) -> None:
    """Let only what an adapter can change learn: anything else would be lost in it."""
    import torch

    for name, module in model.named_modules():
        targeted = isinstance(lora.targets, str) or name.rpartition(".")[2] in lora.targets
        learns = targeted and isinstance(module, torch.nn.Linear)
        for kind, weight in module.named_parameters(recurse=False):
            weight.requires_grad_(weight.requires_grad and learns and kind == "weight")


def adapted(model: Any, lora: Lora, start: Path | None, **options: Any) -> Any:
    """A transformers model with a LoRA adapter on it: a new one, or that of the folder ``start``.

    Args:
        model: An encoder, or with a ``task_type`` among the options something else.
        lora: What a new one is like.
        start: Folder of an adapter that goes on.
        options: More keywords of PEFT's.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    encodes = "task_type" not in options
    with quiet_peft():
        if start:
            return PeftModel.from_pretrained(model, str(start), is_trainable=True, local_files_only=True)
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.targets,
            exclude_modules=[f"{POOLER}.dense"] if encodes and hasattr(model, POOLER) else None,
            **options,
        )
        return get_peft_model(model, config)


def save(
    model: SentenceTransformer, encoder: Encoder, config: Config, out: Path, notes: dict[str, Any]
) -> Path:
    """Write OUT/adapter or OUT/model, whole or not at all.

    Args:
        model: As it was trained.
        encoder: The base.
        config: Says what is saved.
        out: The run's folder.
        notes: Gets what the saving itself has to report.

    Returns:
        The folder.
    """
    folder = out / ("model" if config.method == "full" else "adapter")
    draft = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    transformer: Any = model[0]
    if config.method == "full":
        model.save(str(draft), create_model_card=False)
    else:
        lora = transformer.model
        if config.method == "low-rank":
            lora, kept = nearest(encoder, transformer.model, config.lora)
            notes["low_rank"] = kept._asdict()
        save_adapter(lora, draft, base_name(config.base, encoder.recipe), config.lora.strength)
        (draft / ENCODER_FILE).write_text(json.dumps(_choices(encoder), indent=2), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return draft.replace(folder)


def save_adapter(model: Any, folder: Path, base: str, strength: float = 1.0) -> None:
    """Write an adapter (PEFT, safetensors) that names its base, its updates scaled by ``strength``."""
    for each in model.peft_config.values():
        each.base_model_name_or_path = base
        each.inference_mode = True
        each.lora_alpha = each.lora_alpha * strength
    # No adapter here changes a vocabulary; told to look, PEFT asks the hub for the base's.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's form, not filled in


def base_name(name: str, recipe: Recipe) -> str:
    """How an adapter names its base: a repository where there is one, else the folder."""
    if known := preset_name(name):
        return PRESETS[known].hub
    if recipe.adapter:
        found = json.loads((recipe.adapter / "adapter_config.json").read_text(encoding="utf-8"))
        return str(found["base_model_name_or_path"])
    return str(Path(name).resolve()) if Path(name).is_dir() else name


def _choices(encoder: Encoder) -> dict[str, Any]:
    """What decides this encoder's vectors besides weights, as keywords of `Encoder`."""
    recipe = encoder.recipe
    return {
        "query_prompt": encoder.query_prompt,
        "passage_prompt": encoder.passage_prompt,
        "latex": encoder.latex,
        "pooling": recipe.pooling,
        "append_eos": recipe.append_eos,
        "causal": recipe.causal,
        "dtype": recipe.dtype,
    }
