"""The agent over hostile problems, passages and replies: every run ends, is logged, and tells no secret.

What a real model makes of an order hidden in a theorem, a scripted one cannot tell; that is measured
(``benchmarks/RESULTS.md``, Hostile text).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from agent.grading import Grader
from agent.llm import ChatModel
from agent.log import TrajectoryLog
from agent.solve import Solver, new_problem
from retriever.corpus import passage_of
from retriever.errors import BadInputError
from retriever.passage import Passage
from tests.agent.conftest import grader
from tests.agent.helpers import (
    PASSAGES,
    PROBLEM,
    Mind,
    WordRetriever,
    config,
    finished,
    logged,
    run,
    texts,
    usual_mind,
    verdicts,
)
from tests.hostile.inputs import TEXTS, Input
from tests.scripted import ScriptedServer

__all__ = ["grader"]

KEY = "sk-nobody-may-see-this"
CONTROL = re.compile(r"<\|[^\s<>|]{1,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>")
HITS = 8
PASSAGE_FIELDS = ("id", "title", "text", "use_when", "source")

pytestmark = pytest.mark.timeout(180)


def together() -> list[list[Input]]:
    """Inputs of one run: a problem, a reply, or some passages at once."""
    alone = [[each] for each in TEXTS if each.field not in PASSAGE_FIELDS]
    passages = [each for each in TEXTS if each.field in PASSAGE_FIELDS]
    return alone + [passages[start : start + HITS] for start in range(0, len(passages), HITS)]


def placed(given: list[Input]) -> tuple[str, list[Passage], Mind]:
    """A problem, passages and a mind, one of them hostile."""
    first, mind = given[0], usual_mind(reflect=verdicts(*[True] * HITS))
    if first.field == "problem":
        return first.text, list(PASSAGES), mind
    if first.field == "reply":
        replies: dict[str, Any] = dict.fromkeys(("write", "query", "reflect", "summarise", "box"), first.text)
        return PROBLEM, list(PASSAGES), Mind(**replies)
    rows = [
        {"id": f"p{n}", "text": "the sum of roots"} | {each.field: each.text} for n, each in enumerate(given)
    ]
    return PROBLEM, [found for row in rows if isinstance(found := passage_of(row), Passage)], mind


def assert_one_line(error: Exception) -> None:
    assert "\n" not in str(error)


@pytest.mark.parametrize("given", together(), ids=lambda given: given[0].id)
@pytest.mark.usefixtures("grader")
async def test_every_run_ends_is_logged_and_asks_in_plain_words(given: list[Input], tmp_path: Path) -> None:
    log = TrajectoryLog(tmp_path / "trajectories.jsonl")
    problem, passages, mind = placed(given)
    try:
        asked = new_problem(problem, answer="5")
    except BadInputError as error:
        assert_one_line(error)
        return
    with ScriptedServer(mind) as server:
        model = ChatModel(server.url, "scripted", api_key=KEY, timeout=60.0)
        solver = Solver(model, WordRetriever(passages), config(hits=HITS), log)
        trajectory = finished(await run(solver, asked))
    assert "\n" not in trajectory.error
    assert trajectory.outcome == ("failed" if "far more than" in trajectory.error else "finished")
    assert given[0].kind == "bombs" or trajectory.grade in ("correct", "wrong", "ungradable")
    assert logged(log) == [trajectory]
    for body in server.requests:
        assert KEY not in texts(body)
        assert not CONTROL.search(texts(body))
    found = {hit.id for step in trajectory.steps for hit in step.hits}
    assert found <= {passage.id for passage in passages}


@pytest.mark.usefixtures("grader")
def test_no_formula_holds_up_who_waits(grader: Grader) -> None:
    """What takes too long costs its worker its life; who asked goes on."""
    for given in TEXTS:
        if given.kind in ("bombs", "unicode", "secrets"):
            grader.ask("check", given.text, seconds=4.0)
            grader.ask("equal", given.text, "5", seconds=4.0)
    assert grader.equal("2+3", "5", 60.0) is True
