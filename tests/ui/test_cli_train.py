"""``rader train``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.training.trainers.tiny import make_corpus, make_triples, write
from tests.ui.command import Rader, one_line

CORPUS = make_corpus()
FLAGS = ["--device", "cpu", "--batch", "16", "--epochs", "1"]
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def triples(tmp_path: Path) -> Path:
    """As rader triples leaves them: the passages beside."""
    folder = make_triples(tmp_path / "triples", CORPUS, rows=32)
    write(folder / "corpus.jsonl", [passage.model_dump(mode="json") for passage in CORPUS])
    return folder


def test_from_triples_to_an_evaluation(
    rader: Rader, triples: Path, tiny_encoder_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [
        "train",
        "retriever",
        str(triples),
        "--base",
        str(tiny_encoder_path),
        "--out",
        str(out),
        *FLAGS,
    ]
    done = rader(*command, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["state"] == "done"
    assert report["result"]["steps"] == 2
    assert report["leakage"] is None
    again = rader(*command)
    assert again.returncode == 0, again.stderr
    assert "nDCG@10" in again.stdout
    queries = tmp_path / "queries.jsonl"
    write(queries, [{"id": "q", "query": "the roots of a polynomial", "gold_ids": ["p1"]}])
    names = [name for each in ("base", str(out / "adapter")) for name in ("--retriever", each)]
    corpus = ["--corpus", str(triples / "corpus.jsonl"), "--queries", str(queries)]
    found = rader("eval", "retrieval", *corpus, *names, "--json")
    assert found.returncode == 0, found.stderr
    assert set(json.loads(found.stdout)["results"]) == {"base", str(out / "adapter")}
    twice, average = [str(out / "adapter")] * 2, tmp_path / "average"
    done = rader("train", "average", *twice, "--out", str(average), "--json")
    assert json.loads(done.stdout) == {"folder": str(average), "weights": [0.5, 0.5]}
    done = rader("train", "average", *twice, "--weights", "a,b")
    assert (done.returncode, one_line(done.stderr)) == (1, True)


def test_a_repeated_benchmark_is_refused(
    rader: Rader, triples: Path, tiny_encoder_path: Path, tmp_path: Path
) -> None:
    first = json.loads((triples / "triples.jsonl").read_text(encoding="utf-8").splitlines()[0])
    benchmark = tmp_path / "benchmark.jsonl"
    write(benchmark, [{"id": "b", "query": first["query"], "gold_ids": ["p1"]}])
    command = ["train", "retriever", str(triples), "--base", str(tiny_encoder_path), *FLAGS]
    command += ["--benchmark", str(benchmark), "--limit", "8"]
    refused = rader(*command, "--out", str(tmp_path / "refused"))
    assert refused.returncode == 1
    assert one_line(refused.stderr), refused.stderr
    assert "--allow-leakage" in refused.stderr
    assert not (tmp_path / "refused").exists()
    allowed = rader(*command, "--out", str(tmp_path / "allowed"), "--allow-leakage", "--json")
    assert allowed.returncode == 0, allowed.stderr
    leaks = json.loads(allowed.stdout)["leakage"]
    assert leaks["kept"]
    assert next(iter(leaks["benchmarks"].values()))["same"] == 1


def test_a_reranker(rader: Rader, triples: Path, tmp_path: Path) -> None:
    from tests.retriever.tiny_rerankers import make_cross_encoder

    base = make_cross_encoder(tmp_path / "base")
    out = tmp_path / "out"
    done = rader("train", "reranker", str(triples), "--base", str(base), "--out", str(out), *FLAGS)
    assert done.returncode == 0, done.stderr
    assert str(out / "model") in done.stdout
    found = rader("search", "the roots of a polynomial", "--reranker", str(out / "model"), "--json")
    assert found.returncode == 0, found.stderr


def test_what_is_wrong_is_one_line(
    rader: Rader, triples: Path, tiny_encoder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("temprature = 0.1\n", encoding="utf-8")
    command = ["train", "retriever", str(triples), "--out", str(tmp_path / "out"), *FLAGS]
    base = ["--base", str(tiny_encoder_path)]
    broken = tmp_path / "broken"
    broken.mkdir()
    write(broken / "triples.jsonl", [{"id": "1", "query": "q"}])
    for arguments, reason in (
        ([*command, *base, "--config", str(recipe)], "temprature"),
        ([*command, *base, "--config", "no-such.toml"], "no-such.toml"),
        ([*command, "--base", "no such base"], "no encoder is called"),
        (["train", "retriever", "no-such", *base, "--out", str(tmp_path / "out")], "no-such"),
        (["train", "reranker", str(triples), "--out", str(tmp_path / "out")], "base is missing"),
        (
            ["train", "retriever", str(broken), "--corpus", str(triples / "corpus.jsonl"), *base,
             "--out", str(tmp_path / "out")],
            "positive is missing",
        ),
    ):  # fmt: skip
        done = rader(*arguments)
        assert done.returncode == 1, (arguments, done.stdout)
        assert one_line(done.stderr), done.stderr
        assert reason in done.stderr
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = rader(*command, *base)
    assert done.returncode == 1
    assert "rader-studio[train]" in done.stderr
