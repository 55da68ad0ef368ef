"""A small world to learn in: which of twelve theorems is meant, a step says by another word than it has."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from agent.records import Trajectory
from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.indexing.follow import follow
from retriever.passage import Passage
from tests.training.samples import looked_up, step, trajectory
from training.retrain.loop import RetrainConfig, Tools
from training.trainers.config import RetrieverTraining
from training.triples.records import TriplesConfig

SUBJECTS = [
    "prime",
    "circle",
    "graph",
    "integral",
    "matrix",
    "probability",
    "triangle",
    "sequence",
    "root",
    "cube",
    "set",
    "group",
]
CLUES = [
    "sum",
    "product",
    "number",
    "angle",
    "side",
    "area",
    "path",
    "vertex",
    "edge",
    "function",
    "limit",
    "derivative",
]
FILLERS = [
    "and",
    "is",
    "for",
    "in",
    "to",
    "if",
    "then",
    "lemma",
    "formula",
    "polynomial",
    "equation",
    "inequality",
    "square",
    "series",
]
WORLD = Corpus(
    Passage(id=word, title=f"{word} theorem", text=f"the {word} of a {word}, {FILLERS[n]} {FILLERS[n + 1]}")
    for n, word in enumerate(SUBJECTS)
)


def solved_problems(count: int, *, right: bool = True) -> list[Trajectory]:
    """Trajectories in which a clue's theorem helped; not ``right``: another theorem, drawn anew each time."""
    return [_solved(number, right) for number in range(count)]


def _solved(number: int, right: bool) -> Trajectory:
    draw, kind = random.Random(number), number % len(CLUES)  # noqa: S311
    found = SUBJECTS[kind] if right else draw.choice(SUBJECTS)
    code = "".join(chr(97 + int(digit)) for digit in f"{number:04}")
    rejected = draw.choice([word for word in SUBJECTS if word != found])
    steps = [step(1, "think", _text(draw, CLUES[kind])), *looked_up(2, [found], [rejected])]
    steps.append(step(6, "answer", "\\boxed{1}"))
    problem = f"{code} {_text(draw, CLUES[kind])}"
    return trajectory(steps, id=f"t{number}", problem_id=f"p{number}", problem=problem)


def _text(draw: random.Random, clue: str) -> str:
    return " ".join(word for filler in draw.choices(FILLERS, k=5) for word in (clue, filler))


def config(base: Path, **changes: Any) -> RetrainConfig:
    """A recipe for some seconds on the CPU."""
    recipe: dict[str, Any] = {
        "base": str(base),
        "batch": 16,
        "mini_batch": 16,
        "lr": 3e-3,
        "epochs": 3,
        "device": "cpu",
    }
    recipe |= {"mix": {"lexical": 8, "question": 0}, "evaluate_every": 1000, "hard_negatives": 0}
    given: dict[str, Any] = {"held_out": 0.25, "least": 20}
    return RetrainConfig(
        training=RetrieverTraining(**recipe), triples=TriplesConfig(validation=0.1), **(given | changes)
    )


def tools(home: Path, old: Path, serving: str = "") -> Tools:
    """The loop's tools, in a home."""
    return Tools(
        home=home,
        serving=serving,
        old=str(old),
        encoder=lambda name: _encoder(name, home),
        follow=lambda encoder: follow(home, encoder),
        watch=lambda what, done, total: None,
    )


def _encoder(name: str, home: Path) -> Encoder:
    from retriever.encoding.presets import encoder_for

    return encoder_for(name, home, backend="torch", usual_passage_tokens=128)
