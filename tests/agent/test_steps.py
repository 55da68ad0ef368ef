"""The strategy `steps`: think, ask, retrieve, judge, recall, go on; and its limits."""

from __future__ import annotations

import pytest

from tests.agent.helpers import (
    AM_GM,
    FERMAT,
    SIEVE,
    STRATEGIES,
    USUAL,
    VIETA,
    Mind,
    WordRetriever,
    actions,
    config,
    finished,
    outcome,
    run,
    solver,
    steps_of,
    texts,
    usual_mind,
    verdicts,
)
from tests.scripted import ScriptedServer


async def test_steps_think_retrieve_reflect_and_answer() -> None:
    with ScriptedServer(usual_mind()) as server:
        trajectory = await outcome(solver(server))
    assert actions(trajectory) == USUAL
    assert [step.text for step in trajectory.steps] == [
        "Compare the coefficients.",
        "the sum of the roots of a quadratic and its product",
        "3 passages",
        "1 of 3 relevant",
        "The roots have sum minus b.",
        r"The sum is $5$, so \boxed{5}.",
    ]
    assert (trajectory.answer, trajectory.outcome, trajectory.error) == ("5", "finished", "")


async def test_what_a_thought_claims_is_checked_and_logged_with_it() -> None:
    thought = "We add: $3+4=8$ and $x=1$."
    mind = Mind(write=[thought, r"So 8 - 1 = 7, \boxed{7}."], query="NONE")
    with ScriptedServer(mind) as server:
        events = await run(solver(server))
    first, last = finished(events).steps[0], finished(events).steps[-1]
    assert [(one.claim, one.verdict) for one in first.checks] == [("3+4=8", "fails"), ("x=1", "unknown")]
    assert [thought[slice(*one.span)] for one in first.checks] == ["3+4=8", "x=1"]
    assert [(one.claim, one.verdict) for one in last.checks] == [("8 - 1 = 7", "holds")]
    assert steps_of(events, "think")[0].checks == first.checks  # the watcher is told at once


async def test_a_reflect_step_says_of_every_hit_whether_it_helps_and_why() -> None:
    with ScriptedServer(usual_mind()) as server:
        events = await run(solver(server))
    [retrieved], [reflected] = steps_of(events, "retrieve"), steps_of(events, "reflect")
    assert (
        [hit.id for hit in retrieved.hits]
        == [hit.id for hit in reflected.hits]
        == ["vieta", "am-gm", "fermat"]
    )
    assert [hit.verdict for hit in retrieved.hits] == [None, None, None]
    assert [(hit.verdict, hit.reason) for hit in reflected.hits] == [
        ("relevant", "it fits"),
        ("irrelevant", "its conditions fail"),
        ("irrelevant", "its conditions fail"),
    ]
    assert [hit.title for hit in reflected.hits] == [VIETA.title, AM_GM.title, FERMAT.title]
    assert all(hit.parts == {"bm25": hit.score} for hit in reflected.hits)


async def test_a_relevant_hit_is_recalled_and_an_irrelevant_one_never_again() -> None:
    mind = usual_mind(
        write=["Compare.", "Go on with it.", r"\boxed{5}"], query=["the sum of the roots", "NONE"]
    )
    with ScriptedServer(mind) as server:
        await run(solver(server))
    later = [*mind.asked["write"][1:], *mind.asked["query"][1:]]
    assert len(later) == 3
    for request in later:
        assert "The roots have sum minus b." in texts(request)
        assert VIETA.title in texts(request)
        for unseen in (AM_GM, FERMAT):
            assert unseen.title not in texts(request)
            assert unseen.text not in texts(request)


async def test_where_nothing_is_relevant_nothing_is_recalled() -> None:
    mind = usual_mind(reflect=verdicts(False, False, False))
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server))
    assert actions(trajectory) == ["think", "query", "retrieve", "reflect", "answer"]
    for passage in (VIETA, AM_GM, FERMAT):
        assert passage.title not in texts(mind.asked["write"][-1])


@pytest.mark.parametrize("garbage", ["", "I think all of them help.", '{"verdicts": [{"reason": "cut of'])
async def test_an_unreadable_verdict_is_no_reason_to_use_a_hit(garbage: str) -> None:
    with ScriptedServer(usual_mind(reflect=garbage)) as server:
        events = await run(solver(server))
    [reflected] = steps_of(events, "reflect")
    assert {hit.verdict for hit in reflected.hits} == {"irrelevant"}
    assert all("verdict" in hit.reason for hit in reflected.hits)
    assert finished(events).answer == "5"


