"""Rerankers by name, without the hub."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from retriever.errors import BadInputError, UnreachableError, WeightsError
from retriever.passage import Passage
from retriever.reranking.cross_encoder import CrossEncoderReranker
from retriever.reranking.rerankers import RERANKERS, reranker_for
from tests.retriever.tiny_rerankers import make_adapter, make_cross_encoder, make_decoder

# PEFT asks transformers for a property by a name that is about to go.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
NO_HUB = "http://127.0.0.1:1"
PASSAGES = [Passage(id="a", text="a prime"), Passage(id="b", text="a circle")]


def test_a_folder(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "bert")
    assert reranker_for(folder, tmp_path).fingerprint == CrossEncoderReranker(folder).fingerprint


def test_raders_own_is_an_adapter_and_its_base(tmp_path: Path) -> None:
    base = make_decoder(tmp_path / "hub" / "Qwen" / "Qwen2.5-7B-Instruct", head=False)
    adapter = make_adapter(tmp_path / "adapter", base)
    config = adapter / "adapter_config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps(settings | {"base_model_name_or_path": "Qwen/Qwen2.5-7B-Instruct"}))
    copytree(adapter, tmp_path / "hub" / RERANKERS["rader-reranker-7b"])
    published = reranker_for("rader-reranker-7b", tmp_path, endpoint=NO_HUB)
    here = CrossEncoderReranker(base, adapter=adapter)
    assert published.score("q", PASSAGES) == here.score("q", PASSAGES)
    assert published.fingerprint == here.fingerprint


def test_what_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no reranker is called 'magic'.*rader-reranker-7b"):
        reranker_for("magic", tmp_path)
    with pytest.raises(UnreachableError, match="someone/reranker"):
        reranker_for("someone/reranker", tmp_path, endpoint=NO_HUB)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="does not name the model"):
        reranker_for(tmp_path / "adapter", tmp_path)
