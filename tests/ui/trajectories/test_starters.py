"""The forms: what they ask of ``rader``, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from tests.training.samples import write
from tests.ui.trajectories.samples import run
from ui.jobs import Jobs
from ui.trajectories import starters as module
from ui.trajectories.logs import Logs
from ui.trajectories.starters import Starters


@pytest.fixture
def starters(home: Path) -> Starters:
    return Starters(Jobs(home), Logs(home))


@pytest.fixture
def problems(tmp_path: Path) -> str:
    file = tmp_path / "my problems.jsonl"
    file.write_text(json.dumps({"id": "a", "problem": "1+1?", "answer": "2"}) + "\n")
    return str(file)


def test_a_collection_as_a_command(starters: Starters, problems: str, home: Path) -> None:
    label, arguments = starters.collect(problems, "mcts", 5, 3, "", True)
    folder = home / "collections" / "my-problems-mcts"
    assert label == "Collection my-problems-mcts, mcts"
    assert arguments == [
        "collect", str(folder / "problems.jsonl"), "--out", str(folder), "--json",
        "--strategy", "mcts", "--seed", "3", "--limit", "5", "--skip-bad",
    ]  # fmt: skip
    assert (folder / "problems.jsonl").read_bytes() == Path(problems).read_bytes()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no problem"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1: not UTF-8"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"id": "a", "text": "a passage"}', "no format fits its keys"),
        (b'{"id": "a", "problem": ""}', "problem is empty"),
    ],
)
def test_a_file_of_the_wrong_kind_starts_nothing(
    starters: Starters, problems: str, home: Path, content: bytes, says: str
) -> None:
    Path(problems).write_bytes(content)
    with pytest.raises(BadInputError, match=says):
        starters.collect(problems, "steps", 0, 0, "", False)
    assert says in starters._check(problems, False)
    assert not (home / "collections").exists()


def test_a_file_that_is_too_large_is_not_read(
    starters: Starters, problems: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(BadInputError, match="larger than"):
        starters.collect(problems, "steps", 0, 0, "", False)


def test_no_file_is_one_line(starters: Starters) -> None:
    with pytest.raises(BadInputError, match="no problems were chosen"):
        starters.collect(None, "steps", 0, 0, "", False)
    assert starters._check(None, False) == ""


def test_a_chosen_file_is_told(starters: Starters, problems: str) -> None:
    with Path(problems).open("a") as file:
        file.write("bad\n")
    assert "1 problem, 1 with a gold answer, 1 bad left out." in starters._check(problems, True)


def test_a_retraining_as_a_command(starters: Starters, home: Path) -> None:
    log = write(home / "collections" / "a", [run(1)]) / "trajectories.jsonl"
    write(home, [run(2)])
    label, arguments = starters.retrain(["collections/a", "own"], True)
    assert label == "Retraining from 2 logs"
    assert arguments == ["retrain", str(log), str(home / "trajectories.jsonl"), "--json", "--approved"]
    log.unlink()
    for chosen, says in ((["collections/a"], "a chosen log is gone"), ([], "no log was chosen")):
        with pytest.raises(BadInputError, match=says):
            starters.retrain(chosen, False)
