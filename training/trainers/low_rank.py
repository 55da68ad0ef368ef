"""All weights tuned, told as an adapter: the best rank-r update of each linear layer (Eckart–Young).

Full fine-tuning moves every weight; the truncated singular value decomposition of what it moved is the LoRA
adapter nearest to it. What it moved outside linear layers (embeddings, norms, biases) is lost, and counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from retriever.encoding.loading import open_torch
from training.trainers.config import Lora

if TYPE_CHECKING:
    from torch import Tensor

    from retriever.encoder import Encoder


class LowRank(NamedTuple):
    """What an adapter keeps of a tuning: shares of the squared change of all weights, 0 to 1.

    ``kept`` is in the adapter, ``cut`` beyond its rank, ``lost`` outside the linear layers.
    """

    kept: float
    cut: float
    lost: float


def nearest(encoder: Encoder, tuned: Any, lora: Lora) -> tuple[Any, LowRank]:
    """The adapter that is nearest to a tuned model.

    Args:
        encoder: What it was tuned from; where that is an adapter itself, its change is in the new one too.
        tuned: The transformers model, all its weights as they are now.
        lora: Rank and layers; of a layer's update at most its smaller side counts, and it is not scaled.

    Returns:
        The base with the adapter on it (PEFT), and what the adapter keeps.

    Raises:
        WeightsError: The base cannot be loaded.
    """
    from training.trainers.model import adapted

    base: Any = open_torch(replace(encoder.recipe, adapter=None), "cpu")[0]
    after = _weights(tuned)
    moved = {name: after[name] - weight for name, weight in _weights(base.model).items()}
    model = adapted(base.model, lora.model_copy(update={"alpha": lora.rank}), None)
    total = sum(float(change.square().sum()) for change in moved.values()) or 1.0
    linear = kept = 0.0
    for name, layer in model.base_model.model.named_modules():
        if hasattr(layer, "lora_A"):
            change = moved[f"{name}.weight"]
            linear += float(change.square().sum())
            kept += _fill(layer, change, lora.rank)
    return model, LowRank(kept / total, (linear - kept) / total, (total - linear) / total)


def _weights(model: Any) -> dict[str, Tensor]:
    """Weights by name, on the processor, in float32; copies, since those of the model go on changing."""
    return {name: weight.detach().cpu().float().clone() for name, weight in model.named_parameters()}


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
