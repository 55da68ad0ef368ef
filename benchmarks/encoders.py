"""Passages per second of every way to compute the vectors, over torch in float32, and what each costs.

    .venv/bin/python benchmarks/encoders.py --home ~/.local/share/rader
    .venv/bin/python benchmarks/encoders.py --corpus THEOREMS.jsonl --queries DEV.jsonl --rounds 0

Encodes a seeded draw of the shipped theorems through `Encoder`, so that tokenising and pooling count, one way
after another and round after round: ratios are of the fastest round of each, within one run. ``cpu`` is the
ratio of processor time, which says more where other programs run. ``cos`` is the cosine with torch's vectors,
mean and least. With --corpus and --queries it adds nDCG@10 in points (exact search) and what was lost.

Ways whose packages are not there are named and left out: the product needs the extra onnx for its own two;
the losers need openvino and nncf.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retriever.corpus import Corpus, shipped_theorems
from retriever.encoder import Encoder, Vectors
from retriever.passage import Passage
from retriever.queries import Query, read_queries
from retriever.weights import ModelStore
from training.evaluation.metrics import query_values
from ui.settings import default_home

BASE = "torch float32, batch 32"
CALIBRATION = 100  # theorems that OpenVINO's static int8 looks at
Change = Callable[[Any], None]  # puts another computation into the transformer module of a loaded model


class Way(NamedTuple):
    """One way to compute: keywords for `Encoder`, and what is changed in its model once it is loaded."""

    options: dict[str, Any]
    change: Change | None = None
    needs: tuple[str, ...] = ()


class Round(NamedTuple):
    """Seconds of the clock and of the processor."""

    wall: float
    cpu: float


def ways() -> dict[str, Way]:
    """All ways by name, the base first."""
    onnx = ("onnx",)
    return {
        BASE: Way({"batch_size": 32}),
        "torch float32, batch 8": Way({"batch_size": 8}),
        "torch bfloat16": Way({"batch_size": 32, "dtype": "bfloat16"}),
        "torch.compile": Way({"batch_size": 32}, torch_compile),
        "torch dynamic int8": Way({"batch_size": 32}, torch_int8),
        "onnx (product)": Way({"batch_size": 32, "backend": "onnx"}, needs=onnx),
        "onnx, batch 8": Way({"batch_size": 8, "backend": "onnx"}, needs=onnx),
        "onnx-int8 (product)": Way({"batch_size": 32, "backend": "onnx-int8"}, needs=onnx),
        "openvino float32, 1 stream": Way({"batch_size": 32}, openvino(1), ("openvino",)),
        "openvino float32, a stream a core": Way({"batch_size": 32}, openvino(0), ("openvino",)),
        "openvino int8 weights": Way({"batch_size": 32}, openvino(0, "weights"), ("openvino", "nncf")),
        "openvino int8 static": Way({"batch_size": 32}, openvino(0, "static"), ("openvino", "nncf")),
    }


def main() -> None:
    """Load every way, time them in turn, score them, print the table."""
    options = _options()
    folder = ModelStore(options.home).pull("all-minilm-l6-v2")
    draw = np.random.default_rng(options.seed).permutation(len(shipped_theorems()))[: options.n]
    passages = [list(shipped_theorems())[row] for row in draw]
    encoders = {
        name: encoder
        for name, way in ways().items()
        if name == BASE or not options.only or name in options.only.split(";")
        if (encoder := load(name, way, folder, options.tokens)) is not None
    }
    vectors = {name: encoder.encode_passages(passages) for name, encoder in encoders.items()}  # warms up too
    rounds = [{name: timed(e, passages) for name, e in encoders.items()} for _ in range(options.rounds)]
    points = scores(encoders, options.corpus, options.queries) if options.corpus else {}
    print(f"\n{len(passages)} passages, {options.tokens} tokens each at most, {options.rounds} rounds")
    print(table(vectors, rounds, points, len(passages)))
    if options.out:
        best = {name: min(each[name].wall for each in rounds) for name in vectors} if rounds else {}
        record = {"n": len(passages), "seconds": best, "ndcg@10": points}
        options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def load(name: str, way: Way, folder: Path, tokens: int) -> Encoder | None:
    """The encoder of one way, loaded; None, and a line that says why, where it cannot be had."""
    if missing := [package for package in way.needs if find_spec(package) is None]:
        print(f"{name}: left out, no {' and '.join(missing)} here", flush=True)
        return None
    start = time.perf_counter()
    encoder = Encoder(folder, max_passage_tokens=tokens, device="cpu", **way.options)
    try:
        encoder.load()
        if way.change:
            way.change(encoder._model[0])
        encoder.encode_queries(["warm up"])
    except Exception as error:  # a loser may fail in any way of its own; that is a result too
        print(f"{name}: failed, {type(error).__name__}: {str(error).splitlines()[0][:200]}", flush=True)
        return None
    print(f"{name}: ready in {time.perf_counter() - start:.1f} s", flush=True)
    return encoder


def timed(encoder: Encoder, passages: list[Passage]) -> Round:
    """One round of one way."""
    wall, cpu = time.perf_counter(), time.process_time()
    encoder.encode_passages(passages)
    return Round(time.perf_counter() - wall, time.process_time() - cpu)


def scores(encoders: dict[str, Encoder], corpus: Path, queries: Path) -> dict[str, float]:
    """nDCG@10 of each way in points, queries and passages by the same way."""
    passages, asked = list(Corpus.from_file(corpus)), read_queries(queries)
    return {name: ndcg(encoder, passages, asked) for name, encoder in encoders.items()}


def ndcg(encoder: Encoder, passages: list[Passage], queries: list[Query]) -> float:
    """nDCG@10 in points, by exact search; ties by id."""
    passages = sorted(passages, key=lambda passage: passage.id)
    found = encoder.encode_queries([query.query for query in queries]) @ encoder.encode_passages(passages).T
    run = {}
    for query, row in zip(queries, found, strict=True):
        best = [at for at in np.argsort(-row, kind="stable") if passages[at].id not in query.excluded_ids]
        run[query.id] = [(passages[at].id, float(row[at])) for at in best[:10]]
    return float(100 * query_values(run, queries)["ndcg@10"].mean())


def table(
    vectors: dict[str, Vectors], rounds: list[dict[str, Round]], points: dict[str, float], count: int
) -> str:
    """The results in Markdown, one way a line."""
    lines = ["| way | passages/s | ratio | cpu | cos mean | cos least | nDCG@10 | lost |", "|" + " --- |" * 8]
    for name, found in vectors.items():
        speed = ["", "", ""]
        if rounds:
            wall, cpu = (min(each[name][part] for each in rounds) for part in (0, 1))
            base = [min(each[BASE][part] for each in rounds) for part in (0, 1)]
            speed = [f"{count / wall:.1f}", f"{base[0] / wall:.2f}", f"{base[1] / cpu:.2f}"]
        cosines = np.sum(found * vectors[BASE], axis=1)
        score = [f"{points[name]:.2f}", f"{points[BASE] - points[name]:.2f}"] if points else ["", ""]
        cells = [name, *speed, f"{cosines.mean():.5f}", f"{cosines.min():.5f}", *score]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def torch_compile(module: Any) -> None:
    """torch's own compiler; needs a C++ compiler on the machine."""
    import torch

    module.model = torch.compile(module.model, dynamic=True)


