"""Splits: seeded, stable, and nothing held out in training in any role."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import Fingerprints, Step, StepHit, Trajectory, Usage, Verdict
from retriever.passage import Passage
from training.proofs.splits import copies_of, groups_of, plan_split, relevant, split_of, text_key

PRINTS = Fingerprints(llm="", retriever="", index="", prompts="", config="")


def trajectory(problem: str, *cited: tuple[str, ...], verdict: Verdict = "relevant") -> Trajectory:
    """A proof of ``problem`` whose steps cite the statements given."""
    steps = [
        Step(
            n=n, action="retrieve", text="", hits=tuple(StepHit(id=i, score=1, verdict=verdict) for i in ids)
        )
        for n, ids in enumerate(cited, 1)
    ]
    return Trajectory(
        id=problem,
        problem=problem,
        problem_id=problem,
        strategy="proof",
        steps=tuple(steps),
        answer=None,
        fingerprints=PRINTS,
        seed=0,
        usage=Usage(),
        created="",
    )


def passage(identity: str, title: str = "", text: str = "", *aliases: str) -> Passage:
    return Passage(id=identity, title=title, text=text or identity, aliases=aliases)


def test_a_share_of_the_keys_is_held_out_and_more_hold_out_more() -> None:
    keys = [f"key {n}" for n in range(4000)]
    held = {
        share: {key for key in keys if split_of(key, share) == "held_out"} for share in (0.0, 0.1, 0.3, 1.0)
    }
    assert held[0.0] == set()
    assert held[1.0] == set(keys)
    assert 320 < len(held[0.1]) < 480  # four standard deviations
    assert held[0.1] < held[0.3]


def test_the_seed_draws_and_nothing_else_does() -> None:
    keys = [f"key {n}" for n in range(200)]
    draws = [[split_of(key, 0.5, seed) for key in keys] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert [split_of(key, 0.5) for key in ("a", "b", "c", "d")] == [
        split_of(key, 0.5) for key in ("a", "b", "c", "d")
    ]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (passage("a", "Ada's Lemma"), passage("b", "Ada's Lemma/Corollary 2"), True),
        (passage("a", "Ada's Lemma"), passage("b", "ada lemmas"), True),
        (passage("a", "Weight of 15 Marbles"), passage("b", "Weight of 75 Marbles"), True),
        (passage("a", "Ada's Lemma", "x"), passage("b", "Seams", "y", "Ada's Lemma"), True),
        (passage("a", "Ada's Lemma", "Let $a = b$."), passage("b", "", "Let: $a =b$"), True),
        (passage("a", "Ada's Lemma", "$a < b$"), passage("b", "Bag Lemma", "$a > b$"), False),
        (passage("a", "", "x"), passage("b", "", "y"), False),
        (passage("a", "1", "x"), passage("b", "2", "y"), False),
    ],
)
def test_what_belongs_together_is_one_group(one: Passage, other: Passage, together: bool) -> None:
    groups = groups_of([one, other])
    assert (groups["a"] == groups["b"]) is together
    assert groups_of([other, one]) == groups


def test_groups_join_over_several_likenesses() -> None:
    rows = [
        passage("a", "Ada's Lemma", "x"),
        passage("b", "Bag Sum", "x"),
        passage("c", "Bag Sum/Proof", "z"),
    ]
    assert len(set(groups_of(rows).values())) == 1


def test_copies_have_the_same_text() -> None:
    rows = [passage("a", "One", "$x$ is."), passage("b", "Two", "$x$  is"), passage("c", "One", "$y$ is.")]
    assert copies_of(rows) == {"a": {"a", "b"}, "b": {"a", "b"}, "c": {"c"}}
    assert text_key("$a + b$") != text_key("$a - b$")


def test_only_what_was_found_relevant_counts() -> None:
    assert relevant(trajectory("p", ("a", "b")).steps[0]) == ("a", "b")
    assert relevant(trajectory("p", ("a", "b"), verdict="irrelevant").steps[0]) == ()


def sides(**held: str) -> tuple[dict[str, str], float, int]:
    """Groups such that, of two kinds of names, one is held out at seed 0 and one is not."""
    names = [f"group {n}" for n in range(100)]
    out = next(name for name in names if split_of(name, 0.5) == "held_out")
    stays = [name for name in names if split_of(name, 0.5) == "train"]
    return {key: out if side == "out" else stays.pop() for key, side in held.items()}, 0.5, 0


def test_a_proof_that_uses_a_held_out_theorem_is_held_out_whole() -> None:
    groups, share, seed = sides(t="out", u="in", p="in", q="in")
    rows = [trajectory("p", ("t",), ("u",)), trajectory("q", ("u",), ("p",))]
    plan = plan_split(rows, groups, share, seed)
    assert [plan.fate(one) for one in rows] == ["held_out", "train"]
    assert [step.n for step in plan.held_out_steps(rows[0])] == [1]


def test_a_held_out_theorem_is_no_problem_of_training_either() -> None:
    groups, share, seed = sides(t="out", u="in", p="in")
    rows = [trajectory("p", ("t",)), trajectory("t", ("u",))]
    assert [plan_split(rows, groups, share, seed).fate(one) for one in rows] == ["held_out", "neither"]
    assert plan_split(rows[1:], groups, share, seed).fate(rows[1]) == "neither"


def test_a_step_with_theorems_of_both_sides_is_on_neither() -> None:
    groups, share, seed = sides(t="out", u="in", p="in")
    mixed = trajectory("p", ("t", "u"))
    plan = plan_split([mixed], groups, share, seed)
    assert plan.fate(mixed) == "neither"
    assert list(plan.held_out_steps(mixed)) == []


def test_another_proof_of_a_held_out_problem_is_not_trained_on() -> None:
    groups, share, seed = sides(t="out", u="in", p="in")
    rows = [trajectory("p", ("t",)), trajectory("p", ("u",))]
    plan = plan_split(rows, groups, share, seed)
    assert [plan.fate(one) for one in rows] == ["held_out", "neither"]


def test_unknown_ids_are_groups_of_their_own() -> None:
    plan = plan_split([trajectory("p", ("t",))], {}, 1.0)
    assert (plan.theorems, plan.problems) == ({"t"}, {"p"})


IDS = st.sampled_from([f"s{n}" for n in range(12)])
STEPS = st.lists(st.lists(IDS, min_size=1, max_size=3, unique=True).map(tuple), max_size=4)
TRAJECTORIES = st.lists(
    st.builds(lambda problem, steps: trajectory(problem, *steps), IDS, STEPS), max_size=20
)
GROUPS = st.dictionaries(IDS, st.sampled_from(["g0", "g1", "g2", "g3", "g4"]))


@settings(deadline=None)
@given(TRAJECTORIES, GROUPS, st.floats(0, 1), st.integers(0, 50))
def test_nothing_held_out_is_trained_on(
    rows: list[Trajectory], groups: dict[str, str], share: float, seed: int
) -> None:
    plan = plan_split(rows, groups, share, seed)

    def group(identity: str) -> str:
        return groups.get(identity, identity)

    training = [one for one in rows if plan.fate(one) == "train"]
    queries = [
        (one, step) for one in rows if plan.fate(one) == "held_out" for step in plan.held_out_steps(one)
    ]
    problems = {group(one.problem_id) for one in training}
    positives = {group(i) for one in training for step in one.steps for i in relevant(step)}
    theorems = {group(i) for _, step in queries for i in relevant(step)}
    assert theorems.isdisjoint(positives | problems)
    assert {group(one.problem_id) for one, _ in queries}.isdisjoint(problems)


@settings(deadline=None)
@given(TRAJECTORIES, st.integers(0, 50))
def test_nothing_is_held_back_without_a_reason(rows: list[Trajectory], seed: int) -> None:
    plan = plan_split(rows, {}, 0.3, seed)
    for one in rows:
        every = [row for row in rows if row.problem_id == one.problem_id]
        seen = {one.problem_id}.union(*(relevant(step) for row in every for step in row.steps))
        held = any(split_of(i, 0.3, seed) == "held_out" for i in seen)
        assert (plan.fate(one) == "train") is not held


@settings(deadline=None)
@given(TRAJECTORIES)
def test_the_order_does_not_count(rows: list[Trajectory]) -> None:
    assert plan_split(rows, {}, 0.3) == plan_split(rows[::-1], {}, 0.3)
