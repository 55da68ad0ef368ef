"""The pure tree: UCT by hand, selection, backpropagation, rewards, the vote, and what is pruned."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.state import SearchConfig
from agent.tree import ROOT, Rollout, StepRecord, Tree, fault, key, rewards, settled, votes

# A busy machine is no fault of the input.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
GOLD = SearchConfig().collecting()


def step(n: int, action: str, parent: int | None = None, text: str = "x", pruned: str = "") -> StepRecord:
    return {"n": n, "action": action, "parent": parent, "text": text, "pruned": pruned}


def ended(n: int, answer: str | None, group: int | None = None, correct: bool | None = None) -> Rollout:
    return Rollout(n=n, answer=answer, group=n if group is None and answer else group, correct=correct)


def voted(answers: Sequence[str | None], first: int = 1) -> list[Rollout]:
    """Rollouts with these answers, one after another, grouped by the letter."""
    return [
        ended(first + index, answer, first + answers.index(answer) if answer else None)
        for index, answer in enumerate(answers)
    ]


# root ─ 1 answer (the completion of the root)
#      ├ 2 think ─ 4 answer
#      └ 3 think ─ 5 answer
STEPS = [
    step(1, "answer"),
    step(2, "think"),
    step(3, "think"),
    step(4, "answer", 2),
    step(5, "answer", 3),
]
THREE = [ended(1, "6", correct=False), ended(4, "5", correct=True), ended(5, "7", correct=False)]


# Backpropagation and UCT


def test_a_rollout_counts_for_every_node_on_its_path() -> None:
    tree = Tree(STEPS, THREE, {ROOT}, GOLD)
    assert [tree.visits[n] for n in range(6)] == [3, 1, 1, 1, 1, 1]
    assert [tree.value[n] for n in range(6)] == [1, 0, 1, 0, 1, 0]


def test_a_path_on_which_a_claim_fails_is_rewarded_only_where_soundness_does_not_matter() -> None:
    failed = [{"claim": "3+4=8", "verdict": "fails", "span": (0, 5), "reason": ""}]
    told = [{**failed[0], "verdict": "holds"}, {**failed[0], "verdict": "unknown"}]
    sound = GOLD.model_copy(update={"sound": True})
    for checks, config, value in ((failed, GOLD, 1), (failed, sound, 0), (told, sound, 1)):
        steps = [one | {"checks": checks} if one["n"] == 2 else one for one in STEPS]
        tree = Tree(steps, THREE, {ROOT}, config)
        assert (tree.rewards[4], tree.value[2], tree.value[ROOT]) == (value, value, value)
        assert tree.holds_up(5)


def test_uct_by_hand() -> None:
    tree = Tree(STEPS, THREE, {ROOT}, GOLD)
    # ln 3 = 1.098612…, its root 1.048147…
    assert tree.uct(2) == pytest.approx(1 / 1 + 2 * 1.0481470739682051)
    assert tree.uct(3) == pytest.approx(0 / 1 + 2 * 1.0481470739682051)
    unweighted = SearchConfig(exploration=0, reward="gold")
    assert Tree(STEPS, THREE, {ROOT}, unweighted).uct(2) == 1.0


def test_uct_by_hand_after_a_second_visit() -> None:
    tree = Tree([*STEPS, step(6, "think", 2), step(7, "answer", 6)], [*THREE, ended(7, "9")], {ROOT, 2}, GOLD)
    assert (tree.visits[2], tree.value[2]) == (2, 2)  # no gold is known of the fourth: the vote ties, so 1
    assert tree.uct(2) == pytest.approx(1 + 2 * math.sqrt(1.3862943611198906 / 2))  # ln 4


def test_what_was_never_visited_comes_first() -> None:
    assert Tree(STEPS[:3], THREE[:1], {ROOT}, GOLD).uct(3) == math.inf


# Selection


def test_the_root_is_completed_then_expanded() -> None:
    fresh = Tree([])
    assert (fresh.select(), fresh.stage(ROOT)) == (ROOT, "simulate")
    visited = Tree(STEPS[:1], THREE[:1])
    assert (visited.select(), visited.stage(ROOT)) == (ROOT, "expand")


def test_children_are_visited_in_their_order_then_by_uct() -> None:
    assert Tree(STEPS[:3], THREE[:1], {ROOT}, GOLD).select() == 2
    second = Tree(STEPS[:4], THREE[:2], {ROOT}, GOLD)
    assert (second.select(), second.stage(3)) == (3, "simulate")
    third = Tree(STEPS, THREE, {ROOT}, GOLD)
    assert (third.select(), third.stage(2)) == (2, "expand")


def test_a_better_value_is_left_for_a_node_that_was_visited_much_less() -> None:
    leaves = [step(n, "answer", 2) for n in range(6, 12)]
    rollouts = [*THREE, *(ended(n, "5", correct=True) for n in range(6, 12))]
    tree = Tree([*STEPS, *leaves, step(12, "think", 2)], rollouts, {ROOT, 2}, GOLD)
    # 2: 1 + 2·sqrt(ln 9 / 7) = 2.12; 3: 0 + 2·sqrt(ln 9 / 1) = 2.96
    assert tree.uct(2) == pytest.approx(1 + 2 * math.sqrt(math.log(9) / 7))
    assert tree.select() == 3


def test_a_query_is_expanded_before_anything_follows_it_and_its_theorems_are_reached() -> None:
    asked = Tree([STEPS[0], step(2, "query")], THREE[:1], {ROOT})
    assert (asked.select(), asked.stage(2)) == (2, "expand")
    chain = [step(3, "retrieve", 2), step(4, "reflect", 3), step(5, "summarise", 4), step(6, "summarise", 4)]
    tree = Tree([STEPS[0], step(2, "query"), *chain], THREE[:1], {ROOT, 2})
    assert (tree.select(start=2), tree.stage(5)) == (5, "simulate")
    assert tree.path(6) == [2, 3, 4, 6]
    assert tree.depth(6) == 1


@pytest.mark.parametrize("fruitless", ["retrieve", "reflect"])
def test_a_query_that_found_nothing_is_left_for_the_rest_of_the_tree(fruitless: str) -> None:
    chain = [step(4, "retrieve", 2), step(5, "reflect", 4)]
    chain = [step(4, "retrieve", 2, pruned="nothing")] if fruitless == "retrieve" else chain
    chain[-1]["pruned"] = "nothing"
    tree = Tree([STEPS[0], step(2, "query"), step(3, "think"), *chain], THREE[:1], {ROOT, 2})
    assert tree.select(start=2) == 3


def test_nothing_follows_what_is_pruned_or_ended_or_too_deep() -> None:
    pruned = Tree([STEPS[0], step(2, "think", pruned="empty"), step(3, "think")], THREE[:1], {ROOT})
    assert pruned.select() == 3
    shallow = SearchConfig(depth=1)
    assert Tree(STEPS, THREE, {ROOT}, shallow).select() is None
    assert Tree(STEPS, THREE, {ROOT}, SearchConfig(depth=2)).select() == 2


def test_an_answer_is_visited_once_and_needs_no_more() -> None:
    boxed = Tree([STEPS[0], step(2, "answer")], THREE[:1], {ROOT})
    assert (boxed.select(), boxed.stage(2)) == (2, "backpropagate")
    assert Tree([STEPS[0], step(2, "answer")], [THREE[0], ended(2, "5")], {ROOT}).select() is None


# Rewards


def test_gold_gives_one_to_the_equal_answer_alone() -> None:
    assert rewards(THREE, by_gold=True) == {1: 0, 4: 1, 5: 0}


def test_the_vote_gives_one_to_every_answer_that_none_outvotes() -> None:
    assert rewards(voted(["5"]), by_gold=False) == {1: 1}
    assert rewards(voted(["5", "6"]), by_gold=False) == {1: 1, 2: 1}
    assert rewards(voted(["5", "6", "6", None]), by_gold=False) == {1: 0, 2: 1, 3: 1, 4: 0}


def test_without_gold_the_vote_decides_even_where_gold_was_asked_for() -> None:
    assert rewards(voted(["5", "6", "6"]), by_gold=True) == {1: 0, 2: 1, 3: 1}


def test_the_vote_never_looks_at_gold() -> None:
    assert rewards(THREE, by_gold=False) == {1: 1, 4: 1, 5: 1}


# The vote


def test_the_majority_wins_and_its_first_answer_stands_for_it() -> None:
    steps = [step(n, "answer") for n in range(1, 5)]
    result = Tree(steps, voted(["6", "5", None, "5"])).result()
    assert result["answer"] == "5"
    assert [mark["n"] for mark in result["marks"] if mark["chosen"]] == [2]
    assert [mark["reward"] for mark in result["marks"]] == [0, 1, 0, 1]


def test_a_tie_goes_to_the_answer_on_the_better_branch() -> None:
    # 3 and 4 hang below think 1, whose other answer 5 agrees with 4; 6 hangs below think 2.
    steps = [step(1, "think"), step(2, "think"), step(3, "answer", 2), step(4, "answer", 1)]
    steps += [step(5, "answer", 1), step(6, "answer", 2)]
    rollouts = [ended(3, "7"), ended(4, "5"), ended(5, "5", 4), ended(6, "7", 3)]
    tree = Tree(steps, rollouts)
    assert tree.worth(rollouts[0]) == tree.worth(rollouts[1]) == 1.0  # both lead: a tie that the first wins
    assert tree.winner() == rollouts[0]
    right = [one | {"correct": one["answer"] == "5"} for one in rollouts]
    judged = Tree(steps, right, config=GOLD)  # type: ignore[arg-type]
    assert (judged.worth(rollouts[0]), judged.worth(rollouts[1])) == (0.0, 1.0)
    winner = judged.winner()
    assert winner is not None
    assert winner["n"] == 4


def test_where_nothing_has_a_box_the_first_rollout_is_chosen_without_an_answer() -> None:
    result = Tree([step(1, "answer"), step(2, "answer")], voted([None, None])).result()
    assert result["answer"] is None
    assert [mark["chosen"] for mark in result["marks"]] == [True, False]
    assert [mark["reward"] for mark in result["marks"]] == [0, 0]
    assert Tree([]).result() == {"answer": None, "marks": []}


@pytest.mark.parametrize(
    ("answers", "remaining", "over"),
    [
        (["5"], 0, True),
        (["5"], 1, False),
        (["5", "5"], 1, True),
        (["5", "5", "6"], 1, False),  # 2 : 2 is still possible
        (["5", "5", "5", "6"], 1, True),
        (["5", "5", None], 1, True),
        ([None, None], 0, False),
        ([], 3, False),
    ],
)
def test_a_vote_is_settled_when_nothing_can_draw_level(
    answers: list[str | None], remaining: int, over: bool
) -> None:
    assert settled(voted(answers), remaining) is over


# What brings nothing new


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Let $x = 1$.", "let x=1"),
        (r"So $\left( a+b \right)$", "So $(a + b)$."),
        ("**Step**: $a\\,b$", "step: ab"),
        ("ｘ ＝ １", "x = 1"),
    ],
)
def test_the_same_words_have_the_same_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("2*3", "23"), (".5", "5"), (r"\leftarrow", "arrow"), ("a-b", "ab")]
)
def test_other_words_have_another_key(one: str, other: str) -> None:
    assert key(one) != key(other)


def find(new: StepRecord, **given: Any) -> str:
    known: dict[str, Any] = {"siblings": [], "path": [], "prompts": [], "same": lambda one, other: False}
    return fault(new, **(known | given))


def test_siblings_that_say_the_same_are_merged() -> None:
    first = step(4, "think", 1, "Let $x=1$.")
    assert find(step(5, "think", 1, "let x = 1"), siblings=[first]) == "repeats step 4"
    assert find(step(5, "think", 1, "let x = 2"), siblings=[first]) == ""
    assert find(step(5, "query", 1, "let x = 1"), siblings=[first]) == ""
    assert find(step(5, "think", 1, "let x = 1"), siblings=[first | {"pruned": "empty"}]) == ""


def test_answers_that_are_equal_are_merged_and_thoughts_with_a_number_are_not() -> None:
    def equal(one: str, other: str) -> bool:
        return {one, other} == {r"\frac12", "0.5"}

    half = step(4, "answer", 1, r"Half: \boxed{0.5}")
    assert (
        find(step(5, "answer", 1, r"It is \boxed{\frac12}."), siblings=[half], same=equal) == "repeats step 4"
    )
    assert find(step(5, "answer", 1, r"It is \boxed{5}."), siblings=[half], same=equal) == ""
    assert find(step(5, "think", 1, r"It is \frac12."), siblings=[half], same=equal) == ""


def test_a_step_that_repeats_its_path_or_its_prompt_or_nothing_is_told() -> None:
    path = [step(1, "think", None, "We compare."), step(2, "query", 1, "sum of roots")]
    assert find(step(5, "think", 2, "we compare"), path=path) == "repeats step 1"
    assert find(step(5, "query", 2, "Sum of roots."), path=path) == "repeats step 2"
    assert find(step(5, "think", 2, "What is the sum?"), prompts=["Tell. What is the sum? Now."])
    assert find(step(5, "query", 2, "the sum"), prompts=["What is the sum?"]) == ""
    assert find(step(5, "think", 2, " \n ")) == "empty"
    assert find(step(5, "query", 2, "")) == "nothing to look up"


# Whatever happens

KINDS = ["think", "answer", "empty", "query"]


@st.composite
def searches(draw: st.DrawFn) -> tuple[Tree, SearchConfig]:
    """A search played to its end with random children and answers."""
    config = SearchConfig(
        rollouts=draw(st.integers(1, 12)),
        depth=draw(st.integers(1, 3)),
        exploration=draw(st.sampled_from([0.0, 2.0])),
        reward=draw(st.sampled_from(["gold", "vote"])),
    )
    game = _Game(config, random.Random(draw(st.integers(0, 2**32))))  # noqa: S311
    while len(game.rollouts) < config.rollouts and game.play():
        pass
    return game.tree(), config


class _Game:
    """The search's loop without a model."""

    def __init__(self, config: SearchConfig, dice: random.Random) -> None:
        self.config, self.dice = config, dice
        self.steps: list[StepRecord] = []
        self.rollouts: list[Rollout] = []
        self.expanded: set[int] = set()

    def tree(self) -> Tree:
        return Tree(self.steps, self.rollouts, self.expanded, self.config)

    def play(self) -> bool:
        """One rollout; False where the tree is explored."""
        cursor: int | None = ROOT
        while (cursor := self.tree().select(cursor)) is not None:
            stage = self.tree().stage(cursor)
            if stage == "expand":
                self.expand(cursor)
                continue
            terminal = cursor if stage == "backpropagate" else self.add("answer", cursor)
            answer = self.dice.choice(["5", "6", None])
            group = next((one["n"] for one in self.rollouts if one["answer"] == answer), terminal)
            correct = self.dice.choice([answer == "5", None]) if answer else False
            self.rollouts.append(ended(terminal, answer, group if answer else None, correct))
            return True
        return False

    def add(self, action: str, parent: int, pruned: str = "") -> int:
        self.steps.append(step(len(self.steps) + 1, action, parent or None, pruned=pruned))
        return len(self.steps)

    def expand(self, node: int) -> None:
        assert node not in self.expanded
        self.expanded.add(node)
        if self.tree().action(node) == "query":
            found = self.dice.randint(0, 2)
            judged = self.add("reflect", self.add("retrieve", node), "" if found else "nothing was relevant")
            for _ in range(found):
                self.add("summarise", judged)
            return
        for kind in self.dice.choices(KINDS, k=self.dice.randint(0, 3)):
            self.add("think" if kind == "empty" else kind, node, "empty" if kind == "empty" else "")