def torch_int8(module: Any) -> None:
    """torch's dynamic int8 of the linear layers."""
    import torch

    module.model = torch.ao.quantization.quantize_dynamic(module.model, {torch.nn.Linear}, torch.qint8)


def openvino(streams: int, int8: str = "") -> Change:
    """OpenVINO: the whole batch by all cores (1 stream), or four rows by each (0: as many as cores)."""

    def change(module: Any) -> None:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino as ov
        import torch

        from retriever.encoding.onnx_model import _export

        with tempfile.TemporaryDirectory() as folder:
            _export(module, Path(folder) / "model.onnx")
            model = ov.convert_model(Path(folder) / "model.onnx")
        config = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": str(streams or torch.get_num_threads())}
        compiled = ov.Core().compile_model(_rounded(model, int8, module.tokenizer), "CPU", config)
        module.model = Streams(compiled, module.model.config, split=not streams)

    return change


def _rounded(model: Any, int8: str, tokenizer: Any) -> Any:
    if not int8:
        return model
    import nncf

    if int8 == "weights":
        return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)
    texts = [passage.content for passage in list(shipped_theorems())[:CALIBRATION]]
    items = [dict(tokenizer([text], truncation=True, max_length=128, return_tensors="np")) for text in texts]
    kind = {"model_type": nncf.ModelType.TRANSFORMER, "preset": nncf.QuantizationPreset.MIXED}
    return nncf.quantize(model, nncf.Dataset(items), subset_size=len(items), **kind)


def Streams(compiled: Any, config: Any, *, split: bool) -> Any:  # noqa: N802 - a class, once torch is there
    """A transformer module's model that OpenVINO computes, four rows a request or all in one."""
    import openvino as ov
    import torch

    class Model(torch.nn.Module):
        def forward(self, **features: Any) -> dict[str, Any]:
            given = {port.get_any_name(): features[port.get_any_name()].numpy() for port in compiled.inputs}
            rows = len(features["input_ids"])
            step = 4 if split else rows
            found: list[Any] = [None] * rows
            queue = ov.AsyncInferQueue(compiled)
            queue.set_callback(
                lambda request, at: found.__setitem__(at, request.get_output_tensor(0).data.copy())
            )
            for at in range(0, rows, step):
                queue.start_async({name: value[at : at + step] for name, value in given.items()}, at)
            queue.wait_all()
            states = np.concatenate([part for part in found if part is not None])
            return {"last_hidden_state": torch.from_numpy(states)}

    model = Model()
    model.config = config
    return model


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=default_home(), help="where the model store is")
    parser.add_argument("--n", type=int, default=96, help="passages to encode")
    parser.add_argument(
        "--tokens", type=int, default=128, help="tokens read of a passage, the product's default"
    )
    parser.add_argument("--rounds", type=int, default=5, help="0 leaves the timing out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, help="JSONL of passages, for nDCG@10")
    parser.add_argument("--queries", type=Path, help="JSONL of queries with gold ids")
    parser.add_argument("--only", help="names of ways, separated by ;")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if bool(options.corpus) != bool(options.queries):
        parser.error("--corpus and --queries go together")
    return options


if __name__ == "__main__":
    main()
