"""Versions of trained models: added, promoted, rolled back, removed; damaged by hand; two at once; killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retriever.encoder import Encoder
from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError, RaderError, WeightsError
from retriever.registry import Registry
from retriever.trained.release import Encode, Release, encode_of, read_release, seal, weights_sha256
from tests.retriever.tiny_rerankers import make_cross_encoder
from tests.retriever.trained import damage, make_run, make_shipped

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_encoder_path: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / f"run{seed}", tiny_encoder_path, seed) for seed in range(3)]


@pytest.fixture
def registry(home: Path, tmp_path: Path) -> Registry:
    """Nothing in it, and nothing ships."""
    return Registry(home, tmp_path / "none")


def names(registry: Registry) -> list[str]:
    return [version.name for version in registry.versions()]


def test_an_empty_registry_serves_nothing(registry: Registry) -> None:
    assert (registry.versions(), registry.serving()) == ([], (None, ""))
    for act in (registry.promote, registry.remove):
        with pytest.raises(BadInputError, match="no trained model 'x'"):
            act("x")
    with pytest.raises(BadInputError, match="no retriever is promoted"):
        registry.rollback()


def test_a_version_says_what_it_is(
    registry: Registry, runs: list[Path], tiny_encoder_path: Path, home: Path
) -> None:
    version = registry.add(runs[0], scores={"steps": {"ndcg@10": 41.4}}, parent="old", card="# {}\n".format)
    release = read_release(home / "retrievers" / "rader-1")
    assert release == version.release
    assert (release.name, release.kind, release.form) == ("rader-1", "retriever", "adapter")
    assert (release.base, release.parent) == (str(tiny_encoder_path), "old")
    assert release.base_fingerprint == weights_sha256(tiny_encoder_path)
    assert release.encode == Encode(max_passage_tokens=48)
    assert (release.data, release.scores) == ({"triples": "7" * 64}, {"steps": {"ndcg@10": 41.4}})
    assert sorted(release.files) == ["adapter_config.json", "adapter_model.safetensors"]
    assert (version.path / "README.md").read_text() == "# rader-1\n"
    assert registry.serving().version is None  # added is not promoted


def test_promote_and_roll_back(registry: Registry, runs: list[Path]) -> None:
    for run in runs:
        registry.add(run)
    assert names(registry) == ["rader-1", "rader-2", "rader-3"]
    for name in ("rader-1", "rader-2", "rader-1", "rader-3"):
        registry.promote(name)
        assert registry.serving().version == registry.find(name)
    served = [registry.rollback().version for _ in range(3)]
    assert [one.name if one else None for one in served] == ["rader-1", "rader-2", None]
    history = [(event.did, event.name) for event in registry.pointer().history]
    assert history[-2:] == [("rollback", "rader-1"), ("rollback", "rader-2")]
    with pytest.raises(BadInputError, match="nothing was promoted meanwhile"):
        registry.promote("rader-1", over="rader-2")
    assert registry.promote("rader-1", over="").name == "rader-1"


def test_the_one_that_ships_is_always_there(
    home: Path, tmp_path: Path, runs: list[Path], tiny_encoder_path: Path
) -> None:
    registry = Registry(home, make_shipped(tmp_path / "rader-minilm", tiny_encoder_path, seed=9))
    assert (names(registry), registry.serving().version) == (["rader-minilm"], registry.shipped)
    registry.add(runs[0])
    registry.promote("rader-1")
    registry.promote("rader-minilm")
    assert registry.serving().version == registry.shipped
    assert registry.rollback().version == registry.find("rader-1")
    assert registry.rollback().version == registry.shipped
    with pytest.raises(BadInputError, match="comes with the product"):
        registry.remove("rader-minilm")
    with pytest.raises(BadInputError, match="taken"):
        registry.add(runs[1], name="rader-minilm")


def test_what_is_damaged_never_serves(
    home: Path, tmp_path: Path, runs: list[Path], tiny_encoder_path: Path
) -> None:
    registry = Registry(home, make_shipped(tmp_path / "rader-minilm", tiny_encoder_path, seed=9))
    for run in runs[:2]:
        registry.promote(registry.add(run).name)
    second = registry.find("rader-2")
    assert second
    damage(second)
    version, note = registry.serving()
    assert version == registry.find("rader-1")
    assert "adapter_model.safetensors has changed" in note
    assert "rader-1 serves" in note
    assert "\n" not in note
    with pytest.raises(WeightsError, match="rader-2 is damaged"):
        registry.promote("rader-2")
    shutil.rmtree(home / "retrievers" / "rader-1")
    version, note = registry.serving()
    assert version == registry.shipped
    assert "rader-minilm serves" in note
    assert registry.rollback().version == registry.shipped
    with pytest.raises(WeightsError, match="rader-2 is damaged"):
        encoder_for("rader-2", home)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "rader.json").unlink(),
        lambda folder: (folder / "rader.json").write_text("{"),
        lambda folder: (folder / "rader.json").write_text('{"name": "rader-1", "colour": 1}'),
        lambda folder: (folder / "rader.json").write_text('{"name": "rader-1"}'),
        lambda folder: (folder / "adapter_config.json").unlink(),
        lambda folder: (folder / "adapter_model.safetensors").write_bytes(b""),
    ],
)
def test_any_damage_is_seen(registry: Registry, runs: list[Path], home: Path, spoil: object) -> None:
    registry.promote(registry.add(runs[0]).name)
    assert callable(spoil)
    spoil(home / "retrievers" / "rader-1")
    version, note = registry.serving()
    assert version is None
    assert note.startswith("the promoted retriever rader-1 is damaged (")
    found = registry.find("rader-1")
    assert found
    assert found.problems


def test_a_damaged_pointer_is_one_line_and_can_be_set_again(
    registry: Registry, runs: list[Path], home: Path
) -> None:
    registry.promote(registry.add(runs[0]).name)
    (home / "retrievers" / "promoted.json").write_text('{"promoted": ')
    version, note = registry.serving()
    assert version is None
    assert "promoted.json cannot be read" in note
    registry.promote("rader-1")
    assert registry.serving() == (registry.find("rader-1"), "")


def test_removed_is_gone(registry: Registry, runs: list[Path], home: Path) -> None:
    for run in runs[:2]:
        registry.promote(registry.add(run).name)
    with pytest.raises(BadInputError, match="rader-2 is promoted"):
        registry.remove("rader-2")
    registry.remove("rader-1")
    assert names(registry) == ["rader-2"]
    assert registry.pointer().promoted == {"retriever": ("rader-2",)}
    assert registry.rollback().version is None
    assert sorted(path.name for path in (home / "retrievers").iterdir()) == [
        "promoted.json",
        "rader-2",
        "registry.lock",
    ]


def test_the_same_weights_are_one_version(registry: Registry, runs: list[Path]) -> None:
    assert registry.add(runs[0]) == registry.add(runs[0] / "adapter") == registry.find("rader-1")
    assert registry.add(runs[0], name="mine").name == "mine"
    for name in ("mine", "../mine", "Mine", ""):
        if name:
            with pytest.raises(BadInputError):
                registry.add(runs[1], name=name)


def test_what_is_no_finished_training_is_refused(
    registry: Registry, runs: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match="no trained model in"):
        registry.add(tmp_path)
    going_on = Path(shutil.copytree(runs[0], tmp_path / "going"))
    (going_on / "run.json").write_text('{"state": "running"}')
    with pytest.raises(BadInputError, match="is not finished"):
        registry.add(going_on)
    (going_on / "run.json").unlink()
    weights = going_on / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])  # an interrupted save
    with pytest.raises(WeightsError, match="is not whole"):
        registry.add(going_on)
    assert registry.versions() == []


def test_a_pickle_is_not_copied(registry: Registry, runs: list[Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs[0], tmp_path / "run"))
    (run / "adapter" / "optimizer.bin").write_bytes(b"no")
    (run / "adapter" / "code.py").write_text("no")
    there = registry.add(run).path
    assert {path.suffix for path in there.iterdir()} <= {".json", ".md", ".safetensors"}


def test_killed_between_write_and_switch(home: Path, tmp_path: Path, runs: list[Path]) -> None:
    """A kill before the rename leaves no version; one before the pointer leaves the old one promoted."""
    registry = Registry(home, tmp_path / "none")
    registry.promote(registry.add(runs[0]).name)
    kill = "import os, pathlib; pathlib.Path.{0} = lambda *_: os._exit(9)"
    code = "from retriever.registry import Registry; Registry({home!r}).{act}"
    for method, act in (
        ("rename", f"add(pathlib.Path({str(runs[1])!r}))"),
        ("replace", "promote('rader-1')"),
    ):
        line = f"{kill.format(method)}; {code.format(home=str(home), act=act)}"
        if method == "rename":  # writing rader.json replaces a file too, so only the switch is killed
            line = f"import retriever.registry; {line}"
        done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, check=False)
        assert done.returncode == 9
        assert names(registry) == ["rader-1"]
        assert registry.serving() == (registry.find("rader-1"), "")
    assert len(registry.pointer().history) == 1
    registry.add(runs[1])
    assert names(registry) == ["rader-1", "rader-2"]
    assert list((home / "retrievers").glob(".adding-*")) == []


def test_two_processes_at_once(home: Path, tmp_path: Path, runs: list[Path]) -> None:
    code = (
        "import sys, pathlib; from retriever.registry import Registry; r = Registry(sys.argv[1]);"
        "[r.promote(r.add(pathlib.Path(sys.argv[2])).name) for _ in range(5)]"
    )
    arguments = [sys.executable, "-c", code, str(home)]
    both = [subprocess.Popen([*arguments, str(run)], cwd=ROOT) for run in runs[:2]]
    assert [one.wait() for one in both] == [0, 0]
    registry = Registry(home, tmp_path / "none")
    assert names(registry) == ["rader-1", "rader-2"]
    assert len(registry.pointer().history) == 10
    assert sorted(registry.pointer().promoted["retriever"]) == ["rader-1", "rader-2"]


def test_a_reranker_is_promoted_beside(registry: Registry, runs: list[Path], tmp_path: Path) -> None:
    registry.promote(registry.add(runs[0]).name)
    run = tmp_path / "ranker"
    make_cross_encoder(run / "model")
    version = registry.add(run)
    assert (version.name, version.release.kind, version.release.form) == ("reranker-1", "reranker", "model")
    registry.promote(version.name)
    assert registry.serving("reranker").version == version
    assert registry.serving().version == registry.find("rader-1")
    assert registry.rollback("reranker").version is None


# How texts are given to a trained encoder


def test_rader_json_decides_how_texts_are_encoded(
    tmp_path: Path, home: Path, tiny_encoder_path: Path
) -> None:
    how = {"query_prompt": "prime ", "max_tokens": 40, "max_passage_tokens": 20, "latex": "plain"}
    folder = make_shipped(tmp_path / "lora", tiny_encoder_path, 3, **how)
    encoder = encoder_for(folder, home, backend="torch", usual_passage_tokens=30)
    same = Encoder(
        tiny_encoder_path, adapter=folder, query_prompt="prime ", max_tokens=40, max_passage_tokens=20,
        latex="plain",
    )  # fmt: skip
    assert encoder.fingerprint == same.fingerprint
    np.testing.assert_array_equal(
        encoder.encode_queries([r"the $\sum$ of"]), same.encode_queries([r"the $\sum$ of"])
    )
    assert encoder_for(folder, home, max_passage_tokens=25).max_passage_tokens == 25
    assert encoder_for(tiny_encoder_path, home, usual_passage_tokens=30).max_passage_tokens == 30


def test_the_trainers_file_counts_where_rader_json_is_silent(tmp_path: Path) -> None:
    (tmp_path / "encoder.json").write_text('{"query_prompt": "a ", "passage_prompt": "b ", "causal": null}')
    seal(tmp_path, Release(encode=Encode(query_prompt="c ")))
    assert encode_of(tmp_path) == Encode(query_prompt="c ", passage_prompt="b ")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("rader.json", '{"encode": {"prompt": "x"}}', "prompt"),
        ("rader.json", '{"encode": {"latex": "spoken"}}', "latex"),
        ("encoder.json", '{"prompt": "x"}', "prompt"),
        ("encoder.json", "{", "cannot be read"),
    ],
)
def test_what_it_does_not_know_it_refuses(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(WeightsError, match=says) as caught:
        encode_of(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_adapter_on_another_base_is_refused(
    tmp_path: Path, home: Path, tiny_encoder_path: Path, runs: list[Path]
) -> None:
    version = Registry(home, tmp_path / "none").add(runs[0])
    config = json.loads((version.path / "adapter_config.json").read_text())
    other = Path(shutil.copytree(tiny_encoder_path, tmp_path / "other"))
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    config["base_model_name_or_path"] = str(other)
    (version.path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(RaderError, match="trained from another model"):
        encoder_for(version.path, home)
