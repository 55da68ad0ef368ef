"""The recipes that ship: they are read; the paper's train a tiny decoder, in one and in two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError
from tests.training.trainers.tiny import make_corpus, make_triples, write
from training.trainers.config import RerankerTraining, RetrieverTraining, load_config

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "training" / "recipes"
CORPUS = make_corpus()
RETRIEVERS = ("rader-minilm", "rader-minilm-lora", "rader-7b-1gpu", "rader-7b-2gpu")


@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_retrievers_recipe_is_read(name: str) -> None:
    config = load_config(RetrieverTraining, name, seed=3, lr=None)
    assert config.seed == 3
    assert config.method == ("low-rank" if name == "rader-minilm" else "lora")
    assert config.lora.targets == "all-linear"


def test_the_papers_numbers() -> None:
    """METHOD, Bi-encoder; both recipes come to 64 triples a step."""
    two, one = (load_config(RetrieverTraining, f"rader-7b-{n}gpu") for n in (2, 1))
    assert (two.batch, two.accumulation, two.hard_negatives, two.temperature) == (2, 16, 12, 0.01)
    assert 2 * two.batch * two.accumulation == one.batch * one.accumulation
    different = {"batch", "accumulation", "cached"}
    assert two.model_dump(exclude=different) == one.model_dump(exclude=different)
    assert (two.lr, two.scheduler, two.warmup, two.epochs, two.precision) == (1e-4, "linear", 28, 1, "bf16")
    assert (two.pooling, two.append_eos, two.query_prompt) == ("last", True, "Query: ")


def test_the_rerankers_recipe_is_read() -> None:
    assert load_config(RerankerTraining, "reranker").hard_negatives == 7


def test_every_key_is_explained() -> None:
    for kind in (RetrieverTraining, RerankerTraining):
        for name, field in kind.model_fields.items():
            known = {"epochs", "scheduler", "weight_decay", "max_grad_norm", "seed"}  # say it themselves
            assert field.description or name in known, name


def test_an_unknown_recipe_is_told_which_ship(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"one that ships: rader-7b-1gpu, .*, reranker"):
        load_config(RerankerTraining, tmp_path / "rader-minilm.toml")


def test_a_file_comes_before_a_recipe_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rader-minilm").write_text("lr = 0.5")
    assert load_config(RetrieverTraining, Path("rader-minilm")).lr == 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("temprature = 1", "temprature"),
        ("lr = -1", "lr: input should be greater than 0"),
        ("[lora]\nrnk = 3", "lora.rnk"),
        ("lr =", "cannot read the recipe"),
        ("[mix]\ncot = -1", "negative"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match=reason):
        load_config(RetrieverTraining, tmp_path / "r.toml")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), [("rader-7b-2gpu", 2), ("rader-7b-1gpu", 1)])
def test_the_papers_recipe_on_a_tiny_decoder(
    tiny_decoder_path: Path, tmp_path: Path, name: str, processes: int
) -> None:
    """In shape: the same trainer, distributed by torchrun, on the CPU (gloo) and in float32."""
    triples = make_triples(tmp_path / "triples", CORPUS, rows=96)
    write(triples / "corpus.jsonl", [passage.model_dump(mode="json") for passage in CORPUS])
    recipe = (RECIPES / f"{name}.toml").read_text(encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(
        recipe.replace('precision = "bf16"', 'precision = "float32"').replace("warmup = 28", "warmup = 1"),
        encoding="utf-8",
    )
    out = tmp_path / "out"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    command += [
        "--standalone",
        "--local-addr",
        "127.0.0.1",
        "-m",
        "ui.cli",
        "train",
        "retriever",
        str(triples),
    ]
    command += ["--config", str(tmp_path / "recipe.toml"), "--base", str(tiny_decoder_path)]
    command += ["--device", "cpu", "--out", str(out), "--lr", "0.01", "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RADER_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["result"]["steps"] == 2
    trained = encoder_for(out / "adapter", tmp_path, backend="torch", device="cpu")
    assert trained.query_prompt == "Query: "
    assert trained.recipe.pooling == "last"
    vectors = trained.encode_queries(["prime number", "graph"])
    assert np.isfinite(vectors).all()
