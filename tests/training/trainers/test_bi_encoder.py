"""Training the retriever: what is learned, what counts as a negative, what is left in the run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.encoder import Encoder
from retriever.encoding.loading import open_torch
from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError
from tests.conftest import make_tiny_adapter
from tests.training.trainers.tiny import make_corpus, make_triples, recipe, write
from training.trainers.bi_encoder import train_retriever
from training.trainers.config import Lora
from training.trainers.data import read_triples

CORPUS = make_corpus()
WORDS = ["prime number theorem", "graph path", "the integral of a function is a limit of a sum"]
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def triples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_triples(tmp_path_factory.mktemp("triples"), CORPUS)


@pytest.fixture
def row() -> dict[str, Any]:
    return {
        "id": "1", "query": "prime", "query_type": "cot",
        "positive": "p1", "negatives": ["p2"], "trajectory": "t",
    }  # fmt: skip


def losses(out: Path, key: str = "loss") -> list[float]:
    lines = map(json.loads, (out / "loss.jsonl").read_text(encoding="utf-8").splitlines())
    return [line[key] for line in lines if key in line]


def vectors(model: Any, collator: Any) -> Any:
    """What a model under training gives for `WORDS` as queries, in their order."""
    import torch

    features, places = collator.read("query", WORDS)
    with torch.inference_mode():
        found = model.eval()(dict(features))["sentence_embedding"]
    return torch.nn.functional.normalize(found[np.argsort(places)], dim=-1).numpy()


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_what_was_trained_is_what_searches(
    tiny_encoder_path: Path, tiny_decoder_path: Path, tmp_path: Path, method: Any, kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from training.trainers import model as train_model

    trained: dict[str, Any] = {}
    save = train_model.save

    def spied(model: Any, *args: Any) -> Path:
        trained["vectors"] = vectors(model, trained["collator"])
        return save(model, *args)

    def collator(*args: Any, **kwargs: Any) -> Any:
        trained["collator"] = made(*args, **kwargs)
        return trained["collator"]

    from training.trainers import retriever_trainer

    made = retriever_trainer.Collator
    monkeypatch.setattr(retriever_trainer, "Collator", collator)
    monkeypatch.setattr(train_model, "save", spied)
    # Not validated: the best of a random model may be the untrained one.
    triples = make_triples(tmp_path / "triples", CORPUS, validation=0)
    rader = {"query_prompt": "Query: ", "passage_prompt": "Passage: ", "pooling": "last", "append_eos": True}
    base, more = (tiny_decoder_path, rader) if kind == "decoder" else (tiny_encoder_path, {})
    report = train_retriever(
        recipe(base, method=method, max_steps=4, **more), triples, CORPUS, tmp_path / "out", home=tmp_path
    )
    folder = tmp_path / "out" / report["result"]["folder"]
    assert folder.name == ("adapter" if method == "lora" else "model")
    found = encoder_for(folder, tmp_path, backend="torch", device="cpu")
    np.testing.assert_allclose(found.encode_queries(WORDS), trained["vectors"], atol=1e-5)
    untrained = Encoder(base, device="cpu", **more).encode_queries(WORDS)
    assert np.abs(untrained - trained["vectors"]).max() > 1e-3
    assert not [file for file in (tmp_path / "out").rglob("*") if file.suffix in (".bin", ".pt", ".pth")]


def test_it_learns_and_says_what_decided_it(tiny_encoder_path: Path, triples: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    out = tmp_path / "out"
    report = train_retriever(
        recipe(tiny_encoder_path, epochs=6, patience=50), triples, CORPUS, out, home=tmp_path,
        notes={"leakage": None}, progress=lambda *news: seen.append(news),
    )  # fmt: skip
    assert report == json.loads((out / "run.json").read_text(encoding="utf-8"))
    curve = losses(out)
    assert len(curve) == report["result"]["steps"] == 36
    assert np.mean(curve[-6:]) < 0.8 * np.mean(curve[:6])
    points = losses(out, "eval_ndcg@10")
    assert report["result"]["best"] == max(points) > points[0]
    assert report["plan"]["triples"] == read_triples(triples / "triples.jsonl", CORPUS).sha256
    assert report["plan"]["configuration"]["temperature"] == 0.05
    assert sum(report["counts"]["rows"].values()) == 48
    assert report["result"]["peak_memory"]["process"] > 2**20
    assert "torch" in report["environment"]["packages"]
    assert seen[-1][:2] == (36, 36)
    assert "loss" in seen[-1][2]
    picture = (out / "loss.svg").read_text(encoding="utf-8")
    assert picture.count("<polyline") == 3
    again = train_retriever(
        recipe(tiny_encoder_path, epochs=6, patience=50), triples, CORPUS, out, home=tmp_path
    )
    assert again == report
    with pytest.raises(BadInputError, match="holds another run"):
        train_retriever(recipe(tiny_encoder_path, epochs=7), triples, CORPUS, out, home=tmp_path)


def test_without_validation_the_last_weights_stay(tiny_encoder_path: Path, tmp_path: Path) -> None:
    folder = make_triples(tmp_path / "t", CORPUS, rows=10, validation=0)
    report = train_retriever(recipe(tiny_encoder_path), folder, CORPUS, tmp_path / "out", home=tmp_path)
    assert report["result"]["best"] is None
    assert report["result"]["steps"] == 2
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()


def test_an_adapter_goes_on_learning(tiny_encoder_path: Path, triples: Path, tmp_path: Path) -> None:
    lora = make_tiny_adapter(tmp_path / "lora", tiny_encoder_path, seed=7)
    report = train_retriever(
        recipe(lora, max_steps=1, lr=1e-9), triples, CORPUS, tmp_path / "out", home=tmp_path
    )
    found = encoder_for(
        tmp_path / "out" / report["result"]["folder"], tmp_path, backend="torch", device="cpu"
    )
    wanted = Encoder(tiny_encoder_path, adapter=lora, device="cpu").encode_queries(WORDS)
    np.testing.assert_allclose(found.encode_queries(WORDS), wanted, atol=1e-4)
    config = json.loads((found.recipe.adapter / "adapter_config.json").read_text())  # type: ignore[operator]
    assert config["base_model_name_or_path"] == str(tiny_encoder_path)


def test_what_is_relevant_too_is_no_negative(row: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "triples.jsonl"
    write(file, [
        row | {"negatives": ["p1", "p2", "p3", "p4"]},
        row | {"id": "2", "query": "other words", "positive": "p3", "negatives": ["p5"]},
        row | {"id": "3", "trajectory": "u", "positive": "p4", "negatives": ["p6"]},
        row | {"id": "4", "query": "graph", "trajectory": "v", "positive": "p2", "negatives": []},
    ])  # fmt: skip
    found = read_triples(file, CORPUS)
    assert found.dropped == 3  # p1 itself, p3 of the same trajectory, p4 of the same query
    assert list(found.rows["negatives"]) == [[2], [5], [6], []]
    assert list(found.rows["relevant"]) == [[1, 3, 4], [1, 3], [1, 4], [2]]


def test_files_that_teach_nothing_are_refused(row: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "triples.jsonl"
    for rows, reason in (
        ([], "holds no triple"),
        ([row | {"negatives": ["p1"]}] * 3, "nothing to tell apart"),
        ([row | {"negatives": ["gone"]}], "1 passages are not in the corpus, the first is 'gone'"),
        ([row, {"id": "2"}], "line 2: query is missing"),
    ):
        write(file, rows)
        with pytest.raises(BadInputError, match=reason):
            read_triples(file, CORPUS)


def test_a_mix_names_what_is_there(tiny_encoder_path: Path, triples: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="the mix names 'cott'"):
        train_retriever(recipe(tiny_encoder_path, mix={"cott": 2}), triples, CORPUS, tmp_path, home=tmp_path)


def test_a_mix_may_name_the_source(row: dict[str, Any], tmp_path: Path) -> None:
    write(
        tmp_path / "t.jsonl", [row | {"trajectory": "proof:x"}, row | {"id": "2", "trajectory": "written:y"}]
    )
    read = read_triples(tmp_path / "t.jsonl", CORPUS)
    assert read.kinds({"proof:cot": 0.5}) == ["proof:cot", "cot"]
    assert read.kinds({"cot": 2}) == ["cot", "cot"]
    with pytest.raises(BadInputError, match=r"the mix names 'chat:cot', and the triples have cot, proof:cot"):
        read.kinds({"chat:cot": 1})


def test_latex_is_read_as_words_in_training_and_in_search(tiny_encoder_path: Path, tmp_path: Path) -> None:
    triples = make_triples(tmp_path / "triples", CORPUS, rows=8, validation=0)
    config = recipe(tiny_encoder_path, latex="plain", max_steps=1)
    train_retriever(config, triples, CORPUS, tmp_path / "out", home=tmp_path)
    trained = encoder_for(tmp_path / "out" / "adapter", tmp_path)
    assert trained.latex == "plain"
    np.testing.assert_array_equal(
        trained.encode_queries([r"$\dfrac a b$"]), trained.encode_queries(["frac a b"])
    )


def test_latex_is_words_to_the_loss_too(tiny_encoder_path: Path, tmp_path: Path) -> None:
    r"""What is learned from ``\dfrac`` read as words is what is learned from the words."""
    curves = []
    for name, latex, query in (("a", "plain", r"$\dfrac{a}{b}$"), ("b", "raw", "frac a b")):
        folder = make_triples(tmp_path / name, CORPUS, rows=8, validation=0)
        lines = map(json.loads, (folder / "triples.jsonl").read_text(encoding="utf-8").splitlines())
        write(folder / "triples.jsonl", [line | {"query": f"{query} {line['query']}"} for line in lines])
        config = recipe(tiny_encoder_path, latex=latex, dropout=0.0)
        train_retriever(config, folder, CORPUS, tmp_path / f"out-{name}", home=tmp_path)
        curves.append(losses(tmp_path / f"out-{name}"))
    assert curves[0] == pytest.approx(curves[1], abs=1e-6)


def test_strength_lies_between_base_and_trained(tiny_encoder_path: Path, tmp_path: Path) -> None:
    triples = make_triples(tmp_path / "triples", CORPUS, rows=16, validation=0)
    found = {}
    for strength in (1.0, 0.5, 1e-6):
        config = recipe(tiny_encoder_path, lora={"rank": 4, "alpha": 8, "strength": strength})
        out = tmp_path / str(strength)
        train_retriever(config, triples, CORPUS, out, home=tmp_path)
        found[strength] = encoder_for(out / "adapter", tmp_path).encode_queries(WORDS)
    base = Encoder(tiny_encoder_path).encode_queries(WORDS)
    np.testing.assert_allclose(found[1e-6], base, atol=1e-4)
    near, far = (np.linalg.norm(found[each] - base, axis=1) for each in (0.5, 1.0))
    assert (near > 1e-4).all()
    assert (near < far).all()


def test_the_nearest_adapter_is_exact_at_full_rank(tiny_encoder_path: Path) -> None:
    import torch

    from training.trainers.low_rank import nearest

    encoder = Encoder(tiny_encoder_path, backend="torch", device="cpu")
    tuned: Any = open_torch(encoder.recipe, "cpu")
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in tuned[0].model.encoder.parameters():
            if weight.ndim == 2:
                weight.add_(torch.randn_like(weight), alpha=0.05)
    wanted = tuned.encode(WORDS)
    whole, share = nearest(encoder, tuned[0].model, Lora(rank=32))
    assert (share.kept, share.lost) == (pytest.approx(1, abs=1e-5), 0)
    tuned[0].model = whole
    np.testing.assert_allclose(tuned.encode(WORDS), wanted, atol=1e-5)
    _, half = nearest(encoder, whole.merge_and_unload(), Lora(rank=4))
    assert half.kept + half.cut == pytest.approx(1, abs=1e-5)
    assert 0 < half.kept < 0.6


def test_low_rank_trains_what_an_adapter_can_hold(
    tiny_encoder_path: Path, triples: Path, tmp_path: Path
) -> None:
    """At full rank the adapter is what was trained: nothing outside linear layers has moved."""
    config = recipe(tiny_encoder_path, method="low-rank", lora={"rank": 64})
    report = train_retriever(config, triples, CORPUS, tmp_path / "run", home=tmp_path)
    assert report["low_rank"]["kept"] == pytest.approx(1, abs=1e-5)
    assert report["low_rank"]["lost"] == 0
    tuned = encoder_for(tmp_path / "run" / "adapter", tmp_path).encode_queries(WORDS)
    assert not np.allclose(tuned, Encoder(tiny_encoder_path).encode_queries(WORDS), atol=1e-3)
    config = recipe(tmp_path / "run" / "adapter", method="low-rank", lora={"rank": 64}, lr=1e-9)
    train_retriever(config, triples, CORPUS, tmp_path / "on", home=tmp_path)
    again = encoder_for(tmp_path / "on" / "adapter", tmp_path).encode_queries(WORDS)
    np.testing.assert_allclose(again, tuned, atol=1e-4)
