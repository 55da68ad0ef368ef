"""Encoders by name: presets, folders, repositories of the hub, and adapters that name their base."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from retriever.encoder import Encoder
from retriever.encoding.presets import PRESETS, Preset, encoder_for, preset_name
from retriever.errors import BadInputError, UnreachableError, WeightsError
from retriever.pulling.fetch import PullProgress
from retriever.pulling.hub import snapshot
from tests.conftest import make_tiny_adapter

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

NO_HUB = "http://127.0.0.1:9"
COMMIT = "c" * 40


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as a download of a repository asks for."""

    folders: dict[str, Path]
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.asked.append(self.path)
        for repository, folder in self.folders.items():
            if self.path.startswith(f"/api/models/{repository}/"):
                self.listing(folder)
                return
            if self.path.startswith(f"/{repository}/resolve/{COMMIT}/"):
                file = folder / self.path.removeprefix(f"/{repository}/resolve/{COMMIT}/")
                self.send(file.read_bytes(), body)
                return
        self.send(b"", body, 200 if self.path == "/" else 404)

    def listing(self, folder: Path) -> None:
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = [str(file.relative_to(folder)) for file in files]
        if "/tree/" in self.path:
            entries: Any = [
                {"type": "file", "path": name, "size": file.stat().st_size, "oid": etag(file.read_bytes())}
                for name, file in zip(names, files, strict=True)
            ]
        else:
            entries = {"id": "x", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
        self.send(json.dumps(entries).encode(), body=True)

    def send(self, data: bytes, body: bool, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{etag(data)}"')
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()  # noqa: S324 - what the hub calls its files by


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    """Address of a running hub, and the class that holds its repositories and what it was asked."""
    handler = type("OneHub", (Hub,), {"folders": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def test_presets_are_used_as_the_paper_says() -> None:
    for name in ("rader-gte-qwen2-7b", "rader-qwen2.5-7b"):
        assert PRESETS[name].options == {
            "query_prompt": "Query: ",
            "passage_prompt": "Passage: ",
            "max_tokens": 8192,
            "max_passage_tokens": 2048,
            "pooling": "last",
            "append_eos": True,
            "causal": True,
            "dtype": "bfloat16",
            "batch_size": 8,
        }
    assert [found.hub for found in PRESETS.values()] == [
        "sentence-transformers/all-MiniLM-L6-v2",
        "Raderspace/RaDeR_gte_Qwen2-7B_MATH_LLMq_CoT_lexical",
        "Raderspace/RaDeR_Qwen_25_7B_instruct_MATH_LLMq_CoT_lexical",
        "Alibaba-NLP/gte-Qwen2-7B-instruct",
        "Qwen/Qwen2.5-7B-Instruct",
    ]
    with pytest.raises(ValidationError):
        PRESETS["qwen2.5-7b"].batch_size = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Preset.model_validate({"about": "x", "hub": "a/b", "prompt": "?"})


def test_a_preset_is_found_by_its_name_and_its_repository() -> None:
    assert preset_name("RaDeR-gte-Qwen2-7B") == "rader-gte-qwen2-7b"
    assert preset_name("qwen/qwen2.5-7b-instruct") == "qwen2.5-7b"
    assert preset_name("sentence-transformers/all-MiniLM-L6-v2") == "all-minilm-l6-v2"
    assert preset_name("somebody/else") is None


def test_a_preset_makes_its_encoder(home: Path, tiny_decoder_path: Path) -> None:
    found = PRESETS["rader-qwen2.5-7b"]
    shutil.copytree(tiny_decoder_path, home / "hub" / found.hub)  # put there by hand, no hub needed
    encoder = encoder_for("rader-qwen2.5-7b", home, endpoint=NO_HUB, device="cpu")
    same = Encoder(tiny_decoder_path, device="cpu", **found.options)
    np.testing.assert_array_equal(encoder.encode_queries(["a prime"]), same.encode_queries(["a prime"]))
    assert encoder.fingerprint == same.fingerprint
    assert encoder.max_tokens == encoder.max_passage_tokens == 256
    less = encoder_for(found.hub, home, endpoint=NO_HUB, device="cpu", max_passage_tokens=16)
    assert (less.max_tokens, less.max_passage_tokens) == (256, 16)


def test_a_folder_is_an_encoder_and_keeps_its_own_prompts(tiny_encoder_path: Path, tmp_path: Path) -> None:
    plain = encoder_for(tiny_encoder_path, tmp_path, backend="torch")
    assert plain.fingerprint == Encoder(tiny_encoder_path).fingerprint
    folder = Path(shutil.copytree(tiny_encoder_path, tmp_path / "prompted"))
    prompts = {"prompts": {"query": "theorem for ", "document": "lemma "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    prompted = encoder_for(folder, tmp_path, backend="torch")
    assert (prompted.query_prompt, prompted.passage_prompt) == ("theorem for ", "lemma ")
    np.testing.assert_allclose(
        prompted.encode_queries(["prime"]), plain.encode_queries(["theorem for prime"]), atol=1e-5
    )


def test_a_repository_is_fetched_without_code_and_pickles(
    hub: tuple[str, type[Hub]], home: Path, tiny_encoder_path: Path, tmp_path: Path
) -> None:
    address, handler = hub
    remote = Path(shutil.copytree(tiny_encoder_path, tmp_path / "remote"))
    for name in ("modeling_evil.py", "pytorch_model.bin", "README.md", "onnx/model.json", "run.sh"):
        (remote / name).parent.mkdir(exist_ok=True)
        (remote / name).write_text("no")
    handler.folders["someone/tiny"] = remote
    seen: list[PullProgress] = []
    encoder = encoder_for("someone/tiny", home, endpoint=address, listener=seen.append, backend="torch")
    here = {str(file.relative_to(encoder.path)) for file in encoder.path.rglob("*") if file.is_file()}
    got = {name for name in here if not name.startswith(".")}
    assert got == {str(file.relative_to(tiny_encoder_path)) for file in tiny_encoder_path.rglob("*.*")} - {
        "README.md"
    }
    assert not any("evil" in path or "onnx" in path for path in handler.asked)
    assert encoder.fingerprint == Encoder(tiny_encoder_path).fingerprint
    assert encoder.path == home / "hub" / "someone" / "tiny"
    asked = len(handler.asked)
    encoder_for("someone/tiny", home, endpoint=address, backend="torch").encode_queries(["prime"])
    assert len(handler.asked) == asked


def test_an_adapter_brings_its_base(
    hub: tuple[str, type[Hub]], home: Path, tiny_decoder_path: Path, tmp_path: Path
) -> None:
    address, handler = hub
    lora = make_tiny_adapter(tmp_path / "lora", tiny_decoder_path, seed=1)
    local = encoder_for(lora, home, device="cpu")  # its base is a folder that is here
    vectors = local.encode_queries(["a prime number"])
    wanted = Encoder(tiny_decoder_path, adapter=lora, device="cpu").encode_queries(["a prime number"])
    np.testing.assert_array_equal(vectors, wanted)
    config = json.loads((lora / "adapter_config.json").read_text())
    (lora / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "some/base"}))
    handler.folders |= {"some/base": tiny_decoder_path, "some/lora": lora}
    remote = encoder_for("some/lora", home, endpoint=address, device="cpu")
    assert (remote.path, remote.name) == (home / "hub" / "some" / "base", "lora")
    np.testing.assert_array_equal(remote.encode_queries(["a prime number"]), wanted)
    with pytest.raises(WeightsError, match="there can be only one"):
        encoder_for("some/lora", home, adapter=lora, endpoint=address)


def test_an_adapter_of_a_preset_is_used_like_it(home: Path, tiny_decoder_path: Path, tmp_path: Path) -> None:
    lora = make_tiny_adapter(tmp_path / "lora", tiny_decoder_path, seed=1)
    config = json.loads((lora / "adapter_config.json").read_text())
    base = PRESETS["qwen2.5-7b"].hub
    (lora / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base}))
    shutil.copytree(tiny_decoder_path, home / "hub" / base)
    encoder = encoder_for(lora, home, endpoint=NO_HUB, device="cpu")
    assert (encoder.query_prompt, encoder.batch_size, encoder.recipe.append_eos) == ("Query: ", 8, True)
    for nonsense in ("/nowhere/at all", "", 7):
        (lora / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": nonsense}))
        with pytest.raises(WeightsError, match="Name base and adapter both"):
            encoder_for(lora, home, endpoint=NO_HUB)


def test_without_a_hub_it_says_what_to_put_where(home: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        encoder_for("rader-gte-qwen2-7b", home, endpoint=NO_HUB)
    line = str(caught.value)
    repository = "Raderspace/RaDeR_gte_Qwen2-7B_MATH_LLMq_CoT_lexical"
    assert "\n" not in line
    assert f"repository {repository} (" in line
    assert line.endswith(f"into {home / 'hub' / repository}")
    with pytest.raises(BadInputError, match=r"no encoder is called 'nonsense'.*rader-gte-qwen2-7b"):
        encoder_for("nonsense", home, endpoint=NO_HUB)


def test_what_was_cut_off_is_taken_up_again(
    hub: tuple[str, type[Hub]], home: Path, tiny_encoder_path: Path
) -> None:
    address, handler = hub
    handler.folders["someone/tiny"] = tiny_encoder_path
    folder = snapshot("someone/tiny", home, endpoint=address)
    (folder / ".complete").unlink()
    (folder / "tokenizer.json").unlink()
    snapshot("someone/tiny", home, endpoint=address)
    assert (folder / "tokenizer.json").is_file()


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        ({"README.md": "x", "config.json": "{}"}, r"model\.safetensors"),
        ({"model.safetensors": "x"}, r"config\.json"),
        ({"adapter_config.json": "{}"}, r"adapter_model\.safetensors"),
        (
            {"config.json": "{}", "model.safetensors.index.json": '{"weight_map": {"a": "1.safetensors"}}'},
            r"1\.safetensors",
        ),
    ],
)
def test_a_repository_that_is_no_model(
    hub: tuple[str, type[Hub]], home: Path, tmp_path: Path, files: dict[str, str], lacking: str
) -> None:
    address, handler = hub
    for name, text in files.items():
        (tmp_path / "remote").mkdir(exist_ok=True)
        (tmp_path / "remote" / name).write_text(text)
    handler.folders["someone/bad"] = tmp_path / "remote"
    with pytest.raises(WeightsError, match=f"it lacks {lacking}"):
        snapshot("someone/bad", home, endpoint=address)
