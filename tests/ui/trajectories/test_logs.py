"""Where logs lie, and where the page's collections go."""

from __future__ import annotations

from pathlib import Path

import pytest

from retriever.errors import BadInputError
from tests.training.samples import write
from tests.ui.trajectories.samples import run
from ui.trajectories.logs import OWN, Logs, name_for


def test_logs_are_the_own_one_and_the_collections(home: Path) -> None:
    logs = Logs(home)
    assert logs.all() == []
    write(home / "collections" / "b", [run(1)])
    write(home, [run(2)])
    write(home / "collections" / "a", [run(3)])
    (home / "collections" / "begun").mkdir()
    (home / "collections" / "stray.txt").write_text("")
    assert [log.key for log in logs.all()] == [OWN, "collections/a", "collections/b"]
    assert logs.path("collections/a") == home / "collections" / "a" / "trajectories.jsonl"
    assert logs.path("collections/../collections/a") is None
    assert logs.path("collections/begun") is None


def test_a_collection_keeps_its_problems_and_takes_no_others(home: Path, tmp_path: Path) -> None:
    logs, problems = Logs(home), tmp_path / "upload.jsonl"
    problems.write_text("{}")
    folder = logs.folder_for("mine", problems)
    assert logs.problems(folder).read_text() == "{}"
    assert logs.folder_for("mine", problems) == folder
    problems.write_text("[]")
    with pytest.raises(BadInputError, match="mine is a collection of other problems"):
        logs.folder_for("mine", problems)
    assert logs.problems(folder).read_text() == "{}"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a b", "-x", "x" * 65, "a\n", "\x00"])
def test_names_that_are_none(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "upload.jsonl").write_text("{}")
    with pytest.raises(BadInputError, match="cannot be called"):
        Logs(home).folder_for(name, tmp_path / "upload.jsonl")
    assert not (home / "collections").exists()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/uploads/My problems (2).jsonl", "My-problems-2-steps"),
        ("..jsonl", "problems-steps"),
        ("x" * 90 + ".jsonl", "x" * 40 + "-steps"),
    ],
)
def test_a_collection_is_called_after_its_file(home: Path, tmp_path: Path, file: str, name: str) -> None:
    assert name_for(file, "steps") == name
    (tmp_path / "upload.jsonl").write_text("{}")
    assert Logs(home).folder_for(name_for(file, "cot@8"), tmp_path / "upload.jsonl").is_dir()
