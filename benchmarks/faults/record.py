"""What a trial came to, the file that keeps it, and the table of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

MISSING = object()


class Trial(BaseModel):
    """One scenario gone through once.

    Attributes:
        scenario: Its name.
        number: Which trial of the scenario, from 0.
        tried: Faults in it.
        lost: What should be there in the end and is not.
        wrong: What was shown, served or kept and should not have been.
        note: What else is worth a word.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    number: int
    tried: int
    lost: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    note: str = ""


class Asked(NamedTuple):
    """What a run shall do: kills over all commands, the seed of all that is random, what is known already."""

    kills: int
    seed: int
    kept: Kept


class Scenario(NamedTuple):
    """One row of the table: its name, and what yields its missing trials."""

    name: str
    run: Callable[[Asked], Iterator[Trial]]


class Kept:
    """The trials in a file, so that a run that is stopped goes on where it was.

    Args:
        file: JSONL; a torn last line is done again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        if whole != lines:
            os.truncate(file, sum(map(len, whole)))
        self.trials = [Trial.model_validate_json(line) for line in whole]

    def of(self, scenario: str) -> list[Trial]:
        """The trials of a scenario."""
        return [trial for trial in self.trials if trial.scenario == scenario]

    def add(self, trial: Trial) -> None:
        """One more."""
        self.trials.append(trial)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(trial.model_dump_json() + "\n")


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is lost and what is wrong in ``found``."""
    lost = [key for key in wanted if key not in found]
    wrong = [key for key, value in found.items() if wanted.get(key, MISSING) != value]
    return lost, wrong


def table(trials: Sequence[Trial]) -> str:
    """The trials by scenario as a Markdown table, then every loss and fault, a line each."""
    by_name: dict[str, list[Trial]] = {}
    for trial in trials:
        by_name.setdefault(trial.scenario, []).append(trial)
    lines = ["| scenario | tried | lost | served wrong | note |", "| --- | --- | --- | --- | --- |"]
    for name, each in by_name.items():
        counts = [sum(values) for values in zip(*(_counts(one) for one in each), strict=True)]
        notes = dict.fromkeys(one.note for one in each if one.note)
        lines.append(f"| {name} | {' | '.join(map(str, counts))} | {'; '.join(notes)} |")
    return "\n".join([*lines, "", *_faults(trials)])


def _counts(trial: Trial) -> tuple[int, int, int]:
    return trial.tried, len(trial.lost), len(trial.wrong)


def _faults(trials: Sequence[Trial]) -> list[str]:
    return [
        f"- {trial.scenario} {trial.number}: {kind} {what}"
        for trial in trials
        for kind, items in (("lost", trial.lost), ("wrong", trial.wrong))
        for what in items
    ]
