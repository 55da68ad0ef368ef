"""ONNX Runtime gives torch's vectors; int8 gives its own, under its own fingerprint."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.encoder import Encoder
from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError, MissingExtraError
from retriever.passage import Passage
from tests.conftest import make_tiny_adapter

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="the extra onnx is not installed")

TEXTS = [
    "prime",
    "a graph path of every edge and vertex",
    "sum",
    "the integral of a function is a limit of sums",
]
TEXTS += [f"theorem {number} of the sequence " * (number % 5 + 1) for number in range(9)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported models, kept for the tests of this file."""
    return tmp_path_factory.mktemp("exported")


@needs_onnx
@pytest.mark.parametrize("batch_size", [1, 5, 32])
@pytest.mark.parametrize("pooling", [None, "last", "cls"])
def test_onnx_gives_the_vectors_of_torch(
    tiny_encoder_path: Path, cache: Path, pooling: Any, batch_size: int
) -> None:
    how: dict[str, Any] = {"pooling": pooling, "batch_size": batch_size, "query_prompt": "theorem for "}
    torch = Encoder(tiny_encoder_path, device="cpu", **how)
    onnx = Encoder(tiny_encoder_path, backend="onnx", cache=cache, **how)
    np.testing.assert_allclose(onnx.encode_queries(TEXTS), torch.encode_queries(TEXTS), atol=1e-5)
    assert onnx.fingerprint == torch.fingerprint
    assert (onnx.cut_queries, onnx.dim) == (torch.cut_queries, 32)


@needs_onnx
@pytest.mark.parametrize("causal", [True, False])
def test_onnx_computes_decoders_with_adapters(
    tiny_decoder_path: Path, tmp_path: Path, cache: Path, causal: bool
) -> None:
    lora = make_tiny_adapter(tmp_path / "lora", tiny_decoder_path, seed=2)
    how: dict[str, Any] = {"adapter": lora, "append_eos": True, "causal": causal, "batch_size": 6}
    torch = Encoder(tiny_decoder_path, device="cpu", **how)
    onnx = Encoder(tiny_decoder_path, backend="onnx", cache=cache, **how)
    np.testing.assert_allclose(onnx.encode_queries(TEXTS), torch.encode_queries(TEXTS), atol=1e-5)


@needs_onnx
def test_int8_is_near_and_has_a_fingerprint_of_its_own(tiny_encoder_path: Path, cache: Path) -> None:
    torch = Encoder(tiny_encoder_path, device="cpu")
    int8 = Encoder(tiny_encoder_path, backend="onnx-int8", cache=cache)
    exact, near = torch.encode_queries(TEXTS), int8.encode_queries(TEXTS)
    assert np.sum(exact * near, axis=1).min() > 0.98
    assert np.abs(exact - near).max() > 1e-5
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 1, atol=1e-5)
    assert int8.fingerprint != torch.fingerprint


@needs_onnx
def test_an_export_is_kept_and_a_damaged_one_made_anew(tiny_encoder_path: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = Encoder(tiny_encoder_path, backend="onnx", cache=cache)
    wanted = first.encode_queries(TEXTS)
    (file,) = cache.glob("*/*")
    # as a process leaves it that is killed while it exports
    (unfinished := file.parent.with_name(f"{file.parent.name}.part")).mkdir()
    before = file.stat().st_mtime_ns
    again = Encoder(tiny_encoder_path, backend="onnx", cache=cache)
    np.testing.assert_array_equal(again.encode_queries(TEXTS), wanted)
    assert file.stat().st_mtime_ns == before
    file.write_bytes(file.read_bytes()[:1000])
    mended = Encoder(tiny_encoder_path, backend="onnx", cache=cache)
    np.testing.assert_array_equal(mended.encode_queries(TEXTS), wanted)
    assert file.stat().st_size > 1000
    assert not unfinished.exists()
    assert [path for path in cache.iterdir() if path.is_dir()] == [file.parent]


@needs_onnx
def test_without_a_place_to_keep_it_an_export_still_serves(tiny_encoder_path: Path, tmp_path: Path) -> None:
    wanted = Encoder(tiny_encoder_path, device="cpu").encode_queries(TEXTS)
    (tmp_path / "file").write_text("no folder")
    for place in (None, tmp_path / "file" / "cache"):
        found = Encoder(tiny_encoder_path, backend="onnx", cache=place).encode_queries(TEXTS)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@needs_onnx
def test_many_threads_get_what_one_gets(tiny_encoder_path: Path, cache: Path) -> None:
    encoder = Encoder(tiny_encoder_path, backend="onnx", cache=cache)
    alone = encoder.encode_queries(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: encoder.encode_queries([text])[0], TEXTS))
    np.testing.assert_allclose(np.stack(together), alone, atol=1e-5)


@needs_onnx
def test_a_vector_that_is_not_a_number_names_its_passage(tiny_encoder_path: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny_encoder_path, tmp_path / "broken"))
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if name.endswith("word_embeddings.weight"):
            weights[name][:] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    for backend in ("torch", "onnx"):
        encoder = Encoder(folder, backend=backend, device="cpu")  # type: ignore[arg-type]
        with pytest.raises(BadInputError, match="'t/1'"):
            encoder.encode_passages([Passage(id="t/1", text="prime")])


@needs_onnx
def test_auto_takes_what_is_fast_and_the_same(
    tiny_encoder_path: Path, tiny_decoder_path: Path, home: Path
) -> None:
    assert Encoder(tiny_encoder_path, backend="auto", device="cpu").backend == "onnx"
    assert Encoder(tiny_encoder_path, backend="auto", device="cuda").backend == "torch"
    assert Encoder(tiny_encoder_path, backend="auto", dtype="bfloat16").backend == "torch"
    assert Encoder(tiny_decoder_path, backend="auto", device="cpu").backend == "torch"
    assert Encoder(tiny_encoder_path).backend == "torch"
    encoder = encoder_for(tiny_encoder_path, home, device="cpu")
    wanted = Encoder(tiny_encoder_path, device="cpu").encode_queries(TEXTS)
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), wanted, atol=1e-5)
    assert len(list((home / "exported").glob("*/model.onnx"))) == 1


@needs_onnx
def test_onnx_computes_on_the_cpu_in_float32(tiny_encoder_path: Path) -> None:
    for how in ({"device": "cuda"}, {"dtype": "bfloat16"}):
        with pytest.raises(BadInputError, match="computes on the CPU"):
            Encoder(tiny_encoder_path, backend="onnx", **how)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="no backend is called 'tpu'"):
        Encoder(tiny_encoder_path, backend="tpu")  # type: ignore[arg-type]


def test_without_the_extra(tiny_encoder_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match="rader-studio\\[onnx\\]"):
        Encoder(tiny_encoder_path, backend="onnx")
    assert Encoder(tiny_encoder_path, backend="auto", device="cpu").backend == "torch"
