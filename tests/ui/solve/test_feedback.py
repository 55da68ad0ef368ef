"""Feedback is checked against the run that it speaks of, and kept beside the log."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from agent.feedback import FeedbackLog, beside
from agent.log import TrajectoryLog
from agent.records import Problem, Step, StepHit
from retriever.errors import BadInputError, IndexMissingError
from retriever.search import Retriever
from tests.agent.test_records import trajectory
from training.trajectories.episodes import episodes
from ui.solve.choices import Choices
from ui.solve.conversations import Exchange
from ui.solve.feedback import Feedback, query

HIT = StepHit(id="am-gm", title="AM-GM inequality", score=1.0, verdict="irrelevant")
STEPS = (
    Step(n=1, action="think", text="Look."),
    Step(n=2, action="query", text="roots", parent=1),
    Step(n=3, action="retrieve", text="1 passages", parent=2, hits=(HIT,)),
    Step(n=4, action="reflect", text="0 of 1 relevant", parent=3, hits=(HIT,)),
    Step(n=5, action="answer", text=r"\boxed{5}", parent=4),
)
LOGGED = trajectory(id="run", steps=STEPS)


def exchange(run: str = "run", **changes: object) -> Exchange:
    given = {"state": "finished", "trajectory": LOGGED} | changes
    return Exchange(id=run, problem=Problem(id="p", problem="$x$?"), choices=Choices(), **given)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> TrajectoryLog:
    """A log that holds the run."""
    log = TrajectoryLog(tmp_path / "trajectories.jsonl")
    log.append(LOGGED)
    return log


@pytest.fixture
def feedback(log: TrajectoryLog, retriever: Retriever) -> Feedback:
    return Feedback(log, lambda: retriever)


def test_what_is_said_holds_until_it_is_said_again(feedback: Feedback, log: TrajectoryLog) -> None:
    assert feedback.say([exchange()], "run", "answer", "up", by="ada")
    assert feedback.say([exchange()], "run", "hit:am-gm", "down")
    assert feedback.say([exchange()], "run", "right:2", "vieta")
    assert feedback.said([exchange()]) == {"run": {"answer": "up", "hit:am-gm": "down", "right:2": "Vieta"}}
    assert feedback.say([exchange()], "run", "answer", "down")
    assert not feedback.say([exchange()], "run", "answer", "down")
    assert not feedback.say([exchange()], "run", "right:2", "vieta")
    assert feedback.said([exchange()]) == {"run": {"hit:am-gm": "down"}}
    assert '"by": "ada"' in beside(log.path).read_text()


@pytest.mark.parametrize(
    ("run", "key", "value"),
    [
        ("another", "answer", "up"),
        ("", "answer", "up"),
        ("run", "answer", "maybe"),
        ("run", "hit:vieta", "up"),  # it is in the library, but this run never found it
        ("run", "hit:", "up"),
        ("run", "right:1", "vieta"),  # a thought
        ("run", "right:9", "vieta"),
        ("run", "right:2", "nowhere"),
        ("run", "right:2", ""),
        ("run", "training", "approved"),
        ("run", "x" * 1000, "up"),
    ],
)
def test_what_the_run_does_not_have_is_refused(
    feedback: Feedback, log: TrajectoryLog, run: str, key: str, value: str
) -> None:
    with pytest.raises(BadInputError):
        feedback.say([exchange()], run, key, value)
    assert not beside(log.path).exists()


def test_a_run_under_way_cannot_be_spoken_of_and_a_stopped_one_can(feedback: Feedback) -> None:
    under_way = exchange(state="running", trajectory=None, written=STEPS)
    stopped = under_way.model_copy(update={"state": "stopped"})
    assert feedback.said([under_way]) == {}
    with pytest.raises(BadInputError):
        feedback.say([under_way], "run", "answer", "up")
    assert feedback.said([stopped]) == {"run": {}}
    assert feedback.say([stopped], "run", "hit:am-gm", "up")


def test_without_a_library_the_right_one_has_its_id(log: TrajectoryLog) -> None:
    def missing() -> NoReturn:
        raise IndexMissingError("there is no index yet", "Run: rader index")

    FeedbackLog(beside(log.path)).give("run", "right:2", "vieta")
    assert Feedback(log, missing).said([exchange()]) == {"run": {"right:2": "vieta"}}
    with pytest.raises(IndexMissingError):
        Feedback(log, missing).search("roots")


def test_the_library_offers_passages_to_choose_from(feedback: Feedback) -> None:
    assert "am-gm" in {passage.id for passage in feedback.search("inequality")}
    with pytest.raises(BadInputError):
        feedback.search("  ")
    assert query(exchange(), "2") == "roots"
    assert query(exchange(), "1") is None


def test_what_is_saved_is_the_log_with_feedback_else_what_was_kept(feedback: Feedback) -> None:
    feedback.say([exchange()], "run", "answer", "up")
    unlogged = trajectory(id="unlogged")
    exchanges = [exchange("unlogged", trajectory=unlogged), exchange(), exchange("stopped", trajectory=None)]
    assert feedback.trajectories(exchanges) == [
        unlogged,
        LOGGED.model_copy(update={"feedback": {"answer": "up"}}),
    ]


def test_what_is_said_teaches(feedback: Feedback, log: TrajectoryLog) -> None:
    assert [*episodes(*log.read(), approved=True)] == []
    feedback.say([exchange()], "run", "answer", "up")
    feedback.say([exchange()], "run", "right:2", "vieta")
    [learned] = episodes(*log.read(), approved=True)
    assert learned.positives == ("vieta",)
