"""The real defaults, end to end: the 1.5B model solves a problem with theorems from the shipped index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.events import Finished, StepDone, Token
from agent.solve import new_problem
from ui.assemble import Studio
from ui.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(shipped_home: Path) -> Iterator[Studio]:
    """Everything real."""
    studio = Studio(Settings(home=shipped_home))
    yield studio
    studio.close()


async def test_a_problem_is_solved_with_a_theorem(studio: Studio) -> None:
    problem = new_problem("Find the sum of the roots of $3x^2 - 12x + 7 = 0$.", answer="4")
    events = [event async for event in studio.solver().solve(problem, "steps")]
    trajectory = events[-1].trajectory if isinstance(events[-1], Finished) else None
    assert trajectory is not None
    assert (trajectory.answer, trajectory.grade, trajectory.reward) == ("4", "correct", 1)
    assert sum(isinstance(event, Token) for event in events) > 10
    retrieved = [step for step in trajectory.steps if step.action == "retrieve"]
    assert any("Vieta" in hit.title for step in retrieved for hit in step.hits)
    reflected = [hit for step in trajectory.steps if step.action == "reflect" for hit in step.hits]
    assert all(hit.verdict is not None and hit.reason for hit in reflected)
    shown = [event for event in events if isinstance(event, StepDone) and event.step.action == "retrieve"]
    assert all(set(event.passages) == {hit.id for hit in event.step.hits} for event in shown)


def test_the_run_is_in_the_log(studio: Studio) -> None:
    lines = (studio.settings.home / "trajectories.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["grade"] == "correct"


def test_the_shipped_index_holds_theorems_and_code(studio: Studio) -> None:
    kinds = studio.retriever.index.info.kinds
    assert sum(count for kind, count in kinds.items() if kind != "code") >= 600
    assert kinds["code"] >= 1000


def test_the_retriever_that_ships_serves(studio: Studio) -> None:
    assert studio.encoder.name == "rader-minilm"
    found = studio.retriever_for("rader").search("two unknowns enter only by their sum and product", 5)
    assert (found.retriever, found.note) == ("rader", "")
    assert any("Symmetric Systems" in hit.passage.title for hit in found.hits)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("I know the three side lengths of a triangle and want its area", "Heron"),
        ("the remainder of a huge power modulo a prime", "Fermat"),
        ("bound a sum of products by sums of squares", "Cauchy"),
    ],
)
def test_reasoning_finds_the_theorem(studio: Studio, query: str, title: str) -> None:
    found = studio.retriever.search(query, 10, without=("code",))
    assert any(title in hit.passage.title for hit in found.hits)
