"""``rader models``: what was trained, promoting, rolling back, export, removal; what searches then."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer

from tests.retriever.trained import make_run, make_shipped
from tests.ui.command import Rader, one_line
from ui.encoders import choose
from ui.settings import Settings
from ui.trained import trained_rows

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
ROWS = [
    {"id": "a", "title": "Prime", "text": "the sum of a prime number"},
    {"id": "b", "title": "Circle", "text": "the area of a circle"},
    {"id": "c", "title": "Graph", "text": "a path with an edge"},
]


@pytest.fixture(autouse=True)
def nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is another matter."""
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "nothing")


@pytest.fixture
def own(tmp_path: Path, tiny_encoder_path: Path) -> Rader:
    """A home with an index of three theorems and two trained retrievers, none of them promoted."""
    rader = Rader(tmp_path / "home", tiny_encoder_path)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    made = rader("index", str(corpus), "--no-shipped", "--json")
    assert made.returncode == 0, made.stderr
    for seed in (1, 2):
        make_run(tmp_path / f"run{seed}", tiny_encoder_path, seed)
    return rader


def ask(rader: Rader, *arguments: str) -> Any:
    done = rader(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def scores(rader: Rader, retriever: str) -> dict[str, float]:
    found = ask(rader, "search", "the sum of a path", "--retriever", retriever)
    return {hit["id"]: hit["score"] for hit in found["hits"]}


def states(rader: Rader) -> dict[str, str]:
    return {row["name"]: row["state"] for row in ask(rader, "models", "list") if "kind" in row}


def test_promoted_searches_rolled_back_does_not(own: Rader, tmp_path: Path) -> None:
    before = {name: scores(own, name) for name in ("rader", "hybrid", "base")}
    found = ask(own, "models", "promote", str(tmp_path / "run1"))
    assert found == {"kind": "retriever", "serving": "rader-1", "promoted": ["rader-1"]}
    assert states(own) == {"rader-1": "serving"}
    after = {name: scores(own, name) for name in ("rader", "hybrid", "base")}
    assert after["base"] == before["base"] == before["rader"]
    assert after["rader"] != before["rader"]
    assert after["hybrid"] != before["hybrid"]
    assert len(ask(own, "index", "--list")) == 2  # one beside the other
    ask(own, "models", "promote", str(tmp_path / "run2"))
    assert states(own) == {"rader-1": "promoted before", "rader-2": "serving"}
    indexes = ask(own, "index", "--list")
    assert ask(own, "models", "rollback")["serving"] == "rader-1"
    assert scores(own, "rader") == after["rader"]
    assert ask(own, "models", "rollback")["serving"] == ""
    assert scores(own, "rader") == before["rader"]
    assert {one["name"]: one["built"] for one in ask(own, "index", "--list")} == {
        one["name"]: one["built"] for one in indexes
    }  # nothing was built: it is instant


def test_a_trained_retriever_by_name_and_by_folder(own: Rader, tmp_path: Path) -> None:
    ask(own, "models", "promote", str(tmp_path / "run1"))
    rader = scores(own, "rader")
    found = ask(own, "search", "the sum of a path", "--retriever", "rader-1")
    assert (found["retriever"], {hit["id"]: hit["score"] for hit in found["hits"]}) == ("rader-1", rader)
    shown = own("models", "list").stdout
    assert "rader-1" in shown
    assert "serving" in shown


def test_base_gets_its_index_when_it_is_asked_for(
    own: Rader, tmp_path: Path, tiny_encoder_path: Path
) -> None:
    ask(own, "models", "promote", str(tmp_path / "run1"))
    base = scores(own, "base")
    for one in ask(own, "index", "--list"):
        if one["encoder"] == tiny_encoder_path.name:
            assert own("index", "--drop", one["name"], "--force").returncode == 0
    assert scores(own, "base") == base  # of the passages that are indexed, not of those that ship


def test_deleted_by_hand_the_last_good_serves(
    own: Rader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        ask(own, "models", "promote", str(tmp_path / f"run{number}"))
    first = scores(own, "rader-1")
    shutil.rmtree(own.home / "retrievers" / "rader-2")
    with caplog.at_level(logging.WARNING):
        assert scores(own, "rader") == first
    [line] = [record.message for record in caplog.records if "rader-2" in record.message]
    assert "its folder is gone" in line
    assert "rader-1 serves" in line
    assert "\n" not in line
    assert states(own) == {"rader-1": "serving", "rader-2": "damaged"}
    refused = own("models", "promote", "rader-2")
    assert (refused.returncode, one_line(refused.stderr)) == (1, True)
    assert ask(own, "models", "rollback")["serving"] == "rader-1"


def test_export_and_remove(own: Rader, tmp_path: Path) -> None:
    ask(own, "models", "promote", str(tmp_path / "run1"))
    folder = tmp_path / "export"
    assert ask(own, "models", "export", "rader", str(folder))["folder"] == str(folder)
    assert SentenceTransformer(str(folder), local_files_only=True).encode(["a prime"]).shape == (1, 32)
    again = own("models", "export", "rader-1", str(folder))
    assert (again.returncode, one_line(again.stderr)) == (1, True)
    refused = own("models", "remove", "rader-1")
    assert "rader-1 is promoted" in refused.stderr
    ask(own, "models", "rollback")
    gone = ask(own, "models", "remove", "rader-1")
    assert (gone["name"], len(gone["indexes"])) == ("rader-1", 1)
    assert states(own) == {}
    assert len(ask(own, "index", "--list")) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("promote", "no-such"), "no trained model in no-such"),
        (("rollback",), "no retriever is promoted"),
        (("rollback", "--kind", "reranker"), "no reranker is promoted"),
        (("remove", "no-such"), "'no-such'"),
        (("export", "no-such", "x"), "'no-such'"),
    ],
)
def test_bad_input_is_one_line(own: Rader, arguments: tuple[str, ...], says: str) -> None:
    done = own("models", *arguments)
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr
    assert scores(own, "rader")


def test_doctor_knows_what_serves(own: Rader, tmp_path: Path) -> None:
    def finding() -> dict[str, Any]:
        found = json.loads(own("doctor", "--json").stdout)["findings"]
        return next(each for each in found if each["name"] == "trained retriever")

    assert finding()["detail"] == "none is promoted, the untrained base searches"
    ask(own, "models", "promote", str(tmp_path / "run1"))
    assert finding()["detail"] == "rader-1"
    shutil.rmtree(own.home / "retrievers" / "rader-1")
    assert (finding()["ok"], finding()["remedy"]) == (False, "rader models rollback")


def test_which_encoder_serves(
    tmp_path: Path, tiny_encoder_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = make_shipped(tmp_path / "rader-minilm", tiny_encoder_path, seed=5)
    monkeypatch.setattr("retriever.registry.SHIPPED", shipped)
    home = tmp_path / "home"
    default, other = Settings(home=home), Settings(home=home, encoder=str(tiny_encoder_path))
    assert choose(default, "hybrid") == (str(shipped), True, True)
    assert choose(default, "base") == ("all-minilm-l6-v2", False, True)
    assert choose(other, "hybrid") == (str(tiny_encoder_path), True, False)  # it ships for another base
    assert [row.state for row in trained_rows(default)] == ["serving"]
    assert [row.state for row in trained_rows(other)] == ["kept"]
    named = default.model_copy(update={"trained": "rader-gte-qwen2-7b"})
    assert choose(named, "rader") == ("rader-gte-qwen2-7b", True, False)
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "none")
    assert choose(default, "rader") == ("all-minilm-l6-v2", False, False)
