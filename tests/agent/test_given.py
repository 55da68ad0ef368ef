"""A step that a person changed, and the run that goes on from there, by every strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.given import MOST_CHARS, given
from agent.records import Check, Continues, Step, StepHit, Trajectory
from agent.state import SearchConfig
from retriever.errors import BadInputError
from tests.agent.helpers import DyingServer, actions, config, outcome, solver, texts, usual_mind, verdicts
from tests.agent.search_helpers import SearchMind, searcher
from tests.scripted import ScriptedServer

ONE_ROLLOUT = SearchConfig(rollouts=1)
HIT = StepHit(id="vieta", title="Vieta's Formulas", score=1.0, verdict="relevant")
FAILS = Check(claim="1=2", verdict="fails", span=(0, 3))
LINE = (
    Step(n=1, action="think", text="Guess.", checks=(FAILS,), ms=5.0),
    Step(n=2, action="query", text="sums of roots", parent=1),
    Step(n=3, action="retrieve", text="1 passages", hits=(HIT,), parent=2),
    Step(n=4, action="reflect", text="1 of 1 relevant", hits=(HIT,), parent=3),
    Step(n=5, action="summarise", text="Minus b.", hits=(HIT,), parent=4, tokens=3),
    Step(n=6, action="answer", text=r"So \boxed{6}.", parent=5),
)
TREE = (
    Step(n=1, action="answer", text=r"\boxed{1}", reward=0, visits=1, value=0),
    Step(n=2, action="query", text="roots", visits=1, value=1, chosen=True),
    Step(n=3, action="think", text="Another way.", pruned="empty"),
    Step(n=4, action="retrieve", text="1 passages", hits=(HIT,), parent=2),
    Step(n=5, action="reflect", text="1 of 1 relevant", hits=(HIT,), parent=4),
    Step(n=6, action="summarise", text="Minus b.", hits=(HIT,), parent=5, visits=1, value=1),
)


def made(strategy: str, n: int, text: str, steps: tuple[Step, ...] = LINE, **more: Any) -> dict[str, Any]:
    """Arguments of a run that goes on from a step."""
    return {"strategy": strategy, "given": given("before", steps, n, text), **more}


def sent(server: ScriptedServer) -> str:
    """What the model was asked to go on with, last."""
    return str(server.requests[-1]["messages"][-1]["content"])


def test_the_steps_up_to_the_changed_one() -> None:
    found = given("before", LINE, 5, "  It is b. ")
    assert found.continues == Continues(trajectory="before", step=5)
    assert [step.text for step in found.steps] == [*(step.text for step in LINE[:4]), "It is b."]
    assert found.steps[0].checks == LINE[0].checks  # its text is the same
    assert found.steps[4].hits == (HIT,)
    assert {(step.ms, step.tokens) for step in found.steps} == {(0.0, 0)}  # it cost this run nothing


def test_of_a_tree_only_the_path_and_without_its_marks() -> None:
    steps = given("before", TREE, 6, "Plus b.").steps
    assert [(step.n, step.parent, step.action) for step in steps] == [
        (1, None, "query"),
        (2, 1, "retrieve"),
        (3, 2, "reflect"),
        (4, 3, "summarise"),
    ]
    assert all(step.visits is None and not step.chosen for step in steps)


def test_a_changed_answer_is_a_thought_and_its_checks_are_those_of_the_new_text() -> None:
    check = Check(claim="2+3=5", verdict="holds", span=(0, 5))
    last = given("before", LINE, 6, "2+3=5", [check]).steps[-1]
    assert (last.action, last.checks) == ("think", (check,))


@pytest.mark.parametrize(
    ("n", "text", "reason"),
    [
        (0, "x", "no step 0"),
        (7, "x", "no step 7"),
        (3, "x", "no step 3"),
        (1, " \n", "empty"),
        (1, "x" * (MOST_CHARS + 1), "at most"),
        (1, r"So \boxed{5}", "the answer already"),
    ],
)
def test_what_cannot_stand_there_is_refused(n: int, text: str, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason) as caught:
        given("before", LINE, n, text)
    assert len(str(caught.value).splitlines()) == 1


# Runs


async def test_a_changed_thought_is_what_the_model_goes_on_from() -> None:
    with ScriptedServer(usual_mind(write=r"The sum is $5$, so \boxed{5}.")) as server:
        done = await outcome(solver(server), **made("steps", 1, "Use Vieta."))
        first = texts(server.requests[0])
    assert actions(done) == ["think", "query", "retrieve", "reflect", "summarise", "answer"]
    assert done.steps[0].text == "Use Vieta."
    assert "Use Vieta." in first
    assert "Guess." not in first
    assert (done.answer, done.continues) == ("5", Continues(trajectory="before", step=1))
    assert Trajectory.model_validate_json(done.to_json()) == done


async def test_a_changed_query_is_searched_at_once() -> None:
    with ScriptedServer(usual_mind(write=r"So \boxed{5}.")) as server:
        done = await outcome(solver(server), **made("steps", 2, "a prime p not dividing a"))
    assert actions(done) == ["think", "query", "retrieve", "reflect", "summarise", "answer"]
    assert done.steps[2].hits[0].id == "fermat"


async def test_a_changed_recall_and_a_changed_answer_are_thought_on_from() -> None:
    with ScriptedServer(usual_mind(write=r"So \boxed{5}.")) as server:
        recalled = await outcome(solver(server), **made("steps", 5, "Plus b."))
        assert "Plus b." in sent(server)
        thought = await outcome(solver(server), **made("steps", 6, "It is their sum."))
    assert actions(recalled)[-2:] == ["summarise", "answer"]
    assert actions(thought)[5] == "think"
    assert thought.answer == "5"


async def test_the_last_thought_allowed_is_followed_by_the_answer() -> None:
    with ScriptedServer(usual_mind(write=r"So \boxed{5}.")) as server:
        done = await outcome(solver(server, config=config(depth=1)), **made("steps", 1, "Use Vieta."))
    assert actions(done) == ["think", "answer"]


@pytest.mark.parametrize("strategy", ["cot", "cot@2"])
async def test_without_look_ups_the_text_is_gone_on_with(strategy: str) -> None:
    answer = (Step(n=1, action="answer", text=r"So \boxed{6}."),)
    with ScriptedServer([r" = 5, so \boxed{5}."]) as server:
        done = await outcome(solver(server), **made(strategy, 1, "The sum is 2 + 3", answer))
        assert sent(server).startswith("The sum is 2 + 3")
    assert actions(done)[:2] == ["think", "answer"]
    assert done.answer == "5"


@pytest.mark.parametrize("strategy", ["rag", "rag@2"])
async def test_rag_keeps_what_was_found_or_looks_up_anew(strategy: str) -> None:
    found = (
        Step(n=1, action="query", text="the roots"),
        Step(n=2, action="retrieve", text="1 passages", hits=(HIT,), parent=1),
        Step(n=3, action="answer", text=r"So \boxed{6}.", parent=2),
    )
    with ScriptedServer([r"so \boxed{5}."]) as server:
        kept = await outcome(solver(server), **made(strategy, 3, "The sum is 5", found))
        assert "sum $-b$ and product" in texts(server.requests[-1])
        assert sent(server).startswith("The sum is 5")
        anew = await outcome(solver(server), **made(strategy, 1, "a prime p not dividing a", found))
    assert actions(kept)[:4] == ["query", "retrieve", "think", "answer"]
    assert anew.steps[1].hits[0].id == "fermat"


@pytest.mark.parametrize(("n", "text"), [(6, "Plus b."), (2, "a prime p not dividing a")])
async def test_a_search_grows_below_the_changed_step(n: int, text: str) -> None:
    with ScriptedServer(SearchMind(reflect=verdicts(True, False, False))) as server:
        done = await outcome(searcher(server, ONE_ROLLOUT), **made("mcts", n, text, TREE))
    changed = next(step for step in done.steps if step.text == text)
    assert (changed.visits, changed.chosen) == (1, True)
    assert next(step.parent for step in done.steps if step.n > changed.n) == changed.n
    assert done.answer == "5"


async def test_a_search_goes_on_below_it_for_all_its_rollouts() -> None:
    with ScriptedServer(SearchMind()) as server:
        search = SearchConfig(rollouts=3, early_stop=False)
        done = await outcome(searcher(server, search), **made("mcts", 6, "Plus b.", TREE))
    below = {4}
    for step in done.steps:
        if step.parent in below:
            below.add(step.n)
    assert {step.n for step in done.steps} == {1, 2, 3, *below}
    assert done.steps[3].visits == 3


async def test_a_run_cut_off_after_a_change_goes_on(tmp_path: Path) -> None:
    with DyingServer(usual_mind(write=r"So \boxed{5}."), nth=2) as server:
        one = solver(server, checkpoints=tmp_path / "checkpoints.sqlite")
        arguments = made("steps", 1, "Use Vieta.", run_id="r")
        failed = await outcome(one, **arguments)
        server.revive()
        done = await outcome(one, **arguments)
    assert (failed.outcome, done.outcome, done.answer) == ("failed", "finished", "5")
    assert done.steps[0].text == "Use Vieta."
    assert [step.n for step in done.steps] == list(range(1, len(done.steps) + 1))
