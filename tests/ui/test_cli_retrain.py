"""``rader retrain``: one turn over a log, the table, what is said where it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.retrain.samples import WORLD, solved_problems
from tests.training.samples import write
from tests.ui.command import Rader, one_line
from ui.cli.retrain import _named_set

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(autouse=True)
def nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is another matter."""
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "nothing")


@pytest.fixture
def own(tmp_path: Path, tiny_encoder_path: Path) -> Rader:
    """A home with the small world indexed, and corpus.jsonl of it beside."""
    rader = Rader(tmp_path / "home", tiny_encoder_path)
    rows = "".join(passage.model_dump_json(exclude_defaults=True) + "\n" for passage in WORLD)
    (tmp_path / "corpus.jsonl").write_text(rows, encoding="utf-8")
    made = rader("index", str(tmp_path / "corpus.jsonl"), "--no-shipped", "--json")
    assert made.returncode == 0, made.stderr
    return rader


def test_a_turn_gives_the_table_and_searches_by_what_it_says(own: Rader, tmp_path: Path) -> None:
    """Whichever way the gate decides, it says why, and what serves is what it says."""
    log = write(tmp_path / "log", solved_problems(100))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('device = "cpu"\nevaluate_every = 1000\nmax_steps = 4\nlr = 1e-5\nmini_batch = 16\n')
    arguments = ("retrain", str(log), "--recipe", str(recipe), "--held-out", "0.4", "--least", "20")
    done = own(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report["compared"]) == {"steps", "titles"}
    assert report["steps"][0] == report["compared"]["steps"]["n"] >= 20
    assert report["promoted"] is (report["reasons"] == [])
    models = json.loads(own("models", "list", "--json").stdout)
    serving = [row["name"] for row in models if row.get("state") == "serving"]
    assert serving == ([report["name"]] if report["promoted"] else [])
    assert Path(report["folder"]).parent == own.home / "retrain"
    assert own("search", "a prime", "--retriever", "rader", "--json").returncode == 0
    if not report["promoted"]:
        shown = own(*arguments)
        assert "refused: " in shown.stdout
        assert "the untrained base goes on serving" in shown.stdout


@pytest.mark.parametrize(
    ("problems", "more", "says"),
    [
        (10, (), "step queries are held out, and 20 are needed"),
        (100, ("--held-out", "0.4", "--least", "1000"), "triples to train on are too few, 1000 are needed"),
        (40, ("--benchmark", "steps-x"), "is not NAME=QUERIES:CORPUS"),
        (40, ("--benchmark", "../x=q.jsonl:c.jsonl"), "is not NAME=QUERIES:CORPUS"),
        (40, ("--benchmark", "x=no-q.jsonl:no-c.jsonl"), "no-c.jsonl"),
        (40, ("--recipe", "no-such.toml"), "no-such.toml"),
        (40, ("--base", "no-such-base", "--held-out", "0.8", "--least", "1"), "no-such-base"),
    ],
)
def test_bad_input_is_one_line_and_nothing_changes(
    own: Rader, tmp_path: Path, problems: int, more: tuple[str, ...], says: str
) -> None:
    log = write(tmp_path / "log", solved_problems(problems))
    done = own("retrain", str(log), *more)
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr
    assert own("search", "a prime", "--retriever", "rader", "--json").returncode == 0


def test_trajectories_that_cannot_be_used_are_one_line(own: Rader, tmp_path: Path) -> None:
    no_file = own("retrain", str(tmp_path / "nothing"))
    assert (no_file.returncode, one_line(no_file.stderr)) == (1, True)
    log = write(tmp_path / "log", solved_problems(60)) / "trajectories.jsonl"
    log.write_text(log.read_text().replace('"schema": 1', '"schema": 7').replace('"schema":1', '"schema":7'))
    other = own("retrain", str(log))
    assert "schema 7" in other.stderr
    assert one_line(other.stderr)
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text('{"id": "x", "title": "X", "text": "something else"}\n')
    strange = own("retrain", str(write(tmp_path / "log2", solved_problems(60))), "--corpus", str(elsewhere))
    assert (strange.returncode, one_line(strange.stderr)) == (1, True)


def test_a_benchmark_is_queries_and_corpora(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": name, "text": "a prime"}) + "\n")
    (tmp_path / "q.jsonl").write_text(json.dumps({"id": "q", "query": "prime", "gold_ids": ["b"]}) + "\n")
    found = _named_set(f"steps-mine={tmp_path}/q.jsonl:{tmp_path}/a.jsonl,{tmp_path}/b.jsonl", False)
    assert (found.name, found.of_steps, len(found.corpus)) == ("steps-mine", True, 2)
    assert [query.id for query in found.queries] == ["q"]
