"""Names of strategies, and the baselines ``cot@n`` and ``rag@n``: many answers, one vote, a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.events import StepStarted
from agent.graph import build_graph
from agent.llm import ChatModel
from agent.solve import new_problem
from agent.state import AgentConfig, Plan, SampleConfig, parse_strategy
from agent.vote import child_seed
from retriever.errors import BadInputError
from tests.agent.helpers import (
    PROBLEM,
    VIETA,
    DyingServer,
    WordRetriever,
    actions,
    config,
    essence,
    finished,
    outcome,
    run,
    solver,
    texts,
)
from tests.agent.search_helpers import cycle, endings, key_of
from tests.scripted import ScriptedServer

ALL = SampleConfig(early_stop=False, parallel=1)


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("cot", Plan("cot")),
        ("rag", Plan("rag")),
        ("steps", Plan("steps")),
        ("mcts", Plan("mcts")),
        ("cot@1", Plan("cot", 1)),
        ("rag@64", Plan("rag", 64)),
    ],
)
def test_a_name_is_read(name: str, plan: Plan) -> None:
    assert parse_strategy(name) == plan


@pytest.mark.parametrize(
    "name",
    [
        "",
        "COT",
        "cot@",
        "cot@0",
        "cot@65",
        "cot@08",
        "cot@-1",
        "cot@8 ",
        "cot@8\n",
        "cot@٣",
        "steps@4",
        "mcts@2",
    ],
)
def test_another_name_is_refused_with_those_allowed(name: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_strategy(name)
    for allowed in ("cot", "rag", "steps", "mcts", "cot@n", "rag@n", "64"):
        assert allowed in caught.value.remedy


def test_the_fingerprint_of_the_default_configuration_is_what_it_was() -> None:
    """Trajectories of cot, rag and steps that were made before there was a search are found again."""
    assert AgentConfig().fingerprint == "109d8137c17085e6ab42cd10fe92f6b32a68e981566f8799ab0280948cf521f0"


def test_seeds_depend_on_seed_node_and_child() -> None:
    drawn = {child_seed(seed, node, child) for seed in range(3) for node in range(9) for child in range(4)}
    assert len(drawn) == 3 * 9 * 4
    assert all(0 <= seed < 2**31 for seed in drawn)
    assert child_seed(1, 2, 3) == child_seed(1, 2, 3)


async def test_n_answers_are_drawn_apart_and_the_majority_wins() -> None:
    with ScriptedServer(cycle("6", "0.5", r"\frac{1}{2}")) as server:
        given = solver(server, retriever=None, samples=ALL)
        trajectory = await outcome(given, new_problem(PROBLEM, answer="1/2"), "cot@6", seed=3)
        requests = server.requests
    assert (actions(trajectory), trajectory.strategy) == (["answer"] * 6, "cot@6")
    assert (trajectory.answer, trajectory.grade, trajectory.reward) == ("0.5", "correct", 1)
    assert len({texts(body) for body in requests}) == 1
    assert len({body["seed"] for body in requests}) == 6
    assert {(body["temperature"], body["top_p"], body["top_k"]) for body in requests} == {(0.8, 0.95, 40)}
    assert [step.n for step in trajectory.steps if step.chosen] == [2]
    assert [step.reward for step in trajectory.steps] == [0, 1, 1, 0, 1, 1]
    assert {step.visits for step in trajectory.steps} == {1}
    assert {step.parent for step in trajectory.steps} == {None}


async def test_rag_samples_read_what_was_found_once() -> None:
    retriever = WordRetriever()
    with ScriptedServer(cycle("5")) as server:
        given = solver(server, retriever=retriever, samples=ALL)
        trajectory = await outcome(given, strategy="rag@3")
        assert all(VIETA.text in texts(body) for body in server.requests)
        assert len(server.requests) == 3
    assert actions(trajectory) == ["query", "retrieve", *["answer"] * 3]
    assert [step.parent for step in trajectory.steps] == [None, 1, 2, 2, 2]
    assert retriever.queries == [(PROBLEM, 3, "hybrid", ("code",))]
    assert [step.n for step in trajectory.steps if step.chosen] == [1, 2, 3]


async def test_a_tie_goes_to_the_first_found() -> None:
    with ScriptedServer(cycle("6", "5", "5", "6")) as server:
        trajectory = await outcome(solver(server, samples=ALL), strategy="cot@4")
    assert trajectory.answer == "6"


async def test_it_stops_once_nothing_can_change() -> None:
    with ScriptedServer(cycle("5")) as server:
        given = solver(server, samples=SampleConfig(parallel=1))
        assert (await outcome(given, strategy="cot@8")).answer == "5"
        assert len(server.requests) == 5


@pytest.mark.parametrize(("budget", "answers"), [(1, 1), (4, 1), (5, 2), (12, 3), (13, 4), (10_000, 8)])
async def test_a_token_budget_ends_the_drawing(budget: int, answers: int) -> None:
    """Every answer costs four tokens: one is begun while less than the budget is spent."""
    given = SampleConfig(early_stop=False, parallel=1, token_budget=budget)
    with ScriptedServer(cycle("5")) as server:
        trajectory = await outcome(solver(server, samples=given), strategy="cot@8")
        assert len(server.requests) == answers
    assert trajectory.usage.completion_tokens == 4 * answers
    assert trajectory.answer == "5"


async def test_a_batch_does_not_overrun_the_budget_by_more_than_one_answer() -> None:
    given = SampleConfig(early_stop=False, parallel=8, token_budget=14)
    with ScriptedServer(cycle("5")) as server:
        trajectory = await outcome(solver(server, samples=given), strategy="cot@64")
    assert 14 <= trajectory.usage.completion_tokens < 14 + 4


async def test_batches_are_asked_for_at_once_and_numbered_in_order() -> None:
    with ScriptedServer(lambda body: rf"\boxed{{{body['seed'] % 2}}}") as server:
        given = solver(server, samples=SampleConfig(early_stop=False, parallel=4))
        events = await run(given, strategy="cot@6")
    trajectory = finished(events)
    assert [step.n for step in trajectory.steps] == [1, 2, 3, 4, 5, 6]
    assert [event.n for event in events if isinstance(event, StepStarted)] == [1, 2, 3, 4, 5, 6]
    seeds = [child_seed(0, 0, child) for child in range(6)]
    assert [step.text for step in trajectory.steps] == [rf"\boxed{{{seed % 2}}}" for seed in seeds]


@pytest.mark.parametrize("reply", ["", "no box at all", r"\boxed{", PROBLEM])
async def test_answers_without_a_box_do_not_vote(reply: str) -> None:
    with ScriptedServer([reply, reply, r"\boxed{5}", reply]) as server:
        trajectory = await outcome(solver(server, samples=ALL), new_problem(PROBLEM, answer="5"), "cot@4")
    assert (trajectory.answer, trajectory.grade) == ("5", "correct")
    assert [step.reward for step in endings(trajectory)] == [0, 0, 1, 0]
    with ScriptedServer([reply]) as server:
        trajectory = await outcome(solver(server, samples=ALL), new_problem(PROBLEM, answer="5"), "cot@2")
    assert (trajectory.answer, trajectory.grade, trajectory.reward) == (None, "ungradable", 0)


async def test_drawing_that_died_goes_on_and_draws_nothing_twice(tmp_path: Path) -> None:
    def reply(body: dict[str, Any]) -> str:
        return rf"It is now \boxed{{{body['seed'] % 3}}}."

    problem = new_problem(PROBLEM)
    with ScriptedServer(reply) as server:
        undisturbed = await outcome(solver(server, samples=ALL), problem, "rag@5")
    with DyingServer(reply, nth=3) as server:
        given = solver(server, samples=ALL, checkpoints=tmp_path / "c.sqlite")
        failed = await outcome(given, problem, "rag@5", run_id="r")
        server.revive()
        trajectory = await outcome(given, problem, "rag@5", run_id="r")
        keys = [key_of(body) for body in server.requests]
    assert (failed.outcome, failed.answer) == ("failed", undisturbed.steps[2].text[-3:-2])
    assert essence(trajectory.steps) == essence(undisturbed.steps)
    assert (len(keys), len(set(keys))) == (6, 5)


async def test_a_run_of_another_n_is_another_run(tmp_path: Path) -> None:
    with DyingServer(cycle("5"), nth=2) as server:
        given = solver(server, samples=ALL, checkpoints=tmp_path / "c.sqlite")
        await outcome(given, strategy="cot@4", run_id="r")
        server.revive()
        trajectory = await outcome(given, strategy="cot@5", run_id="r")
    assert trajectory.outcome == "failed"
    assert "another strategy" in trajectory.error


def test_sampling_with_retrieval_needs_a_retriever() -> None:
    with pytest.raises(BadInputError, match="needs a retriever"):
        build_graph("rag@4", ChatModel("http://127.0.0.1:1/v1", "m"), None)


async def test_the_fingerprint_follows_the_sampling() -> None:
    with ScriptedServer(cycle("5")) as server:
        one, other = solver(server), solver(server, samples=SampleConfig(token_budget=9))
        assert one.fingerprints("cot@4") != other.fingerprints("cot@4")
        assert one.fingerprints("cot") == other.fingerprints("cot")
        assert one.fingerprints("mcts") == other.fingerprints("mcts")
        assert one.config == config()
