"""What computes an encoder's vectors: torch, or on a processor without a GPU, ONNX Runtime.

``onnx`` gives torch's vectors, so the two stand in for each other. ``onnx-int8`` rounds and is about half as
fast again; its vectors are its own, and so is an index of them. benchmarks/encoders.py measures them, and the
losers: OpenVINO, bfloat16, torch.compile, torch's own int8.
"""

from __future__ import annotations

import hashlib
import json
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retriever.encoding.loading import Recipe, open_torch
from retriever.errors import BadInputError, MissingExtraError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Backend = Literal["auto", "torch", "onnx", "onnx-int8"]

# Encoders that look both ways, as tested; a large decoder is rather left to torch.
_EXPORTED = frozenset({"bert", "distilbert", "mpnet", "roberta", "xlm-roberta"})


def choose(backend: Backend, recipe: Recipe, device: str | None) -> Backend:
    """The backend that ``auto`` stands for here, or the one that was named.

    Raises:
        BadInputError: The backend cannot do what is asked of it, or there is none of that name.
        MissingExtraError: It is not installed.
    """
    installed = find_spec("onnx") is not None
    if backend in ("onnx", "onnx-int8"):
        if not installed:
            raise MissingExtraError("onnx")
        if device not in (None, "cpu") or not recipe.is_float32:
            raise BadInputError(
                f"the backend {backend} computes on the CPU from float32",
                'Choose the backend torch, or the device "cpu" and the dtype "float32"',
            )
    elif backend not in ("auto", "torch"):
        raise BadInputError(f"no backend is called {backend!r}", "There are: auto, torch, onnx, onnx-int8")
    if backend != "auto":
        return backend
    fits = installed and recipe.is_float32 and recipe.config.get("model_type") in _EXPORTED
    return "onnx" if fits and (device or best_device()) == "cpu" else "torch"


# Opening changes what is the process's own (warnings, torch's tracing), and takes twice the model's memory.
_ONE_AT_A_TIME = threading.Lock()


def open_model(
    recipe: Recipe, backend: Backend, device: str | None, cache: Path | None
) -> SentenceTransformer:
    """The model, ready to encode.

    Args:
        recipe: How it is put together.
        backend: As `choose` gave it.
        device: A torch device; None takes the best there is.
        cache: Where exported models are kept, a folder each.

    Raises:
        MissingExtraError: There is an adapter and PEFT is not installed.
        WeightsError: The folder does not hold a model.
    """
    with _ONE_AT_A_TIME:
        if backend == "torch":
            return open_torch(recipe, device or best_device())
        from retriever.encoding.onnx_model import replace

        model = open_torch(recipe, "cpu")
        replace(model, cache / _key(recipe, backend) if cache else None, int8=backend == "onnx-int8")
        return model


def best_device() -> str:
    """cuda, else mps, else cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _key(recipe: Recipe, backend: Backend) -> str:
    """Names an exported model by all that went into it, the exporters' versions included."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("onnx", "onnxruntime", "torch", "transformers")}
    parts = {**recipe.parts(), **packages, "backend": backend}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