@unhurried
@given(searches())
def test_a_search_keeps_its_sums(played: tuple[Tree, SearchConfig]) -> None:
    tree, config = played
    terminals = [rollout["n"] for rollout in tree.rollouts]
    assert 1 <= len(terminals) == len(set(terminals)) == tree.visits[ROOT] <= config.rollouts
    assert set(tree.rewards.values()) <= {0, 1}
    assert tree.value[ROOT] == sum(tree.rewards.values())
    for n in [ROOT, *tree.steps]:
        below = tree.children[n]
        assert 0 <= tree.value[n] <= tree.visits[n]
        if tree.action(n) != "answer":
            assert tree.visits[n] == sum(tree.visits[child] for child in below)
            assert tree.value[n] == sum(tree.value[child] for child in below)
        if n != ROOT and tree.steps[n]["pruned"]:
            assert tree.visits[n] == 0 or tree.action(n) == "reflect"
            assert not any(tree.visits[child] for child in below)
        assert tree.depth(n) <= config.depth


@unhurried
@given(searches())
def test_the_chosen_path_leads_to_a_majority_answer(played: tuple[Tree, SearchConfig]) -> None:
    tree, _ = played
    result, counts = tree.result(), votes(tree.rollouts)
    chosen = [mark["n"] for mark in result["marks"] if mark["chosen"]]
    last = next(rollout for rollout in tree.rollouts if rollout["n"] == chosen[-1])
    assert chosen == tree.path(last["n"])
    assert result["answer"] == last["answer"]
    assert (result["answer"] is None) == (not counts)
    assert not counts or counts[last["group"] or 0] == max(counts.values())


@unhurried
@given(
    st.lists(st.sampled_from(["5", "6", "7", None]), max_size=8), st.lists(st.sampled_from("567"), max_size=6)
)
def test_what_is_settled_stays_so(before: list[str | None], after: list[str]) -> None:
    if settled(voted(before), len(after)):
        steps = [step(n, "answer") for n in range(1, len(before) + len(after) + 1)]
        first, last = Tree(steps, voted(before)).result(), Tree(steps, voted([*before, *after])).result()
        assert first["answer"] == last["answer"]
