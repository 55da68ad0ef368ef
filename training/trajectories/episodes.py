"""Episodes: the retrievals of a verified solution, each with what helped and what was rejected.

    for episode in episodes(trajectory):
        print(episode.problem, episode.thoughts, episode.positives)

A solution is verified where its answer was right (reward 1) or, on request, where a person approved it. Of a
tree, every path counts that ends in a right answer (METHOD, Samples). Feedback is a trajectory's
``{"training": "approved"|"rejected", "answer": "up"|"down", "hit:ID": "up"|"down"}``, each key where a person
has said so: a rejected trajectory teaches nothing, and a person's word about a passage replaces the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from agent.answers import boxed, grade
from agent.records import Step, StepHit, Trajectory

PROOF, WRITTEN = "proof", "written"  # strategies whose steps people wrote
_LOOKUP = ("retrieve", "reflect", "summarise")


@dataclass(frozen=True)
class Episode:
    """One retrieval on the way to a right answer.

    Attributes:
        key: Trajectory and step, as in the ids of triples.
        trajectory, problem_id, problem: Where it is from.
        thoughts: The steps before the query, oldest first.
        asked: The query's own text where a person wrote it; empty where a model searched with it, since that
            is no training query (METHOD).
        strategy: The trajectory's.
        positives: Passages that helped.
        rejected: Passages that the same query brought and that did not help.
    """

    key: str
    trajectory: str
    problem_id: str
    problem: str
    thoughts: tuple[str, ...]
    asked: str
    strategy: str
    positives: tuple[str, ...]
    rejected: tuple[str, ...]


def refusal(trajectory: Trajectory, *, approved: bool = False) -> str:
    """Why nothing can be learned from a trajectory; empty where something can."""
    if (trajectory.feedback or {}).get("training") == "rejected":
        return "rejected by a person"
    if not trajectory.steps:
        return "without steps"
    if not any(True for _ in verified_paths(trajectory, approved=approved)):
        return "answer not known to be right" if trajectory.reward is None else "wrong answer"
    if not any(True for _ in episodes(trajectory, approved=approved)):
        return "nothing was found relevant"
    return ""


def episodes(trajectory: Trajectory, *, approved: bool = False) -> Iterator[Episode]:
    """The episodes of a trajectory, each once; none where it is neither right nor approved.

    Args:
        trajectory: Any.
        approved: Also take what a person approved, whatever its reward.
    """
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for path in verified_paths(trajectory, approved=approved):
        for episode, n in _of_path(trajectory, path):
            if (n, episode.positives) not in seen:
                seen.add((n, episode.positives))
                yield episode


def verified_paths(trajectory: Trajectory, *, approved: bool = False) -> Iterator[list[Step]]:
    """Every path of steps from the problem to a right answer, or to the one that a person approved."""
    feedback = trajectory.feedback or {}
    if feedback.get("training") == "rejected" or not trajectory.steps:
        return
    liked = approved and "rejected" not in feedback.values() and _is_approved(feedback)
    by_n = {step.n: step for step in trajectory.steps}
    ends = [step for step in trajectory.steps if step.reward is not None]
    if not ends:  # no tree: one path
        if trajectory.reward == 1 or liked:
            yield _path(by_n, trajectory.steps[-1])
        return
    for end in ends:
        if _is_right(trajectory, end) or (liked and end.chosen):
            yield _path(by_n, end)


def _is_approved(feedback: dict[str, str]) -> bool:
    return feedback.get("training") == "approved" or feedback.get("answer") == "up"


def _is_right(trajectory: Trajectory, end: Step) -> bool:
    """A rollout's reward may be a majority's, and a majority can be wrong: then the gold answer decides."""
    if end.reward != 1:
        return False
    return trajectory.reward == 1 or grade(boxed(end.text), trajectory.gold) == "correct"


def _path(by_n: dict[int, Step], end: Step) -> list[Step]:
    path = [end]
    while (parent := path[-1].parent) is not None and parent in by_n and parent < path[-1].n:
        path.append(by_n[parent])
    return path[::-1]


def _of_path(trajectory: Trajectory, path: list[Step]) -> Iterator[tuple[Episode, int]]:
    for place, step in enumerate(path):
        if step.action != "query":
            continue
        lookup = list(takewhile(lambda one: one.action in _LOOKUP, path[place + 1 :]))
        positives, rejected = _judged(step, lookup, trajectory.feedback or {})
        if positives:
            found = Episode(
                key=f"{trajectory.id}:{step.n}",
                trajectory=trajectory.id,
                problem_id=trajectory.problem_id,
                problem=trajectory.problem,
                thoughts=tuple(
                    one.text for one in path[:place] if one.action == "think" and one.text.strip()
                ),
                asked=step.text.strip() if trajectory.strategy in (PROOF, WRITTEN) else "",
                strategy=trajectory.strategy,
                positives=positives,
                rejected=rejected,
            )
            yield found, step.n


def _judged(
    query: Step, lookup: list[Step], feedback: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What helped and what did not. Of several relevant passages, the path went on with those summarised.

    A person's word counts over the model's: what he called the right one takes the place of all others.
    """
    hits: dict[str, StepHit] = {hit.id: hit for step in lookup for hit in step.hits if hit.verdict}
    used = [hit.id for step in lookup if step.action == "summarise" for hit in step.hits]
    relevant = used or [one for one, hit in hits.items() if hit.verdict == "relevant"]
    rejected = [one for one, hit in hits.items() if hit.verdict == "irrelevant"]
    said = {key.removeprefix("hit:"): value for key, value in feedback.items() if key.startswith("hit:")}
    down = {one for one, value in said.items() if value == "down"}
    found = {hit.id for step in lookup for hit in step.hits}
    up = [one for one, value in said.items() if value == "up" and one in found]
    right = feedback.get(f"right:{query.n}")
    positives = (
        (right,) if right else tuple(one for one in dict.fromkeys([*relevant, *up]) if one not in down)
    )
    wrong = dict.fromkeys([*rejected, *(one for one in down if one in found)])
    return positives, tuple(one for one in wrong if one not in positives)
