"""ONNX Runtime computes the transformer of an encoder; tokens and pooling stay sentence-transformers'.

sentence-transformers' own ONNX backend asks for optimum, whose release for it does not go with transformers
5. ONNX Runtime itself is here in any case, through Chroma; to write its format takes the extra ``onnx``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock

from retriever.quiet import ignoring

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_FILE = "model.onnx"
_OPSET = 17
# A core works on so many rows at a time: cores that never wait for each other beat cores that share a row,
# and rows of like length pad little (benchmarks/encoders.py).
_ROWS = 4
_EXAMPLE = ["a first text", "a second text that is longer"]


class OnnxTransformer(torch.nn.Module):
    """Takes and gives what the transformers model that it stands for does, padding on the right.

    Args:
        model: The exported model, a file or its bytes.
        config: The configuration of the transformers model.
    """

    def __init__(self, model: Path | bytes, config: Any) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; what it would rather optimise offline is not news
        file = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._names = [given.name for given in self._session.get_inputs()]
        self._cores = ThreadPoolExecutor(torch.get_num_threads(), "onnx")
        self.config = config

    def forward(self, **features: Any) -> dict[str, torch.Tensor]:
        """States of the last layer ``(batch, tokens, dim)``; zeros where a text has ended."""
        given = {name: features[name].numpy() for name in self._names}
        lengths = features["attention_mask"].sum(1).tolist()

        def run(start: int) -> torch.Tensor:
            rows, longest = slice(start, start + _ROWS), max(lengths[start : start + _ROWS])
            part = {name: values[rows, :longest] for name, values in given.items()}
            return torch.from_numpy(self._session.run(None, part)[0])

        parts = list(self._cores.map(run, range(0, len(lengths), _ROWS)))
        states = torch.zeros(len(lengths), max(lengths), parts[0].shape[2])
        for number, part in enumerate(parts):
            states[number * _ROWS : number * _ROWS + len(part), : part.shape[1]] = part
        return {"last_hidden_state": states}


def replace(model: SentenceTransformer, folder: Path | None, *, int8: bool = False) -> None:
    """Let ONNX Runtime compute ``model``, exported to ``folder`` where it is not there yet.

    Args:
        model: On the CPU, in float32.
        folder: Where the exported model is kept; None, or one that cannot be written, keeps it nowhere.
        int8: Round weights and states to 8 bits.
    """
    transformer: Any = model[0]
    config = transformer.model.config
    if folder and folder.exists():
        try:
            transformer.model = OnnxTransformer(folder / _FILE, config)
            return
        except Exception:  # damaged; ONNX Runtime has an error of its own for each kind of damage
            shutil.rmtree(folder, ignore_errors=True)

    def write(to: Path) -> None:
        _export(transformer, to / "float32.onnx" if int8 else to / _FILE)
        if int8:
            _quantize(to / "float32.onnx", to / _FILE)
            (to / "float32.onnx").unlink()

    transformer.model = _kept(write, folder, config) or _passing(write, config)


def _kept(write: Callable[[Path], None], folder: Path | None, config: Any) -> OnnxTransformer | None:
    """Write to a folder beside and rename, so that a reader finds all or nothing; None where it cannot."""
    if folder is None:
        return None
    unfinished = folder.with_name(f"{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():  # else another process was faster
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                write(unfinished)
                unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        return None
    return OnnxTransformer(folder / _FILE, config)


def _passing(write: Callable[[Path], None], config: Any) -> OnnxTransformer:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return OnnxTransformer((Path(folder) / _FILE).read_bytes(), config)


def _export(transformer: Any, file: Path) -> None:
    """Write the transformer in ONNX, batch and length left open."""
    tokens = transformer.tokenizer(_EXAMPLE, padding=True, return_tensors="pt")
    names, output = list(tokens), "last_hidden_state"

    class Traced(torch.nn.Module):
        """Its inputs by position, as tracing wants them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = transformer.model

        def forward(self, *inputs: torch.Tensor) -> Any:
            return self.inner(**dict(zip(names, inputs, strict=True)))[output]

    # Warnings of values that tracing makes constant; the tests compare the vectors.
    with ignoring(), torch.inference_mode():
        torch.onnx.export(
            Traced().eval(),
            tuple(tokens.values()),
            str(file),
            input_names=names,
            output_names=[output],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, output]},
            opset_version=_OPSET,
            dynamo=False,  # the newer exporter needs two packages more, and gains nothing for an encoder
        )


def _quantize(file: Path, to: Path) -> None:
    """Weights to 8 bits a channel, states as they come along.

    One bit is left unused (``reduce_range``): without it, processors that lack VNNI overflow.
    """
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it recommends on the root logger what ONNX Runtime does on loading
    try:
        quantize_dynamic(str(file), str(to), per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
