"""All weights tuned, told as an adapter: the best rank-r update of each linear layer (Eckart–Young).

Full fine-tuning moves every weight; the truncated singular value decomposition of what it moved is the LoRA
adapter nearest to it. What it moved outside linear layers (embeddings, norms, biases) is lost, and counted.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retriever.encoder import Encoder
from retriever.loading import open_torch
from retriever.presets import encoder_for
from training.train_config import Lora
from training.train_model import adapted, base_name, save_adapter

if TYPE_CHECKING:
    from torch import Tensor


class LowRank(NamedTuple):
    """What an adapter keeps of a tuning: shares of the squared change of all weights, 0 to 1.

    ``kept`` is in the adapter, ``cut`` beyond its rank, ``lost`` outside the linear layers.
    """

    kept: float
    cut: float
    lost: float


def low_rank_adapter(base: str, tuned: str | Path, out: Path, rank: int, home: str | Path) -> LowRank:
    """Write the adapter of ``base`` that is nearest to a model tuned from it.

    Args:
        base: Preset, folder or repository; not an adapter.
        tuned: Folder of the tuned model, such as OUT/model.
        out: Folder for the adapter; replaced where there is one.
        rank: Of each layer's update; at most its smaller side counts.
        home: The home folder.

    Raises:
        WeightsError: A model cannot be loaded.
    """
    encoder = encoder_for(base, home, backend="torch", device="cpu")
    before, after = _states(encoder), _states(Encoder(tuned, device="cpu"))
    moved = {name: after[name] - weight for name, weight in before.items()}
    model: Any = open_torch(replace(encoder.recipe, adapter=None), "cpu")[0]
    lora = adapted(model.model, Lora(rank=rank, alpha=rank), None)
    total = sum(float(change.square().sum()) for change in moved.values()) or 1.0
    linear = kept = 0.0
    for name, layer in lora.base_model.model.named_modules():
        if hasattr(layer, "lora_A"):
            change = moved[f"{name}.weight"]
            linear += float(change.square().sum())
            kept += _fill(layer, change, rank)
    draft = out.with_name(out.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    save_adapter(lora, draft, base_name(base, encoder.recipe))
    shutil.rmtree(out, ignore_errors=True)
    draft.replace(out)
    return LowRank(kept / total, (linear - kept) / total, (total - linear) / total)


def _states(encoder: Encoder) -> dict[str, Tensor]:
    """Weights of an encoder's transformer by name."""
    model: Any = open_torch(encoder.recipe, "cpu")[0]
    return {name: weight.detach().float() for name, weight in model.model.named_parameters()}


def _fill(layer: Any, change: Tensor, rank: int) -> float:
    """Set a layer's update to the best of its rank; the squared change that it keeps."""
    import torch

    left, values, right = torch.linalg.svd(change, full_matrices=False)
    count = min(rank, len(values))
    root = values[:count].sqrt()
    with torch.no_grad():
        down, up = layer.lora_A["default"].weight.zero_(), layer.lora_B["default"].weight.zero_()
        down[:count] = root[:, None] * right[:count]
        up[:, :count] = left[:, :count] * root
    return float(values[:count].square().sum())
