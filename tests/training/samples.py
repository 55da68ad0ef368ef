"""Trajectories and passages for tests of training data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agent.records import Action, Fingerprints, Step, StepHit, Trajectory, Usage, Verdict
from retriever.corpus import Corpus
from retriever.passage import Passage

PRINTS = Fingerprints(llm="", retriever="", index="", prompts="", config="")
QUESTION = "A gardener has 12 roses and sells a third of them; how many roses does she keep?"
THOUGHT = "A third of twelve is what she gives away, so I look for the rest after taking a part."


def hit(identity: str, verdict: Verdict | None = None) -> StepHit:
    return StepHit(id=identity, score=1.0, verdict=verdict)


def step(n: int, action: Action, text: str = "", *hits: StepHit, **more: Any) -> Step:
    return Step(**{"n": n, "action": action, "text": text, "hits": hits, "parent": n - 1 or None, **more})


def looked_up(first: int, relevant: Sequence[str], rejected: Sequence[str] = ()) -> list[Step]:
    """A query, what it brought and the verdicts; the first relevant passage is used."""
    found = [*relevant, *rejected]
    judged = [hit(one, "relevant" if one in relevant else "irrelevant") for one in found]
    steps = [
        step(first, "query", "words the search used"),
        step(first + 1, "retrieve", "", *map(hit, found)),
        step(first + 2, "reflect", "", *judged),
    ]
    return [*steps, step(first + 3, "summarise", "in plain words", judged[0])] if relevant else steps


def trajectory(steps: Iterable[Step], **more: Any) -> Trajectory:
    values: dict[str, Any] = {
        "id": "t",
        "problem": QUESTION,
        "problem_id": "p",
        "strategy": "steps",
        "steps": tuple(steps),
        "answer": "8",
        "gold": "8",
        "reward": 1,
        "fingerprints": PRINTS,
        "seed": 0,
        "usage": Usage(),
        "created": "",
    }
    return Trajectory(**values | more)


def solved(
    number: int = 0, relevant: Sequence[str] = ("parts",), rejected: Sequence[str] = ("ring",), **more: Any
) -> Trajectory:
    """A right solution of a problem of its own that used a passage and rejected another."""
    steps = [step(1, "think", THOUGHT), *looked_up(2, relevant, rejected), step(6, "answer", "\\boxed{8}")]
    problem = f"{QUESTION} {WORDS[number % len(WORDS)]} {WORDS[number // len(WORDS) % len(WORDS)]}"
    return trajectory(steps, **{"id": f"t{number}", "problem_id": f"p{number}", "problem": problem} | more)


WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grape", "hazel", "ivory", "jasper", "kelp"]
WORDS += ["lilac", "maple", "nutmeg", "olive"]
PASSAGES = [
    Passage(id="parts", title="Part of a Whole", text="A share of a whole taken away leaves the complement."),
    Passage(id="ring", title="Ring Homomorphism", text="A map between rings keeps sums and products."),
    Passage(id="angle", title="Inscribed Angle", text="An angle on a circle is half of the central angle."),
    Passage(id="prime", title="Prime Divisor", text="Every number above one has a divisor without divisors."),
]
CORPUS = Corpus(PASSAGES)


def write(folder: Path, trajectories: Iterable[Trajectory], name: str = "trajectories.jsonl") -> Path:
    """Write a log into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(one.to_json() + "\n" for one in trajectories), encoding="utf-8")
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
