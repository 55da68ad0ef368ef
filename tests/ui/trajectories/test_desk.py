"""The desk: where an address leads, what is decided, and what another tab did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.feedback import FeedbackLog
from retriever.passage import Passage
from tests.training.samples import write
from tests.ui.trajectories.samples import run, search
from ui.trajectories.catalogue import Catalogue
from ui.trajectories.desk import GONE, Desk, Place, Screen, place_of
from ui.trajectories.filters import Filter
from ui.trajectories.logs import OWN, Logs


def passages(ids: Sequence[str]) -> dict[str, Passage]:
    return {one: Passage(id=one, title=one, text=f"the statement of {one}") for one in ids}


@pytest.fixture
def desk(home: Path) -> Iterator[Desk]:
    write(home, [run(1), run(2, grade="wrong")])
    write(home / "collections" / "hard", [search()])
    catalogue = Catalogue(Logs(home), home / "cache.sqlite")
    yield Desk(catalogue, passages)
    catalogue.close()


def shown(desk: Desk, **parameters: str) -> Screen:
    place, notice = place_of(parameters)
    *_, last = desk.show(place, notice)
    return last


def test_an_address_opens_what_it_names(desk: Desk) -> None:
    screen = shown(desk, grade="correct", id="run-1")
    assert screen.place == Place(Filter(grade="correct"), 1, "run-1", OWN)
    assert place_of(dict(part.split("=") for part in screen.place.address[1:].split("&")))[0] == screen.place
    assert screen.opened is not None
    assert "the statement of am-gm" in screen.opened.transcript
    assert "Solve and the command line" in screen.opened.heading
    assert "run-2" not in screen.listing
    assert screen.notice == ""


def test_a_run_is_shown_before_its_theorems_are_read(desk: Desk) -> None:
    first, last = desk.show(Place(id="run-1"))
    assert first.opened is not None
    assert last.opened is not None
    assert "the statement of" not in first.opened.transcript
    assert "the statement of" in last.opened.transcript


def test_a_tree_is_found_in_its_collection(desk: Desk) -> None:
    screen = shown(desk, id="search", **{"in": "collections/hard"})
    assert screen.opened is not None
    assert "2 of 2" in screen.opened.tree or "2 rollouts" in screen.opened.tree
    assert "hard" in screen.opened.heading


@pytest.mark.parametrize(
    "parameters", [{"id": "no-such"}, {"id": "run-1", "in": "collections/hard"}, {"id": "../../etc/passwd"}]
)
def test_a_link_to_nothing_is_one_line_and_the_list(desk: Desk, parameters: dict[str, str]) -> None:
    screen = shown(desk, **parameters)
    assert (screen.opened, screen.notice, screen.place) == (None, GONE, Place())
    assert "run-1" in screen.listing


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "²"])
def test_a_page_that_is_none_is_the_first_or_the_last(desk: Desk, page: str) -> None:
    assert shown(desk, page=page).place.page == 1


def test_a_decision_is_kept_changed_and_taken_back(desk: Desk, home: Path) -> None:
    place = shown(desk, id="run-1").place
    for decided in ("approved", "rejected", ""):
        screen = desk.judge(place, decided, by="ann")
        assert screen.opened is not None
        assert (screen.opened.training, screen.notice) == (decided, "")
        assert ("rd-training" in screen.listing) == bool(decided)
    assert '"by": "ann"' in (home / "feedback.jsonl").read_text()


def test_what_another_tab_removed_is_not_judged(desk: Desk, home: Path) -> None:
    place = shown(desk, id="search").place
    (home / "collections" / "hard" / "trajectories.jsonl").unlink()
    screen = desk.judge(place, "approved")
    assert (screen.opened, screen.notice) == (None, GONE)
    assert not (home / "collections" / "hard" / "feedback.jsonl").exists()


def test_nonsense_is_refused_in_one_line(desk: Desk, home: Path) -> None:
    screen = desk.judge(shown(desk, id="run-1").place, "maybe")
    assert "cannot be 'maybe'" in screen.notice
    assert FeedbackLog(home / "feedback.jsonl").read() == {}


def test_bad_lines_are_told(desk: Desk, home: Path) -> None:
    with (home / "trajectories.jsonl").open("a") as file:
        file.write("no\n")
    assert shown(desk).notice == "1 line of the logs could not be read and stayed out."
