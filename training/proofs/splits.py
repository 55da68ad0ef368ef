"""Seeded splits of trajectories by statement, so that nothing held out is trained on.

    plan = plan_split(log.read(), groups_of(corpus))
    training = (one for one in log.read() if plan.fate(one) == "train")

A held-out theorem stands nowhere in training, neither as a positive nor as the problem; a problem whose
solution uses one gives no training pair. A statement's side depends on the seed and on the name of its group
alone, not on the order or the number of trajectories. A group is a statement with its copies and its likes:
the pages under one title, numerals aside ("Cosine of 15 Degrees", "Cosine of 75 Degrees"), statements that
share an alias, and those of equal text.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agent.records import Step, Trajectory
from retriever.passage import Passage
from training.proofs.names import form_of

Side = Literal["train", "held_out"]
Fate = Literal["train", "held_out", "neither"]

HELD_OUT = 0.05  # of ProofWiki: 1,253 step queries, and 77% of the pairs for training
_UNIMPORTANT = re.compile(r"[\s$.,;:]+")


def split_of(key: str, held_out: float = HELD_OUT, seed: int = 0) -> Side:
    """The side of a key: held out for about that share (0 to 1) of all keys, by sha256."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return "held_out" if int.from_bytes(digest[:8], "big") < held_out * 2**64 else "train"


def groups_of(passages: Iterable[Passage]) -> dict[str, str]:
    """The name of each passage's group, by its id; a group must not be torn apart."""
    from networkx.utils import UnionFind

    ids: list[str] = []
    joined: UnionFind[str] = UnionFind()
    for passage in passages:
        ids.append(passage.id)
        joined.union(f"id {passage.id}", *_likenesses(passage))
    names = {member: min(group) for group in joined.to_sets() for member in group}
    return {one: names[f"id {one}"] for one in ids}


def copies_of(passages: Iterable[Passage]) -> dict[str, frozenset[str]]:
    """The ids of all passages with the same text, by the id of each, its own among them."""
    same: defaultdict[str, set[str]] = defaultdict(set)
    keys: dict[str, str] = {}
    for passage in passages:
        keys[passage.id] = text_key(passage.text)
        same[keys[passage.id]].add(passage.id)
    return {one: frozenset(same[key]) for one, key in keys.items()}


def text_key(text: str) -> str:
    """What copies of one text share: blanks, dollars and punctuation may differ."""
    return hashlib.sha256(_UNIMPORTANT.sub("", text).encode()).hexdigest()


def relevant(step: Step) -> tuple[str, ...]:
    """Ids of the passages that the step found relevant."""
    return tuple(hit.id for hit in step.hits if hit.verdict == "relevant")


@dataclass(frozen=True)
class SplitPlan:
    """Who stands where. Made by `plan_split`.

    Attributes:
        groups: Name of the group of each known id; an unknown id is a group of its own.
        theorems: Groups that are held out; no step that uses one is trained on.
        problems: Groups of the problems that training leaves out: ``theorems``, and every problem whose
            solution uses one.
    """

    groups: Mapping[str, str]
    theorems: frozenset[str]
    problems: frozenset[str]

    def fate(self, trajectory: Trajectory) -> Fate:
        """Where a trajectory goes, whole; ``neither``: its problem is left out, and no step is held out."""
        if self.group(trajectory.problem_id) not in self.problems:
            return "train"
        return "held_out" if any(self.held_out_steps(trajectory)) else "neither"

    def held_out_steps(self, trajectory: Trajectory) -> Iterator[Step]:
        """The steps all of whose relevant passages are held out."""
        for step in trajectory.steps:
            found = relevant(step)
            if found and all(self.group(one) in self.theorems for one in found):
                yield step

    def group(self, identity: str) -> str:
        """The name of an id's group."""
        return self.groups.get(identity, identity)


def plan_split(
    trajectories: Iterable[Trajectory], groups: Mapping[str, str], held_out: float = HELD_OUT, seed: int = 0
) -> SplitPlan:
    """Hold out a share of all theorems, and with them every problem whose solution uses one.

    Problems that use none of them stay in training, since they could not give a held-out step.

    Args:
        trajectories: All of them, read once; a trajectory that is not among them has no place in the plan.
        groups: Groups of the passages, from `groups_of`.
        held_out: Share of the groups, 0 to 1.
        seed: Another seed holds out other groups.
    """
    theorems: set[str] = set()
    problems: set[str] = set()
    for trajectory in trajectories:
        problem = groups.get(trajectory.problem_id, trajectory.problem_id)
        used = {groups.get(one, one) for step in trajectory.steps for one in relevant(step)}
        held = {group for group in used if split_of(group, held_out, seed) == "held_out"}
        theorems |= held
        if held or split_of(problem, held_out, seed) == "held_out":
            problems.add(problem)
    return SplitPlan(groups, frozenset(theorems), frozenset(problems))


def _likenesses(passage: Passage) -> Iterator[str]:
    """What the passage shares with the others of its group."""
    yield f"text {text_key(passage.text)}"
    for name in (passage.title, *passage.aliases):
        base = form_of(name.split("/", maxsplit=1)[0])
        if any(word.isalpha() for word in base):
            yield "title " + " ".join("#" if word.isdigit() else word for word in base)
