"""The search tree: nodes, UCT, backpropagation and the vote. Pure: no model, no files (METHOD, Search).

Steps name their parents, and a rollout names the terminal node that it ended in. Visits, values and rewards
follow from those two, so nothing is changed in place and a search that was killed has nothing to mend.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, TypedDict

from agent.answers import boxed
from agent.state import SearchConfig

ROOT = 0  # the problem; its children's parent is None
StepRecord = dict[str, Any]  # agent.records.Step as the state keeps it
Stage = Literal["simulate", "expand", "backpropagate"]
_CHAIN = ("retrieve", "reflect")  # steps that a query leads through; their children come with them
_SPACING = re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\[,;:! ]|\*\*|[\s$~]+")


class Rollout(TypedDict):
    """What one rollout ended in.

    ``n`` is the terminal node, ``answer`` what it boxed, ``group`` the ``n`` of the first rollout with an
    equal answer (None without one), ``correct`` whether it equals gold (None where there is no gold).
    """

    n: int
    answer: str | None
    group: int | None
    correct: bool | None


class Tree:
    """A tree of steps as its rollouts left it.

    Args:
        steps: All steps, in any order.
        rollouts: In the order in which they were made.
        expanded: Nodes whose children are there.
        config: Depth, exploration weight, what is rewarded.
    """

    def __init__(
        self,
        steps: Iterable[StepRecord],
        rollouts: Sequence[Rollout] = (),
        expanded: Collection[int] = (),
        config: SearchConfig | None = None,
    ) -> None:
        self.config = config or SearchConfig()
        self.steps = {step["n"]: step for step in steps}
        self.rollouts, self.expanded = rollouts, expanded
        self.children: dict[int, list[int]] = defaultdict(list)
        for n in sorted(self.steps):
            self.children[self.parent(n)].append(n)
        self.visits, self.value = Counter[int](), Counter[int]()
        self.rewards = rewards(rollouts, by_gold=self.config.reward == "gold")
        if self.config.sound:
            self.rewards |= {n: 0 for n in self.rewards if not self.holds_up(n)}
        for rollout in rollouts:
            self._backpropagate(rollout["n"], self.rewards[rollout["n"]])

    def _backpropagate(self, terminal: int, reward: int) -> None:
        for n in (ROOT, *self.path(terminal)):
            self.visits[n] += 1
            self.value[n] += reward

    def parent(self, n: int) -> int:
        """The node before ``n``; ``ROOT`` for the first ones."""
        return self.steps[n]["parent"] or ROOT

    def path(self, n: int) -> list[int]:
        """The nodes from the root, left out, to ``n``."""
        nodes = []
        while n != ROOT:
            nodes.append(n)
            n = self.parent(n)
        return nodes[::-1]

    def steps_to(self, n: int) -> list[StepRecord]:
        """The steps from the root to ``n``: a run without branches, as far as the model is told."""
        return [self.steps[each] for each in self.path(n)]

    def holds_up(self, n: int) -> bool:
        """Whether no claim that was checked fails from the root to ``n`` (``agent.checks``)."""
        checks = (check for step in self.steps_to(n) for check in step.get("checks", ()))
        return not any(check["verdict"] == "fails" for check in checks)

    def action(self, n: int) -> str:
        """The action of node ``n``; empty at the root."""
        return "" if n == ROOT else str(self.steps[n]["action"])

    def depth(self, n: int) -> int:
        """Thoughts and queries from the root to ``n``."""
        return sum(self.action(each) in ("think", "query") for each in self.path(n))

    def is_open(self, n: int) -> bool:
        """Whether a rollout through ``n`` can still bring something new."""
        if n != ROOT and self.steps[n]["pruned"]:
            return False
        if self.action(n) == "answer":
            return not self.visits[n]
        if n in self.expanded or self.action(n) in _CHAIN:
            return any(self.is_open(child) for child in self.children[n])
        return not self.visits[n] or self.depth(n) < self.config.depth

    def uct(self, n: int) -> float:
        """Q/N + w·sqrt(ln N(parent) / N); infinite before the first visit."""
        if not self.visits[n]:
            return math.inf
        spread = math.log(self.visits[self.parent(n)]) / self.visits[n]
        return self.value[n] / self.visits[n] + self.config.exploration * math.sqrt(spread)

    def select(self, start: int = ROOT) -> int | None:
        """Down from ``start`` by UCT to where something is to be done; anew from the root where nothing is
        left below ``start``. Equal children in the order in which they came. None: the tree is explored."""
        if not self.is_open(start):
            return None if start == ROOT else self.select(ROOT)
        n = start
        while n in self.expanded or self.action(n) in _CHAIN:
            n = max((child for child in self.children[n] if self.is_open(child)), key=self.uct)
        return n

    def stage(self, n: int) -> Stage:
        """What is to be done at a node that `select` found."""
        if self.action(n) == "answer":
            return "backpropagate"
        return "expand" if self.visits[n] or self.action(n) == "query" else "simulate"

    def worth(self, rollout: Rollout) -> float:
        """Q/N of the node that the rollout's answer follows."""
        node = self.parent(rollout["n"])
        return self.value[node] / self.visits[node]

    def winner(self) -> Rollout | None:
        """The first rollout of the answer with the most votes; a tie goes to the answer that follows nodes of
        the higher mean Q/N, then to the first found. Without any answer, the first rollout."""
        groups: dict[int, list[Rollout]] = defaultdict(list)
        for rollout in self.rollouts:
            if rollout["group"] is not None:
                groups[rollout["group"]].append(rollout)
        if not groups:
            return next(iter(self.rollouts), None)

        def rank(group: list[Rollout]) -> tuple[int, float]:
            return len(group), sum(self.worth(one) for one in group) / len(group)

        return max(groups.values(), key=rank)[0]  # the first of equals: groups stand as they were found

    def result(self) -> dict[str, Any]:
        """The answer of the vote; and marks of every node: visits, value, reward, vote, and ``chosen`` where
        the path of that answer goes through it."""
        winner, groups = self.winner(), {rollout["n"]: rollout["group"] for rollout in self.rollouts}
        chosen = set(self.path(winner["n"])) if winner else set()
        marks = [
            {
                "n": n,
                "visits": self.visits[n],
                "value": self.value[n],
                "reward": self.rewards.get(n),
                "vote": groups.get(n),
                "chosen": n in chosen,
            }
            for n in sorted(self.steps)
        ]
        return {"answer": winner["answer"] if winner else None, "marks": marks}


