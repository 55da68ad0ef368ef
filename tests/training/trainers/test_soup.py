"""Averages of adapters: the vectors of the averaged weights, and what does not go together is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.encoder import Encoder
from retriever.encoding.loading import open_torch
from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError
from tests.training.trainers.tiny import make_corpus, make_triples, recipe
from training.trainers.bi_encoder import train_retriever
from training.trainers.soup import average_adapters

CORPUS = make_corpus()
WORDS = ["prime number theorem", "graph path", "the integral of a function is a limit of a sum"]
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def adapters(tiny_encoder_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of other seeds and ranks."""
    folder = tmp_path_factory.mktemp("runs")
    triples = make_triples(folder / "triples", CORPUS, validation=0)
    for seed, rank in ((0, 4), (1, 8)):
        config = recipe(tiny_encoder_path, seed=seed, lora={"rank": rank, "alpha": 2 * rank}, max_steps=4)
        train_retriever(config, triples, CORPUS, folder / str(seed), home=folder)
    return [folder / str(seed) / "adapter" for seed in (0, 1)]


def weights(folder: Path, home: Path) -> dict[str, Any]:
    encoder = encoder_for(folder, home, backend="torch", device="cpu")
    model: Any = open_torch(encoder.recipe, "cpu")[0]
    return {name: weight.detach().numpy().copy() for name, weight in model.model.named_parameters()}


def test_the_average_is_the_averaged_change(
    tiny_encoder_path: Path, adapters: list[Path], tmp_path: Path
) -> None:
    out = average_adapters(adapters, [0.25, 0.5], tmp_path / "average", tmp_path)
    encoder = Encoder(tiny_encoder_path, backend="torch", device="cpu")
    plain: Any = open_torch(replace(encoder.recipe, adapter=None), "cpu")[0]
    first, second, found = (weights(folder, tmp_path) for folder in (*adapters, out))
    moved = 0.0
    for name, weight in plain.model.named_parameters():
        base = weight.detach().numpy()
        wanted = base + 0.25 * (first[name] - base) + 0.5 * (second[name] - base)
        np.testing.assert_allclose(found[name], wanted, atol=1e-3)  # half precision
        moved += float(np.abs(wanted - base).sum())
    assert moved > 0.1
    vectors = encoder_for(out, tmp_path).encode_queries(WORDS)
    assert not np.allclose(vectors, encoder_for(adapters[0], tmp_path).encode_queries(WORDS), atol=1e-4)


def test_what_does_not_go_together_is_refused(
    tiny_encoder_path: Path, adapters: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match="two adapters or more"):
        average_adapters(adapters[:1], [1.0], tmp_path / "out", tmp_path)
    with pytest.raises(BadInputError, match="not adapters of one base"):
        average_adapters([adapters[0], tiny_encoder_path], [0.5, 0.5], tmp_path / "out", tmp_path)
