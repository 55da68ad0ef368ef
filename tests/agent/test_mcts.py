"""The search over a scripted mind: its tree, its requests, its rewards, its vote."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest

from agent.events import Grown, StepDone, StepStarted
from agent.nodes import PARAGRAPH
from agent.prompts import load
from agent.records import Problem
from agent.solve import new_problem
from agent.state import PRESETS, SearchConfig
from agent.transcript import solution
from tests.agent.helpers import (
    AM_GM,
    PROBLEM,
    SIEVE,
    WordRetriever,
    actions,
    config,
    essence,
    finished,
    outcome,
    run,
    solver,
    texts,
    verdicts,
)
from tests.agent.search_helpers import SearchMind, children, cycle, endings, key_of, searcher
from tests.scripted import ScriptedServer

ALL = SearchConfig(early_stop=False)
GOLD = ALL.collecting()


def asked(answer: str | None = "5", problem: str = PROBLEM) -> Problem:
    return new_problem(problem, answer=answer)


# The tree


async def test_the_first_rollouts_by_hand() -> None:
    mind = SearchMind(complete=cycle("6", "5", "5", "5"))
    with ScriptedServer(mind) as server:
        trajectory = await outcome(searcher(server, GOLD.model_copy(update={"rollouts": 4})), asked(), "mcts")
    steps = trajectory.steps
    assert [(step.n, step.action, step.parent) for step in steps] == [
        (1, "answer", None),  # first rollout: the problem completed at once, wrong
        (2, "query", None),  # second: children of the root, down the query to its theorem
        (3, "think", None),
        (4, "think", None),
        (5, "retrieve", 2),
        (6, "reflect", 5),
        (7, "summarise", 6),
        (8, "answer", 7),
        (9, "answer", 3),  # third and fourth: the thoughts
        (10, "answer", 4),
    ]
    assert [step.visits for step in steps] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert [step.value for step in steps] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert [(step.n, step.reward) for step in endings(trajectory)] == [(1, 0), (8, 1), (9, 1), (10, 1)]
    assert [step.n for step in steps if step.chosen] == [2, 5, 6, 7, 8]
    assert (trajectory.answer, trajectory.grade, trajectory.reward) == ("5", "correct", 1)
    assert len(mind.asked["complete"]) == 4


async def test_every_rollout_brings_one_answer_and_the_sums_hold() -> None:
    mind = SearchMind(complete=cycle("6", "5", "7"))
    with ScriptedServer(mind) as server:
        given = searcher(server, GOLD.model_copy(update={"rollouts": 12, "depth": 3}))
        trajectory = await outcome(given, asked(), "mcts")
    assert len(endings(trajectory)) == len(mind.asked["complete"]) == 12
    assert {step.reward for step in endings(trajectory)} == {0, 1}
    for step in trajectory.steps:
        below = children(trajectory, step.n)
        assert step.visits is not None
        assert step.value is not None
        assert 0 <= step.value <= step.visits
        if step.action != "answer":
            assert step.visits == sum(child.visits or 0 for child in below)
            assert step.value == sum(child.value or 0 for child in below)


async def test_the_tree_is_told_as_it_grows() -> None:
    with ScriptedServer(SearchMind(complete=cycle("6", "5", "5"))) as server:
        given = searcher(server, SearchConfig(rollouts=3, early_stop=False))
        events = await run(given, asked(answer=None), "mcts")
    trees, trajectory = [event for event in events if isinstance(event, Grown)], finished(events)
    assert [len(tree.steps) for tree in trees] == sorted(len(tree.steps) for tree in trees)
    assert trees[0].steps[0].visits is None  # nothing has come to its end yet
    assert [tree.planned for tree in trees][-1] == trajectory.planned == 3
    assert trees[-1].steps == trajectory.steps
    assert [step.vote for step in endings(trajectory)] == [1, 8, 8]


async def test_steps_come_as_events_with_their_parents() -> None:
    with ScriptedServer(SearchMind()) as server:
        events = await run(searcher(server), asked(), "mcts")
    trajectory = finished(events)
    started = {event.n: event for event in events if isinstance(event, StepStarted)}
    done = {event.step.n: event.step for event in events if isinstance(event, StepDone)}
    assert len(started) == len(done) == len(trajectory.steps)
    for step in trajectory.steps:
        assert started[step.n].parent == done[step.n].parent == step.parent
        assert (done[step.n].text, done[step.n].tokens) == (step.text, step.tokens)
    assert trajectory.usage.completion_tokens == sum(step.tokens for step in trajectory.steps)
    assert trajectory.usage.calls == len(server.requests)


@pytest.mark.parametrize("depth", [1, 2])
async def test_no_path_is_deeper_than_the_depth(depth: int) -> None:
    with ScriptedServer(SearchMind()) as server:
        given = searcher(server, GOLD.model_copy(update={"rollouts": 40, "depth": depth}))
        trajectory = await outcome(given, asked(), "mcts")
    steps = {step.n: step for step in trajectory.steps}

    def deep(n: int | None) -> int:
        return 0 if n is None else (steps[n].action in ("think", "query")) + deep(steps[n].parent)

    assert max(deep(n) for n in steps) == depth
    explored = {1: 1 + 3, 2: 1 + 3 + 2 * 3 + 2}[depth]  # below a theorem the same query finds nothing new
    assert len(endings(trajectory)) == explored


async def test_the_numbers_of_children_are_configuration() -> None:
    wide = GOLD.model_copy(update={"rollouts": 2, "thoughts": 3, "queries": 2})
    queries = ["sum of the roots", "a prime not dividing"]
    with ScriptedServer(SearchMind(query=queries)) as server:
        trajectory = await outcome(searcher(server, wide), asked(), "mcts")
    assert [step.action for step in children(trajectory, None)] == ["answer", *["query"] * 2, *["think"] * 3]


async def test_without_queries_nothing_is_retrieved() -> None:
    retriever = WordRetriever()
    with ScriptedServer(SearchMind()) as server:
        given = searcher(server, ALL.model_copy(update={"queries": 0}), retriever=retriever)
        trajectory = await outcome(given, asked(), "mcts")
    assert set(actions(trajectory)) == {"think", "answer"}
    assert retriever.queries == []


# Retrieval


async def test_relevant_passages_become_nodes_and_the_others_stay_as_hard_negatives() -> None:
    mind = SearchMind(reflect=verdicts(True, False, True))
    with ScriptedServer(mind) as server:
        given = searcher(server, GOLD.model_copy(update={"theorems": 5}))
        trajectory = await outcome(given, asked(), "mcts")
    judged = next(step for step in trajectory.steps if step.action == "reflect")
    verdict = [(hit.id, hit.verdict, hit.reason) for hit in judged.hits]
    assert verdict == [
        ("vieta", "relevant", "it fits"),
        ("am-gm", "irrelevant", "its conditions fail"),
        ("fermat", "relevant", "it fits"),
    ]
    recalled = children(trajectory, judged.n)
    assert [(step.action, [hit.id for hit in step.hits]) for step in recalled] == [
        ("summarise", ["vieta"]),
        ("summarise", ["fermat"]),
    ]
    assert not any(AM_GM.title in texts(body) for body in mind.asked["complete"] + mind.asked["think"])


async def test_no_more_theorems_than_allowed_and_as_many_hits_as_told() -> None:
    retriever = WordRetriever()
    mind = SearchMind(reflect=verdicts(True, True))
    with ScriptedServer(mind) as server:
        given = searcher(server, ALL.model_copy(update={"hits": 2, "theorems": 1}), retriever=retriever)
        trajectory = await outcome(given, asked(), "mcts")
    judged = [step for step in trajectory.steps if step.action == "reflect"]
    assert all(len(children(trajectory, step.n)) == 1 for step in judged)
    assert {query[1:] for query in retriever.queries} == {(2, "hybrid", ("code",))}
    assert [hit.verdict for hit in judged[0].hits] == ["relevant", "relevant"]


async def test_where_nothing_is_relevant_the_search_goes_on_elsewhere() -> None:
    mind = SearchMind(reflect=verdicts(False, False, False))
    with ScriptedServer(mind) as server:
        trajectory = await outcome(searcher(server), asked(), "mcts")
    judged = [step for step in trajectory.steps if step.action == "reflect"]
    assert judged
    assert {step.pruned for step in judged} == {"nothing was relevant"}
    assert len(endings(trajectory)) == 6
    assert (trajectory.answer, trajectory.outcome) == ("5", "finished")


async def test_where_nothing_is_found_the_search_goes_on_elsewhere() -> None:
    with ScriptedServer(SearchMind()) as server:
        trajectory = await outcome(searcher(server, retriever=WordRetriever([SIEVE])), asked(), "mcts")
    found = [step for step in trajectory.steps if step.action == "retrieve"]
    assert {(step.pruned, step.hits) for step in found} == {("nothing new was found", ())}
    assert trajectory.answer == "5"


# What the model reads


async def test_a_request_begins_with_what_its_parent_said() -> None:
    mind = SearchMind()
    with ScriptedServer(mind) as server:
        trajectory = await outcome(searcher(server), asked(), "mcts")
    steps = {step.n: step for step in trajectory.steps}

    def path(n: int | None) -> list[dict[str, Any]]:
        return [] if n is None else [*path(steps[n].parent), steps[n].model_dump()]

    written = [body["messages"][-1]["content"] for body in mind.asked["complete"]]
    assert written[0] == PROBLEM
    assert written[1:] == [solution(path(step.parent)) for step in endings(trajectory)[1:]]
    for body in mind.asked["query"] + mind.asked["reflect"] + mind.asked["think"]:
        assert texts(body).startswith(f"{load('solve')}\n{PROBLEM}")


async def test_no_role_speaks_twice_in_a_row() -> None:
    with ScriptedServer(SearchMind(reflect=verdicts(True, True, True))) as server:
        await outcome(searcher(server, ALL.model_copy(update={"theorems": 3})), asked(), "mcts")
        for body in server.requests:
            roles = [message["role"] for message in body["messages"]]
            assert all(one != other for one, other in pairwise(roles))


async def test_sampling_and_limits_are_configuration() -> None:
    mind = SearchMind()
    search = ALL.model_copy(update={"temperature": 0.7, "top_p": 0.9, "top_k": 17})
    with ScriptedServer(mind) as server:
        given = searcher(server, search, config=config(step_tokens=33, answer_tokens=77))
        await outcome(given, asked(), "mcts")
        assert {(body["temperature"], body["top_p"], body["top_k"]) for body in server.requests} == {
            (0.7, 0.9, 17)
        }
    limit = {kind: {_most(body) for body in mind.asked[kind]} for kind in ("think", "complete")}
    assert limit == {"think": {33}, "complete": {77}}


def _most(body: dict[str, Any]) -> int:
    return int(body.get("max_tokens") or body["max_completion_tokens"])


async def test_siblings_are_drawn_with_seeds_of_their_own_and_a_run_repeats() -> None:
    runs = []
    for seed in (3, 3, 4):
        with ScriptedServer(SearchMind(think=lambda body: f"Seed ${body['seed']}$.")) as server:
            trajectory = await outcome(searcher(server), asked(), "mcts", seed=seed)
            runs.append((essence(trajectory.steps), [key_of(body) for body in server.requests]))
    (first, keys), (second, again), (third, other) = runs
    assert (first, keys) == (second, again)
    assert len({seed for seed, _ in keys}) == len(keys)
    assert not {seed for seed, _ in keys} & {seed for seed, _ in other}
    assert first != third


async def test_siblings_are_asked_for_at_once_and_keep_their_order() -> None:
    gate = threading.Barrier(3, timeout=60)  # opens when all three are here

    def together(kind: str) -> Any:
        def reply(body: dict[str, Any]) -> str:
            gate.wait()
            return f"{kind} {body['seed']} on $x$."

        return reply

    class Open(SearchMind):
        def __call__(self, body: dict[str, Any]) -> str:
            reply = self.replies["query" if texts(body).endswith(load("query")) else "think"]
            return reply(body) if body.get("stop") and callable(reply) else r"\boxed{5}"

    search = ALL.model_copy(update={"rollouts": 2, "parallel": 3})
    with ScriptedServer(Open(query=together("query"), think=together("think"))) as server:
        given = solver(server, retriever=WordRetriever([SIEVE]), search=search)
        trajectory = await outcome(given, asked(), "mcts")
    assert [step.action for step in children(trajectory, None)] == ["answer", "query", "think", "think"]
    assert all(step.text.startswith(step.action) for step in children(trajectory, None)[1:])


# Rewards and the vote


@pytest.mark.parametrize(
    ("gold", "expected"), [("5", [1, 0, 1, 0, 1, 0]), ("10/2", [1, 0, 1, 0, 1, 0]), ("(((", [0] * 6)]
)
async def test_gold_rewards_are_one_for_equal_answers_and_zero_for_all_others(
    gold: str, expected: list[int]
) -> None:
    with ScriptedServer(SearchMind(complete=cycle("5", "6"))) as server:
        trajectory = await outcome(searcher(server, GOLD), asked(gold), "mcts")
    assert [step.reward for step in endings(trajectory)] == expected


async def test_the_vote_rewards_agreement_and_gold_changes_nothing() -> None:
    trees = []
    for gold in ("5", "999", None):
        with ScriptedServer(SearchMind(complete=cycle("5", "6", "5.0", "7"))) as server:
            trajectory = await outcome(searcher(server, GOLD.blind()), asked(gold), "mcts")
            trees.append(essence(trajectory.steps))
    assert trees[0] == trees[1] == trees[2]
    assert [step.reward for step in endings(trajectory)] == [1, 0, 1, 0, 1, 0]
    assert trajectory.answer == "5"


async def test_without_gold_a_search_for_gold_rewards_agreement() -> None:
    with ScriptedServer(SearchMind(complete=cycle("6", "5", "5"))) as server:
        trajectory = await outcome(searcher(server, GOLD), asked(None), "mcts")
    assert [step.reward for step in endings(trajectory)] == [0, 1, 1, 0, 1, 1]
    assert (trajectory.grade, trajectory.reward) == (None, None)


async def test_equal_answers_vote_together() -> None:
    with ScriptedServer(SearchMind(complete=cycle("6", "0.5", "6", r"\frac{1}{2}", "1/2", "7"))) as server:
        trajectory = await outcome(searcher(server), asked("0.5"), "mcts")
    assert (trajectory.answer, trajectory.grade) == ("0.5", "correct")


async def test_the_answer_is_the_votes_even_where_gold_knows_better() -> None:
    with ScriptedServer(SearchMind(complete=cycle("6", "6", "5"))) as server:
        trajectory = await outcome(searcher(server, GOLD), asked("5"), "mcts")
    assert (trajectory.answer, trajectory.grade, trajectory.reward) == ("6", "wrong", 0)
    assert sum(step.reward or 0 for step in endings(trajectory)) == 2


async def test_it_stops_when_the_vote_is_settled_unless_told_otherwise() -> None:
    counts = []
    for search in (SearchConfig(), SearchConfig(early_stop=False)):
        mind = SearchMind()
        with ScriptedServer(mind) as server:
            trajectory = await outcome(searcher(server, search), asked(), "mcts")
        assert trajectory.answer == "5"
        counts.append((len(endings(trajectory)), len(mind.asked["complete"])))
    assert counts == [(4, 4), (6, 6)]  # four of six against none


# Merging


async def test_siblings_that_say_the_same_are_merged() -> None:
    thoughts = ["Let $x=1$.", "let  $x = 1$", "Now $y$.", "And $z$."]
    with ScriptedServer(SearchMind(think=thoughts)) as server:
        trajectory = await outcome(searcher(server), asked(), "mcts")
    first, second = [step for step in children(trajectory, None) if step.action == "think"]
    assert (first.pruned, second.pruned) == ("", f"repeats step {first.n}")
    assert children(trajectory, second.n) == []
    assert second.visits == 0


async def test_thoughts_that_answer_are_terminal_and_merged_by_equivalence() -> None:
    thoughts = [r"It is \boxed{0.5}.", r"We get \boxed{\frac{1}{2}}."]
    mind = SearchMind(think=thoughts, complete=r"\boxed{7}", reflect=verdicts(False, False, False))
    with ScriptedServer(mind) as server:
        trajectory = await outcome(searcher(server, GOLD), asked("1/2"), "mcts")
    first, second = [step for step in children(trajectory, None) if "It is" in step.text or "We" in step.text]
    assert (first.action, first.reward, first.visits) == ("answer", 1, 1)
    assert (second.action, second.pruned, second.reward) == ("answer", f"repeats step {first.n}", None)
    assert len(endings(trajectory)) == 2  # then the tree is explored
    assert trajectory.outcome == "finished"


# Bad replies


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ({"think": "", "query": "", "complete": "", "box": ""}, None),
        ({"think": "", "query": "NONE"}, "5"),
        ({"think": "   ", "summarise": ""}, "5"),
        ({"reflect": "I think all of them help."}, "5"),
        ({"reflect": '{"verdicts": [{"reason": "cut of'}, "5"),
        ({"reflect": ""}, "5"),
        ({"think": PROBLEM, "complete": PROBLEM, "query": PROBLEM}, "5"),
        ({"complete": "I never box $anything$", "box": "nor here"}, None),
        ({"complete": r"\boxed{\boxed{}", "box": r"\frac{"}, None),
        ({"complete": "word " * 3000, "box": r"\text{" * 50}, None),
    ],
)
async def test_whatever_the_model_says_the_search_comes_to_its_end(
    replies: dict[str, str], answer: str | None
) -> None:
    with ScriptedServer(SearchMind(**replies)) as server:
        trajectory = await outcome(searcher(server, GOLD), asked(), "mcts")
    assert (trajectory.outcome, trajectory.error, trajectory.answer) == ("finished", "", answer)
    assert 1 <= len(endings(trajectory)) <= 6
    assert {step.reward for step in endings(trajectory)} <= {0, 1}
    assert any(step.chosen for step in trajectory.steps)


async def test_what_says_nothing_is_pruned_and_says_why() -> None:
    with ScriptedServer(SearchMind(think=["", PROBLEM], query="NONE")) as server:
        trajectory = await outcome(searcher(server), asked(), "mcts")
    reasons = [step.pruned for step in children(trajectory, None)]
    assert reasons == ["", "nothing to look up", "empty", "repeats the prompt"]


async def test_a_greeting_is_answered_and_not_searched() -> None:
    mind = SearchMind(complete="Hello, ask me something.")
    with ScriptedServer(mind) as server:
        trajectory = await outcome(searcher(server), "Hello there", "mcts")
        assert len(server.requests) == 1
    assert [(step.action, step.text, step.chosen) for step in trajectory.steps] == [
        ("answer", "Hello, ask me something.", True)
    ]
    assert (trajectory.answer, trajectory.outcome) == (None, "finished")


# Configuration


def test_the_paper_preset_holds_the_papers_numbers() -> None:
    paper = PRESETS["paper"]
    assert (paper.rollouts, paper.depth, paper.thoughts, paper.queries, paper.hits) == (16, 6, 2, 1, 5)
    assert (paper.temperature, paper.top_k, paper.top_p, paper.exploration) == (0.8, 40, 0.95, 2.0)
    assert (paper.reward, paper.early_stop) == ("gold", False)
    assert PRESETS["laptop"].hits == 3
    assert PRESETS["laptop"].reward == "vote"


@pytest.mark.parametrize(
    "field", [{"rollouts": 0}, {"depth": 0}, {"hits": 0}, {"reward": "half"}, {"exploration": -1}, {"x": 1}]
)
def test_a_search_that_makes_no_sense_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        SearchConfig(**field)


async def test_the_fingerprint_follows_the_search_and_only_that_of_the_search() -> None:
    with ScriptedServer(SearchMind()) as server:
        one, other = searcher(server), searcher(server, SearchConfig(rollouts=7))
        assert one.fingerprints("mcts") != other.fingerprints("mcts")
        assert one.fingerprints("mcts") == solver(server, search=ALL).fingerprints("mcts")  # however parallel
        for strategy in ("cot", "rag", "steps"):
            assert one.fingerprints(strategy) == other.fingerprints(strategy)
            assert one.fingerprints(strategy).config == one.config.fingerprint
        assert (await outcome(other, asked(), "mcts")).fingerprints == other.fingerprints("mcts")


async def test_a_search_for_sound_paths_gives_no_reward_for_a_claim_that_fails() -> None:
    wrong = SearchMind(complete=r"So $2+2=5$ and it is \boxed{5}.")
    for mind, sound, reward in ((wrong, True, 0), (wrong, False, 1), (SearchMind(), True, 1)):
        with ScriptedServer(mind) as server:
            given = searcher(server, ALL.model_copy(update={"rollouts": 2, "sound": sound}))
            trajectory = await outcome(given, asked(), "mcts")
        assert {step.reward for step in endings(trajectory)} == {reward}
        assert trajectory.grade == "correct"


def test_searches_from_before_soundness_could_be_asked_for_keep_their_fingerprints() -> None:
    assert "sound" not in SearchConfig().model_dump_json()
    assert "sound" in SearchConfig(sound=True).model_dump_json()
    assert not PRESETS["paper"].sound


async def test_thoughts_of_several_paragraphs_are_one_node() -> None:
    with ScriptedServer(SearchMind()) as server:
        given = searcher(server, ALL.model_copy(update={"rollouts": 2}), config=config(step_chars=30))
        trajectory = await outcome(given, asked(), "mcts")
    assert all(PARAGRAPH in step.text for step in trajectory.steps if step.action == "think")
