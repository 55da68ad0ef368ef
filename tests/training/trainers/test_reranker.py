"""Training the reranker: what is left is loaded by the search, with the same scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.errors import BadInputError
from retriever.reranking.rerankers import reranker_for
from tests.retriever.tiny_rerankers import END, make_cross_encoder, make_decoder
from tests.training.trainers.tiny import make_corpus, make_triples, reranker_recipe, write
from training.trainers import reranker
from training.trainers.reranker import train_reranker

CORPUS = make_corpus()
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def triples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_triples(tmp_path_factory.mktemp("triples"), CORPUS)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A cross-encoder; a decoder with a head; one without, whose padding is its end of sequence too."""
    folder = tmp_path_factory.mktemp("bases")
    return {
        "bert": make_cross_encoder(folder / "bert"),
        "qwen2": make_decoder(folder / "qwen2"),
        "headless": make_decoder(folder / "headless", head=False, pad=END),
    }


@pytest.mark.parametrize(
    ("kind", "method", "left"),
    [
        ("bert", "lora", "model"),
        ("bert", "full", "model"),
        ("qwen2", "full", "model"),
        ("qwen2", "lora", "adapter"),
        ("headless", "lora", "adapter"),
    ],
)
def test_what_was_trained_is_what_searches(
    bases: dict[str, Path], tmp_path: Path, kind: str, method: Any, left: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pairs = [("prime number", passage.content) for passage in CORPUS.passages[:5]]
    trained: list[Any] = []
    save = reranker.save

    def spied(model: Any, *args: Any) -> Path:
        trained.append(model.eval().predict(pairs, activation_fn=lambda scores: scores, batch_size=2))
        return save(model, *args)

    monkeypatch.setattr(reranker, "save", spied)
    triples = make_triples(tmp_path / "triples", CORPUS, validation=0)
    config = reranker_recipe(bases[kind], method=method, max_steps=3, lr=0.02)
    report = train_reranker(config, triples, CORPUS, tmp_path / "out", home=tmp_path)
    assert report["result"]["folder"] == left
    found = reranker_for(tmp_path / "out" / left, tmp_path, device="cpu")
    scores = found.score("prime number", CORPUS.passages[:5])
    np.testing.assert_allclose(np.array(scores, dtype=float), trained[0], atol=1e-5)
    if kind != "headless":
        untrained = reranker_for(bases[kind], tmp_path, device="cpu").score(
            "prime number", CORPUS.passages[:5]
        )
        assert np.abs(trained[0] - np.array(untrained, dtype=float)).max() > 1e-3


def test_it_learns(bases: dict[str, Path], triples: Path, tmp_path: Path) -> None:
    report = train_reranker(
        reranker_recipe(bases["qwen2"], epochs=4, lr=1e-3), triples, CORPUS, tmp_path / "out", home=tmp_path
    )
    lines = map(json.loads, (tmp_path / "out" / "loss.jsonl").read_text(encoding="utf-8").splitlines())
    losses = [line["loss"] for line in lines if "loss" in line]
    assert np.mean(losses[-6:]) < np.mean(losses[:6])
    assert 0 < report["result"]["best"] <= 100


def test_rows_without_negatives_are_left_out(bases: dict[str, Path], triples: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (triples / "triples.jsonl").read_text().splitlines()]
    folder = tmp_path / "t"
    folder.mkdir()
    write(folder / "triples.jsonl", [rows[0] | {"negatives": []}, *rows[1:9]])
    config = reranker_recipe(bases["bert"], max_steps=1)
    report = train_reranker(config, folder, CORPUS, tmp_path / "out", home=tmp_path)
    assert report["counts"]["rows without negatives"] == 1
    write(folder / "triples.jsonl", [row | {"negatives": []} for row in rows])
    with pytest.raises(BadInputError, match="no triple has a negative"):
        train_reranker(config, folder, CORPUS, tmp_path / "other", home=tmp_path)


def test_a_reranker_teaches(
    bases: dict[str, Path], triples: Path, tiny_encoder_path: Path, tmp_path: Path
) -> None:
    from tests.training.trainers.tiny import recipe
    from training.trainers.bi_encoder import train_retriever
    from training.trainers.teacher import SCORES

    out, teacher = tmp_path / "out", {"reranker": str(bases["bert"]), "weight": 1.0}
    config = recipe(tiny_encoder_path, distil=teacher, max_steps=2)
    train_retriever(config, triples, CORPUS, out, home=tmp_path)
    rows = [json.loads(line) for line in (triples / "triples.jsonl").read_text().splitlines()]
    scores = [json.loads(line)["scores"] for line in (out / SCORES).read_text().splitlines()]
    assert [len(each) for each in scores] == [1 + len(row["negatives"]) for row in rows]
    passages = {passage.id: passage for passage in CORPUS}
    wanted = reranker_for(bases["bert"], tmp_path, device="cpu").score(
        rows[0]["query"], [passages[key] for key in (rows[0]["positive"], *rows[0]["negatives"])]
    )
    assert scores[0] == pytest.approx(list(wanted), abs=1e-6)
    plain = recipe(tiny_encoder_path, max_steps=2)
    train_retriever(plain, triples, CORPUS, tmp_path / "plain", home=tmp_path)
    curves = [(folder / "loss.jsonl").read_text().splitlines()[0] for folder in (out, tmp_path / "plain")]
    assert json.loads(curves[0])["loss"] != json.loads(curves[1])["loss"]
