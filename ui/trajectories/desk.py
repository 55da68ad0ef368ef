"""What the view shows for an address, and what a person decides about a trajectory; without the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.feedback import FeedbackLog, beside
from agent.records import Trajectory
from retriever.errors import BadInputError, RaderError
from retriever.passage import Passage
from ui.page import render
from ui.solve.tree import tree_of
from ui.trajectories import opened
from ui.trajectories.catalogue import Catalogue
from ui.trajectories.filters import ALL, Filter, address, filter_of
from ui.trajectories.listing import link, listing

GONE = "This trajectory is not here (any more). It may have been removed meanwhile, or the link is wrong."
BLOCKS = "\n\n"

Passages = Callable[[Sequence[str]], dict[str, Passage]]


@dataclass(frozen=True)
class Place:
    """Where a visitor is: the filter, the page of the list, the trajectory that is open and its log."""

    filter: Filter = ALL
    page: int = 1
    id: str = ""
    log: str = ""

    @property
    def address(self) -> str:
        """The query part of its address."""
        return address(self.filter, page=self.page, opened=self.id, log=self.log)


@dataclass(frozen=True)
class Opened:
    """One trajectory, as Markdown of inert blocks, and what was decided about training on it."""

    heading: str
    transcript: str
    tree: str
    training: str


@dataclass(frozen=True)
class Screen:
    """The view as it should look: where it is, the list, what is open, one line where something is wrong."""

    place: Place
    listing: str
    opened: Opened | None = None
    notice: str = ""


class Desk:
    """The trajectories of one home, read and judged.

    Args:
        catalogue: What there is.
        passages: Full texts by id, as far as they are to be had.
    """

    def __init__(self, catalogue: Catalogue, passages: Passages) -> None:
        self.catalogue = catalogue
        self._passages = passages

    def show(self, place: Place, notice: str = "") -> Iterator[Screen]:
        """The screen of a place; as long as logs are read, screens that say how far that is."""
        for share in self.catalogue.update():
            yield self._screen(place, None, f"Reading the logs: {share:.0%}")
        found = self.catalogue.find(place.id, place.log) if place.id else None
        if place.id and found is None:
            place, notice = replace(place, id="", log=""), GONE
        elif found:
            place = replace(place, log=found[0])
        if found and (ids := opened.passage_ids(found[1])):
            yield self._screen(place, found[1], notice)  # the first look into an index takes seconds
            yield self._screen(place, found[1], notice, self._passages(ids))
        else:
            yield self._screen(place, found[1] if found else None, notice)

    def judge(self, place: Place, training: str, *, by: str = "") -> Screen:
        """Approve or reject what is open for training, or take that back (empty)."""
        notice = ""
        try:
            self._give(place, training, by)
        except RaderError as error:
            notice = str(error)
        *_, last = self.show(place)
        return replace(last, notice=last.notice or notice)

    def _give(self, place: Place, training: str, by: str) -> None:
        for _ in self.catalogue.update():
            pass
        path = self.catalogue.logs.path(place.log)
        if path is None or self.catalogue.find(place.id, place.log) is None:
            raise BadInputError(GONE)
        FeedbackLog(beside(path)).give(place.id, "training", training, by=by)

    def _screen(
        self,
        place: Place,
        trajectory: Trajectory | None,
        notice: str,
        passages: dict[str, Passage] | None = None,
    ) -> Screen:
        page = self.catalogue.page(place.filter, place.page)
        place = replace(place, page=page.number)
        listed = listing(page, place.filter, place.id, place.log)
        if not notice and (bad := self.catalogue.bad_lines()):
            notice = f"{render.counted(bad, 'line')} of the logs could not be read and stayed out."
        shown = self._opened(trajectory, place, passages or {}) if trajectory else None
        return Screen(place, listed, shown, notice)

    def _opened(self, trajectory: Trajectory, place: Place, passages: dict[str, Passage]) -> Opened:
        name = next((log.name for log in self.catalogue.logs.all() if log.key == place.log), place.log)
        back = f'<p class="rd-pages">{link("Back to the list", replace(place, id="").address)}</p>'
        return Opened(
            heading=BLOCKS.join([back, *opened.heading(trajectory, name)]),
            transcript=BLOCKS.join(opened.transcript(trajectory, passages)),
            tree=tree_of(trajectory),
            training=(trajectory.feedback or {}).get("training", ""),
        )


def place_of(parameters: Mapping[str, str]) -> tuple[Place, str]:
    """Where an address leads, and in one line what of it cannot be used."""
    filter_, notice = filter_of(parameters)
    page = parameters.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < 9 else 1
    return Place(filter_, max(1, number), parameters.get("id", ""), parameters.get("in", "")), notice
