"""The catalogue: what it lists, that it reads only what is new, and what it does with a log that changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.feedback import FeedbackLog
from agent.log import TrajectoryLog
from tests.training.samples import write
from tests.ui.trajectories.samples import run, search
from ui.trajectories import catalogue as module
from ui.trajectories.catalogue import PAGE, Catalogue
from ui.trajectories.filters import Filter
from ui.trajectories.logs import OWN, Logs


@pytest.fixture
def there(home: Path) -> Iterator[Catalogue]:
    """A catalogue of a home with three runs of its own and a collection with a search."""
    write(home, [run(0), run(1, grade="wrong", strategy="rag"), run(2, grade=None)])
    write(home / "collections" / "hard", [search(), run(3, grade=None, outcome="failed", error="no server")])
    catalogue = Catalogue(Logs(home), home / "cache" / "trajectories.sqlite")
    yield catalogue
    catalogue.close()


def listed(catalogue: Catalogue, **asked: str) -> list[str]:
    """Ids of the first page, after reading what is new."""
    assert all(0 <= share < 1 for share in catalogue.update())
    return [each.row.id for each in catalogue.page(Filter(**asked)).rows]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["search", "run-3", "run-2", "run-1", "run-0"]),
        ({"words": "PROBLEM 2:"}, ["run-2"]),
        ({"words": "what problem"}, ["run-3", "run-2", "run-1", "run-0"]),
        ({"words": "run-1"}, ["run-1"]),
        ({"words": "%"}, []),
        ({"words": "_roblem"}, []),
        ({"words": "x' OR 1=1 --"}, []),
        ({"log": OWN}, ["run-2", "run-1", "run-0"]),
        ({"log": "collections/hard"}, ["search", "run-3"]),
        ({"log": "../../etc"}, []),
        ({"strategy": "mcts"}, ["search"]),
        ({"grade": "wrong"}, ["run-1"]),
        ({"grade": "failed"}, ["run-3"]),
        ({"grade": "ungraded", "log": OWN}, ["run-2"]),
        ({"since": "2026-11-03"}, ["search", "run-3", "run-2"]),
        ({"since": "2026-11-02", "until": "2026-11-03"}, ["run-2", "run-1"]),
        ({"said": "none", "strategy": "rag"}, ["run-1"]),
        ({"said": "any"}, []),
    ],
)
def test_filters(there: Catalogue, asked: dict[str, str], ids: Sequence[str]) -> None:
    assert listed(there, **asked) == ids


def test_what_people_said_is_found_and_changes(there: Catalogue, home: Path) -> None:
    own = FeedbackLog(home / "feedback.jsonl")
    listed(there)
    own.give("run-0", "training", "approved")
    own.give("run-1", "answer", "down")
    assert listed(there, said="approved") == ["run-0"]
    assert listed(there, said="any") == ["run-1", "run-0"]
    assert there.page(Filter(said="approved")).rows[0].training == "approved"
    own.give("run-0", "training", "")
    assert listed(there, said="approved") == []
    found = there.find("run-1")
    assert found is not None
    assert found[1].feedback == {"answer": "down"}


def test_what_a_line_says_counts_where_nobody_said_otherwise(there: Catalogue, home: Path) -> None:
    listed(there)
    TrajectoryLog(home / "trajectories.jsonl").append(run(7, feedback={"training": "rejected"}))
    assert listed(there, said="rejected") == ["run-7"]
    FeedbackLog(home / "feedback.jsonl").give("run-7", "training", "approved")
    assert (listed(there, said="rejected"), listed(there, said="approved")) == ([], ["run-7"])


def test_a_second_look_reads_only_what_was_appended(
    there: Catalogue, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(there)
    read: list[int] = []

    def counted(log: str, place: int, line: bytes) -> Any:
        read.append(place)
        return row_at(log, place, line)

    row_at = module.row_at
    monkeypatch.setattr(module, "row_at", counted)
    end = (home / "trajectories.jsonl").stat().st_size
    TrajectoryLog(home / "trajectories.jsonl").append(run(9))
    assert "run-9" in listed(there)
    again = Catalogue(there.logs, home / "cache" / "trajectories.sqlite")  # as after a restart
    assert "run-9" in listed(again)
    again.close()
    assert read == [end]


def test_pages(there: Catalogue, home: Path) -> None:
    write(home, [run(number) for number in range(2 * PAGE + 1)])
    listed(there)
    page = there.page(Filter(log=OWN), 3)
    assert (len(page.rows), page.number, page.last, page.total) == (1, 3, 3, 2 * PAGE + 1)
    assert there.page(Filter(log=OWN), 10**9).number == 3
    assert there.page(Filter(words="nothing"), 5) == ([], 1, 0)


def test_lines_that_are_none_stay_out_and_an_unfinished_one_waits(there: Catalogue, home: Path) -> None:
    log = home / "trajectories.jsonl"
    line = run(5).to_json()
    huge = '{"schema": 1, "usage": {"completion_tokens": 1' + "0" * 30 + "}}"
    with log.open("a", encoding="utf-8") as file:
        file.write(f"not JSON\n\n{huge}\n\x00\xff\n" + line[:80])
    assert "run-5" not in listed(there)
    assert there.bad_lines() == 3
    with log.open("a", encoding="utf-8") as file:
        file.write(line[80:] + "\n")
    assert "run-5" in listed(there)
    assert there.bad_lines() == 3


def test_numbers_of_any_size_do_no_harm(there: Catalogue, home: Path) -> None:
    text = run(6).to_json().replace('"completion_tokens": 106', '"completion_tokens": 1' + "0" * 40)
    with (home / "trajectories.jsonl").open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    assert "run-6" in listed(there)


def test_the_later_line_of_an_id_counts(there: Catalogue, home: Path) -> None:
    TrajectoryLog(home / "trajectories.jsonl").append(run(0, grade="wrong"))
    assert listed(there, grade="wrong") == ["run-1", "run-0"]
    assert listed(there).count("run-0") == 1


def test_a_log_that_was_replaced_is_read_anew(there: Catalogue, home: Path) -> None:
    listed(there)
    write(home, [run(8)])
    assert listed(there, log=OWN) == ["run-8"]
    assert there.find("run-0") is None
    (home / "collections" / "hard" / "trajectories.jsonl").unlink()
    assert listed(there) == ["run-8"]


def test_a_log_changed_within_gives_nothing_wrong(there: Catalogue, home: Path) -> None:
    """Same beginning, same length: only the place of a line is no longer its own."""
    listed(there)
    log = home / "trajectories.jsonl"
    first, second, third = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join([first, third, second]) + "\n", encoding="utf-8")
    assert there.find("run-2") is None
    assert listed(there, log=OWN) == ["run-2", "run-1", "run-0"]
    assert there.find("run-2") is not None


def test_all_that_a_filter_lets_through_is_read_in_order(there: Catalogue, home: Path) -> None:
    FeedbackLog(home / "feedback.jsonl").give("run-2", "answer", "up")
    listed(there)
    assert [one.id for one in there.read(Filter())] == ["run-0", "run-1", "run-2", "search", "run-3"]
    [only] = there.read(Filter(words="run-2"))
    assert only == run(2, grade=None, feedback={"answer": "up"})


@pytest.mark.parametrize("content", [b"", b"this is no database" * 100])
def test_a_damaged_catalogue_is_made_anew(home: Path, content: bytes) -> None:
    write(home, [run(0)])
    file = home / "cache" / "trajectories.sqlite"
    file.parent.mkdir()
    file.write_bytes(content)
    catalogue = Catalogue(Logs(home), file)
    assert listed(catalogue) == ["run-0"]
    catalogue.close()


def test_a_catalogue_that_cannot_be_kept_lasts_as_long_as_the_process(home: Path) -> None:
    write(home, [run(0)])
    (home / "cache").write_text("in the way")
    catalogue = Catalogue(Logs(home), home / "cache" / "trajectories.sqlite")
    assert listed(catalogue) == ["run-0"]
    catalogue.close()


def test_reading_is_told_in_slices_and_by_several_at_once(
    there: Catalogue, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.002)
    write(home, [run(number) for number in range(300)])
    shares: list[float] = []
    threads = [threading.Thread(target=lambda: shares.extend(there.update())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shares
    assert all(0 <= share < 1 for share in shares)
    assert there.page(Filter(log=OWN)).total == 300