async def test_the_verdicts_are_asked_for_in_a_schema_of_their_number() -> None:
    mind = usual_mind(reflect=verdicts(True, False))
    with ScriptedServer(mind) as server:
        await run(solver(server, config=config(hits=2)))
    [request] = mind.asked["reflect"]
    array = request["response_format"]["json_schema"]["schema"]["properties"]["verdicts"]
    assert (array["minItems"], array["maxItems"]) == (2, 2)
    assert VIETA.text in texts(request)
    assert FERMAT.text not in texts(request)


@pytest.mark.parametrize("said", ["NONE", "none.", '"NONE"', "NONE, only arithmetic is left", ""])
async def test_a_query_of_none_skips_retrieval(said: str) -> None:
    retriever = WordRetriever()
    with ScriptedServer(usual_mind(query=said)) as server:
        trajectory = await outcome(solver(server, retriever=retriever))
    assert (actions(trajectory), trajectory.answer) == (["think", "query", "answer"], "5")
    assert trajectory.steps[1].text == ""
    assert retriever.queries == []


async def test_a_search_that_finds_nothing_goes_on_thinking() -> None:
    with ScriptedServer(usual_mind()) as server:
        trajectory = await outcome(solver(server, retriever=WordRetriever([SIEVE])))
    assert actions(trajectory) == ["think", "query", "retrieve", "answer"]
    assert trajectory.steps[2].hits == ()


async def test_what_was_found_before_is_not_judged_again() -> None:
    mind = usual_mind(write=["Compare.", "Compare more.", r"\boxed{5}"])
    with ScriptedServer(mind) as server:
        events = await run(solver(server))
    first, second = steps_of(events, "retrieve")
    assert (len(first.hits), second.hits) == (3, ())
    assert len(mind.asked["reflect"]) == 1


@pytest.mark.parametrize("depth", [1, 2, 4])
async def test_no_more_thoughts_than_the_depth_allows(depth: int) -> None:
    mind = usual_mind(write="Thinking of $x$.", query="NONE")
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server, config=config(depth=depth)))
    assert actions(trajectory) == [*["think", "query"] * (depth - 1), "think", "answer"]
    assert trajectory.answer == "5"


@pytest.mark.parametrize("allowed", [0, 1, 2])
async def test_no_more_retrievals_than_allowed(allowed: int) -> None:
    queries = ["sum of the roots", "prime not dividing", "the sum is at least"]
    mind = usual_mind(write=["Thinking of $x$."] * 4 + [r"\boxed{5}"], query=queries, reflect=verdicts(False))
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server, config=config(max_retrievals=allowed, depth=4, hits=1)))
    assert actions(trajectory).count("retrieve") == actions(trajectory).count("query") == allowed


async def test_a_thought_goes_on_until_it_has_enough_words() -> None:
    mind = usual_mind(write=["One.", "Two.", "Three four five.", r"\boxed{5}"], query="NONE")
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server, config=config(step_chars=20)))
    assert [step.text for step in trajectory.steps] == ["One.\n\nTwo.\n\nThree four five.", "", r"\boxed{5}"]


async def test_a_solution_without_a_box_gets_one() -> None:
    mind = Mind(write=["Let $x$ be it.", "It is five."], query="NONE", box=r"\frac{5}{1}}$ as claimed")
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server, config=config(depth=1)))
    assert trajectory.answer == r"\frac{5}{1}"
    assert trajectory.steps[-1].text.startswith("It is five.")
    [request] = mind.asked["box"]
    assert request["messages"][-1]["content"].startswith("Let $x$ be it.")


async def test_a_model_with_nothing_more_to_say_gets_its_box_too() -> None:
    mind = Mind(write=["The sum is $5$.", ""], query="NONE", box="5}$")
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server))
    assert (trajectory.answer, trajectory.outcome) == ("5", "finished")


async def test_a_text_without_mathematics_gets_a_plain_answer() -> None:
    mind = Mind(write=["Hello, ask me something.", "Bye."])
    with ScriptedServer(mind) as server:
        trajectory = await outcome(solver(server), "Hello there")
    assert trajectory.answer is None
    assert trajectory.outcome == "finished"
    assert trajectory.steps[0].text == "Hello, ask me something."
    assert not any("boxed" in step.text for step in trajectory.steps)
    assert {"query", "retrieve"} & set(actions(trajectory)) == set()


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_one_solution_leaves_top_k_to_the_server(strategy: str) -> None:
    with ScriptedServer(usual_mind()) as server:
        await outcome(solver(server), strategy=strategy)
        assert server.requests
        assert not [body for body in server.requests if "top_k" in body]
