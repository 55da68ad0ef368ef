"""Problems written by hand for theorems, as trajectories: people's reasoning that stops before a theorem.

A line is ``{"id", "problem", "reasoning", "ask"}``: the id of a passage, a problem whose solution needs it
and does not name it, the reasoning up to the point where it is needed, and one sentence that asks for it.
``training/data/written.jsonl`` ships, over the theorems that ship.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.records import Fingerprints, Step, StepHit, Trajectory, Usage
from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows
from training.trajectories.episodes import WRITTEN

FORMAT = 1  # raised whenever the same line gives another trajectory


class WrittenProblem(BaseModel):
    """One line; other keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    id: str = Field(min_length=1)
    problem: str = Field(min_length=1)
    reasoning: str = Field(min_length=1)
    ask: str = Field(min_length=1)


def shipped_problems() -> Path:
    """The file of problems that ships.

    Raises:
        BadInputError: This copy of the product has none.
    """
    path = Path(str(resources.files("training") / "data" / "written.jsonl"))
    if not path.is_file():
        raise BadInputError("no written problems ship with this copy", "Leave --written out")
    return path


def written_trajectories(path: Path, skipped: list[str] | None = None) -> Iterator[Trajectory]:
    """A trajectory for each line, in order.

    Args:
        path: JSONL of `WrittenProblem`.
        skipped: Filled in with one line for each bad one; None stops at the first.

    Raises:
        BadInputError: The file cannot be read, or a line is bad.
    """
    counts: dict[str, int] = {}
    for place, row in rows(path):
        line = row if isinstance(row, str) else _parse(row)
        if not isinstance(line, str):
            counts[line.id] = counts.get(line.id, 0) + 1
            yield trajectory_of(line, counts[line.id])
        elif skipped is None:
            raise BadInputError(f"{place}: {line}", REMEDY)
        else:
            skipped.append(f"{place}: {line}")


def trajectory_of(line: WrittenProblem, number: int = 1) -> Trajectory:
    """The trajectory of a line; ``number`` tells several problems for one theorem apart."""
    hit = StepHit(id=line.id, score=1.0, verdict="relevant", reason="written for it")
    identity = f"written:{line.id}:{number}"
    steps = (
        Step(n=1, action="think", text=line.reasoning),
        Step(n=2, action="query", text=line.ask, parent=1),
        Step(n=3, action="retrieve", text=line.ask, hits=(hit,), parent=2),
    )
    return by_people(identity, line.problem, WRITTEN, steps, f"written-{FORMAT}")


def by_people(identity: str, problem: str, strategy: str, steps: tuple[Step, ...], config: str) -> Trajectory:
    """A trajectory that no model made; ``config`` is raised whenever the same input gives another one."""
    return Trajectory(
        id=identity,
        problem=problem,
        problem_id=identity,
        strategy=strategy,
        steps=steps,
        answer=None,
        reward=1,  # a person said that these passages help
        fingerprints=Fingerprints(llm="", retriever="", index="", prompts="", config=config),
        seed=0,
        usage=Usage(),
        created="",  # the same input gives the same bytes
    )


def _parse(row: Row) -> WrittenProblem | str:
    try:
        return WrittenProblem.model_validate(row)
    except ValidationError as error:
        return reasons(error)
