"""What a run leaves behind: problem, steps, trajectory (DESIGN, Files). Versioned by ``schema``."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from retriever.passage import ScorePart

Action = Literal["think", "query", "retrieve", "reflect", "summarise", "answer"]
Grade = Literal["correct", "wrong", "ungradable"]
Verdict = Literal["relevant", "irrelevant"]
Decided = Literal["holds", "fails", "unknown"]
Outcome = Literal["finished", "stopped", "failed"]
_OPTIONAL_KEYS = ("checks", "visits", "value", "reward", "vote", "pruned", "chosen")  # of a step
_OPTIONAL = ("planned", "feedback", "continues")  # of a trajectory


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Turn(Record):
    """An earlier message of the conversation that a follow-up question refers to."""

    role: Literal["user", "assistant"]
    content: str


class Problem(Record):
    """A problem to solve; ``answer`` is the gold answer where one is known."""

    id: str
    problem: str
    answer: str | None = None
    solution: str | None = None
    history: tuple[Turn, ...] = ()


class StepHit(Record):
    """A passage that a step retrieved, with the agent's verdict once it has reflected on it."""

    id: str
    title: str = ""
    score: float
    parts: dict[ScorePart, float] = Field(default_factory=dict)
    verdict: Verdict | None = None
    reason: str = ""


class Check(Record):
    """The verdict on one claim of a thought (``agent.checks``).

    Attributes:
        claim: The claim as it stands, on one line.
        verdict: ``unknown`` means that it cannot be told; most equations with variables are of that kind.
        span: Where it begins and ends in the step's text.
        reason: In a few words; empty where there is nothing to say.
    """

    claim: str
    verdict: Decided
    span: tuple[int, int]
    reason: str = ""


class Step(Record):
    """One action of the agent.

    ``n`` counts from 1, ``parent`` is the step it follows (None at the root), ``ms`` is wall-clock time
    and ``tokens`` what the language model generated for it (0 where it was not asked). ``checks`` are the
    verdicts on the claims of a thought or an answer.

    In a tree (METHOD, Search) ``visits`` is how many rollouts went through the step (N) and ``value`` the sum
    of their rewards (Q); ``reward`` is that of a rollout that ended here, ``vote`` the first step that boxed
    the answer it votes for, maybe itself; ``pruned`` says why nothing follows the step; ``chosen`` marks the
    path of the answer given.
    """

    n: int
    action: Action
    text: str
    hits: tuple[StepHit, ...] = ()
    parent: int | None = None
    ms: float = 0.0
    tokens: int = 0
    checks: tuple[Check, ...] = ()
    visits: int | None = None
    value: int | None = None
    reward: Literal[0, 1] | None = None
    vote: int | None = None
    pruned: str = ""
    chosen: bool = False


class Usage(Record):
    """What a run cost: tokens read and written by the language model, its calls, wall-clock seconds."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        mine, theirs = self.model_dump(), other.model_dump()
        return Usage(**{key: mine[key] + theirs[key] for key in mine})


class Fingerprints(Record):
    """What a run was made with; two runs with equal fingerprints and seed can be compared."""

    llm: str
    retriever: str
    index: str
    prompts: str
    config: str


class Continues(Record):
    """Where a run took its first steps from: step ``step`` of a trajectory and those before it. That step's
    text may be another: a person changed it."""

    trajectory: str
    step: int


class Trajectory(Record):
    """One attempt at a problem, whole: every step, the answer and how it was graded.

    ``grade`` and ``reward`` are None where no gold answer is known. ``outcome`` says whether the run came
    to its end; ``error`` is the one line that the user saw if it did not. ``planned`` is how many attempts a
    search or a vote might have made; one that stops early makes fewer. ``continues`` is there where the first
    steps are not the run's own.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    id: str
    problem: str
    problem_id: str
    gold: str | None = None
    strategy: str
    steps: tuple[Step, ...]
    answer: str | None
    grade: Grade | None = None
    reward: Literal[0, 1] | None = None
    outcome: Outcome = "finished"
    error: str = ""
    fingerprints: Fingerprints
    seed: int
    usage: Usage
    planned: int | None = None
    created: str
    feedback: dict[str, str] | None = None
    continues: Continues | None = None

    def to_record(self) -> dict[str, Any]:
        """The trajectory as DESIGN's object; optional keys that say nothing are left out."""
        record = self.model_dump(mode="json", by_alias=True)
        for step in record["steps"]:
            if step["action"] not in ("retrieve", "reflect", "summarise"):
                del step["hits"]
            for key in _OPTIONAL_KEYS:
                if step[key] is None or step[key] is False or step[key] in ("", []):
                    del step[key]
        return {key: value for key, value in record.items() if key not in _OPTIONAL or value}

    def to_json(self) -> str:
        """The trajectory as one line of JSON."""
        return json.dumps(self.to_record(), ensure_ascii=False)
