"""The strategies over a scripted mind: what is told in which order, and what the model reads."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.events import StepDone, StepStarted, Token
from agent.graph import build_graph
from agent.llm import ChatModel
from agent.state import AgentConfig
from retriever.errors import BadInputError
from tests.agent.helpers import (
    AM_GM,
    FERMAT,
    PROBLEM,
    SIEVE,
    STRATEGIES,
    USUAL,
    VIETA,
    WordRetriever,
    actions,
    config,
    finished,
    outcome,
    run,
    solver,
    texts,
    usual_mind,
)
from tests.scripted import ScriptedServer


async def test_cot_answers_at_once() -> None:
    with ScriptedServer([r"First this. So \boxed{5}."]) as server:
        events = await run(solver(server, retriever=None), strategy="cot")
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["StepStarted", *["Token"] * 4, "StepDone", "Finished"]
    assert "".join(event.text for event in events if isinstance(event, Token)) == r"First this. So \boxed{5}."
    trajectory = finished(events)
    assert (actions(trajectory), trajectory.answer, trajectory.outcome) == (["answer"], "5", "finished")
    assert trajectory.usage.calls == 1


async def test_cot_knows_no_retriever() -> None:
    retriever = WordRetriever()
    with ScriptedServer([r"\boxed{5}"]) as server:
        await run(solver(server, retriever=retriever), strategy="cot")
        assert VIETA.text not in texts(server.requests[0])
    assert retriever.queries == []


async def test_rag_retrieves_on_the_question_and_shows_what_it_found() -> None:
    retriever = WordRetriever()
    with ScriptedServer([r"So \boxed{5}."]) as server:
        trajectory = await outcome(solver(server, retriever=retriever), strategy="rag")
        [request] = server.requests
    assert (actions(trajectory), trajectory.answer) == (["query", "retrieve", "answer"], "5")
    assert retriever.queries == [(PROBLEM, 3, "hybrid", ("code",))]
    for passage in (VIETA, AM_GM, FERMAT):
        assert passage.text in texts(request)
    assert SIEVE.text not in texts(request)
    assert PROBLEM in request["messages"][-1]["content"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_step_starts_streams_and_is_done_before_the_next(strategy: str) -> None:
    with ScriptedServer(usual_mind()) as server:
        events = await run(solver(server), strategy=strategy)
    steps = finished(events).steps
    under_way = 0
    for event in events[:-1]:
        if isinstance(event, StepStarted):
            assert event.n == under_way + 1
            under_way = event.n
        elif isinstance(event, Token):
            assert event.n == under_way
        elif isinstance(event, StepDone):
            assert event.step == steps[under_way - 1]
    assert sum(isinstance(event, StepStarted) for event in events) == len(steps)
    assert [event.step for event in events if isinstance(event, StepDone)] == list(steps)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_steps_are_numbered_and_follow_each_other(strategy: str) -> None:
    with ScriptedServer(usual_mind()) as server:
        trajectory = await outcome(solver(server), strategy=strategy)
    assert [step.n for step in trajectory.steps] == list(range(1, len(trajectory.steps) + 1))
    assert trajectory.steps[0].parent is None
    assert all(later.parent == earlier.n for earlier, later in pairwise(trajectory.steps))


async def test_the_streamed_text_is_the_text_of_the_step() -> None:
    with ScriptedServer(usual_mind()) as server:
        events = await run(solver(server))
    for step in finished(events).steps:
        streamed = "".join(event.text for event in events if isinstance(event, Token) and event.n == step.n)
        assert streamed.strip() == ("" if step.action in ("retrieve", "reflect") else step.text)


async def test_whoever_watches_gets_the_full_passages() -> None:
    with ScriptedServer(usual_mind()) as server:
        events = await run(solver(server))
    given = {event.step.action: event.passages for event in events if isinstance(event, StepDone)}
    assert given["retrieve"] == given["reflect"] == {"vieta": VIETA, "am-gm": AM_GM, "fermat": FERMAT}
    assert given["summarise"] == {"vieta": VIETA}
    assert given["think"] == given["answer"] == {}


async def test_requests_keep_to_the_limits_of_the_configuration() -> None:
    mind, settings = (
        usual_mind(),
        config(step_tokens=33, answer_tokens=77, temperature=0.5, top_p=0.8, depth=1),
    )
    with ScriptedServer(mind) as server:
        await run(solver(server, config=settings), seed=11)
    limits = [each.get("max_tokens", each.get("max_completion_tokens")) for each in mind.asked["write"]]
    assert limits == [33, 77]
    sampled = {(each["temperature"], each["top_p"], each["seed"]) for each in server.requests}
    assert sampled == {(0.5, 0.8, 11)}


@pytest.mark.parametrize(
    "literal", ["{{problem}} {{passages}} {{title}}", "${x} $HOME $1", "{x} {} {0!r} %s %(a)s", "<im_end>"]
)
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_templates_in_a_problem_stay_what_they_are(literal: str, strategy: str) -> None:
    problem = f"Compute $1+1$ with {literal} in it"
    with ScriptedServer(usual_mind()) as server:
        trajectory = await outcome(solver(server), problem, strategy)
        assert all(texts(request).count(problem) == 1 for request in server.requests)
    assert trajectory.problem == problem


@pytest.mark.parametrize("owner", ["llamacpp", "vllm", "openai"])
async def test_every_kind_of_server_gets_to_the_answer(owner: str) -> None:
    mind = usual_mind()
    with ScriptedServer(mind, owned_by=owner) as server:
        trajectory = await outcome(solver(server))
    assert (actions(trajectory), trajectory.answer) == (USUAL, "5")
    roles = [request["messages"][-1]["role"] for request in mind.asked["write"]]
    assert roles == ["user", "user" if owner == "openai" else "assistant"]


def test_an_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="nonsense") as caught:
        build_graph("nonsense", ChatModel("http://127.0.0.1:1/v1", "m"), WordRetriever())  # type: ignore[arg-type]
    assert all(name in caught.value.remedy for name in ("cot", "rag", "steps"))


@pytest.mark.parametrize("strategy", ["rag", "steps"])
def test_retrieving_without_a_retriever_is_refused(strategy: str) -> None:
    with pytest.raises(BadInputError, match="needs a retriever"):
        build_graph(strategy, ChatModel("http://127.0.0.1:1/v1", "m"), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "field", [{"depth": 0}, {"hits": 0}, {"step_tokens": 1}, {"temperature": -1}, {"depht": 3}]
)
def test_a_configuration_that_makes_no_sense_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        AgentConfig(**field)


def test_the_fingerprint_of_a_configuration_follows_every_value() -> None:
    assert AgentConfig().fingerprint == AgentConfig().fingerprint
    assert AgentConfig().fingerprint != AgentConfig(depth=5).fingerprint
