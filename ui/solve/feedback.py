"""What a person says of an answer and of what it found: checked against the run, kept beside its log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from agent.feedback import FeedbackLog, beside
from agent.log import TrajectoryLog
from agent.nodes import Searcher
from agent.records import Trajectory
from retriever.errors import BadInputError, RaderError
from retriever.passage import Passage
from ui.solve.conversations import Exchange

OFFERED = 8  # passages to choose the right one from

Said = dict[str, dict[str, str]]  # by run and key, as agent.feedback keeps them


class Feedback:
    """Feedback on the runs of conversations; may be used from several threads.

    Args:
        log: Of the trajectories.
        library: Gives what searches the passages; may build or load it, and raise ``RaderError``.
    """

    def __init__(self, log: TrajectoryLog, library: Callable[[], Searcher]) -> None:
        self._log = log
        self._library = library
        self._given = FeedbackLog(beside(log.path))

    def said(self, exchanges: Iterable[Exchange]) -> Said:
        """What holds of each exchange, with an entry for each that may be spoken of; the right passage by its
        title."""
        given = self._given.read()
        return {one.id: self._titled(given.get(one.id, {})) for one in exchanges if one.state != "running"}

    def say(self, exchanges: Iterable[Exchange], run: str, key: str, value: str, *, by: str = "") -> bool:
        """Say something of one of these exchanges; the same again takes it back.

        Returns:
            Whether it holds now.

        Raises:
            BadInputError: None of them is ``run``, or it has nothing of the kind to speak of.
            StorageError: It cannot be kept.
        """
        exchange = next((one for one in exchanges if one.id == run and one.state != "running"), None)
        if exchange is None or not self._is_there(exchange, key, value):
            raise BadInputError("this answer has nothing like that to speak of", "Load the page again")
        again = self._given.read().get(run, {}).get(key) == value
        self._given.give(run, key, "" if again else value, by=by)
        return not again

    def _is_there(self, exchange: Exchange, key: str, value: str) -> bool:
        kind, _, subject = key.partition(":")
        if kind == "hit":
            return any(hit.id == subject for step in exchange.steps for hit in step.hits)
        if kind == "right":
            asked = query(exchange, subject) is not None
            return asked and bool(value) and bool(self._library().get([value]))
        return key == "answer"

    def search(self, text: str) -> list[Passage]:
        """The passages to choose the right one from, the best first.

        Raises:
            BadInputError: The text is empty.
        """
        return [hit.passage for hit in self._library().search(text, OFFERED).hits]

    def trajectories(self, exchanges: Iterable[Exchange]) -> list[Trajectory]:
        """What was logged of the exchanges, with the feedback on it; else what was kept of them."""
        over = [one for one in exchanges if one.state != "running"]
        logged = self._log.find([one.id for one in over])
        found = (logged.get(one.id, one.trajectory) for one in over)
        return [trajectory for trajectory in found if trajectory is not None]

    def _titled(self, given: dict[str, str]) -> dict[str, str]:
        rights = {key: value for key, value in given.items() if key.startswith("right:")}
        if not rights:
            return given
        titles = dict[str, str]()
        with suppress(RaderError):  # without a library the ids have to do
            titles = {one.id: one.title for one in self._library().get(list(rights.values()))}
        return given | {key: titles.get(value) or value for key, value in rights.items()}


def query(exchange: Exchange, n: str) -> str | None:
    """What the look-up at step ``n`` asked; None where that step is no look-up."""
    asked = (step.text for step in exchange.steps if str(step.n) == n and step.action == "query")
    return next(asked, None)