def votes(rollouts: Iterable[Rollout]) -> Counter[int]:
    """Votes of each answer, by its group."""
    return Counter(rollout["group"] for rollout in rollouts if rollout["group"] is not None)


def rewards(rollouts: Sequence[Rollout], *, by_gold: bool) -> dict[int, Literal[0, 1]]:
    """The reward of each rollout, by its terminal node.

    ``by_gold``: 1 where the answer equals gold. Else, and where there is no gold: 1 where no other answer has
    more votes, so that a change of the majority changes earlier rewards too.
    """
    counts = votes(rollouts)
    most = max(counts.values(), default=0)

    def good(rollout: Rollout) -> bool:
        if by_gold and rollout["correct"] is not None:
            return rollout["correct"]
        return rollout["group"] is not None and counts[rollout["group"]] == most

    return {rollout["n"]: 1 if good(rollout) else 0 for rollout in rollouts}


def settled(rollouts: Sequence[Rollout], remaining: int) -> bool:
    """Whether ``remaining`` rollouts, a vote each, cannot bring another answer level with the first."""
    first, second = ([count for _, count in votes(rollouts).most_common(2)] + [0, 0])[:2]
    return first - second > remaining


def key(text: str) -> str:
    """``text`` without what does not change its meaning: case, spaces, dollars, emphasis, a full stop."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACING.sub("", folded).rstrip(".,;:")


def fault(
    step: StepRecord,
    siblings: Iterable[StepRecord],
    path: Iterable[StepRecord],
    prompts: Iterable[str],
    same: Callable[[str, str], bool],
) -> str:
    """Why nothing shall follow a new step; empty where it brings something.

    Args:
        step: A thought, an answer or a query.
        siblings: Steps after the same parent that were there before.
        path: Steps from the root to the parent.
        prompts: What the model was told: saying it again is no step.
        same: Whether two answers are equal.
    """
    said = key(step["text"])
    if not said:
        return "nothing to look up" if step["action"] == "query" else "empty"
    is_query, answer = step["action"] == "query", _answer(step)
    if step["action"] == "think" and any(said in key(prompt) for prompt in prompts):
        return "repeats the prompt"
    for other in (*path, *siblings):
        if other["pruned"] or (other["action"] == "query") is not is_query:
            continue
        if key(other["text"]) == said or _equal(answer, _answer(other), same):
            return f"repeats step {other['n']}"
    return ""


def _answer(step: StepRecord) -> str | None:
    return boxed(step["text"]) if step["action"] == "answer" else None


def _equal(one: str | None, other: str | None, same: Callable[[str, str], bool]) -> bool:
    return one is not None and other is not None and (one == other or same(one, other))
