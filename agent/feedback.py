"""What people say of trajectories: a log of its own beside that of the trajectories, which only grows.

A line is ``{"trajectory", "key", "value", "by", "at"}``; a later one for the same key counts instead of an
earlier one, and an empty value takes it back. The keys are

- ``answer``: ``up`` or ``down``
- ``hit:ID``: ``up`` or ``down``, of a passage wherever the trajectory found it
- ``right:N``: the id of the passage that the look-up whose query is step ``N`` should have found
- ``training``: ``approved`` or ``rejected``
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.records import Trajectory
from retriever.errors import BadInputError, StorageError
from retriever.jsonl import append

NAME = "feedback.jsonl"
_VALUES = {"answer": ("up", "down"), "hit": ("up", "down"), "training": ("approved", "rejected")}


def beside(log: Path) -> Path:
    """The feedback on the trajectories of a file."""
    return log.with_name(NAME)


class FeedbackLog:
    """Feedback in ``path``, from several people and processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def give(self, trajectory: str, key: str, value: str, *, by: str = "") -> None:
        """Say something of a trajectory; an empty ``value`` takes back what was said.

        Raises:
            BadInputError: There is no such key, or it has no such value.
            StorageError: The file cannot be written.
        """
        from filelock import FileLock

        _check(key, value)
        line = {"trajectory": trajectory, "key": key, "value": value, "by": by, "at": _now()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):
                append(self.path, json.dumps(line, ensure_ascii=False).encode())
        except OSError as error:
            raise StorageError(
                f"the feedback {self.path} cannot be written ({error.strerror or error})",
                "Free some space or set RADER_HOME to a folder you may write to",
            ) from error

    def read(self) -> dict[str, dict[str, str]]:
        """What holds now, by trajectory; a torn line is left out."""
        held: dict[str, dict[str, str]] = defaultdict(dict)
        if not self.path.exists():
            return {}
        with self.path.open("rb") as file:
            for line in file:
                said = _parsed(line)
                if said is not None:
                    trajectory, key, value = said
                    held[trajectory].pop(key, None)
                    if value:
                        held[trajectory][key] = value
        return {trajectory: said for trajectory, said in held.items() if said}


def with_feedback(trajectory: Trajectory, given: dict[str, dict[str, str]]) -> Trajectory:
    """A trajectory with what `FeedbackLog.read` knows of it, which counts over what its line says."""
    said = given.get(trajectory.id)
    if not said:
        return trajectory
    return trajectory.model_copy(update={"feedback": (trajectory.feedback or {}) | said})


def _check(key: str, value: str) -> None:
    kind, _, subject = key.partition(":")
    wants = {"hit": bool(subject), "right": subject.isdigit()}.get(kind, kind in _VALUES and not subject)
    if not wants:
        raise BadInputError(f"there is no feedback {key!r}", "It is answer, hit:ID, right:STEP or training")
    if value and kind in _VALUES and value not in _VALUES[kind]:
        raise BadInputError(f"feedback {key} cannot be {value!r}", f"It is {' or '.join(_VALUES[kind])}")


def _parsed(line: bytes) -> tuple[str, str, str] | None:
    try:
        said: Any = json.loads(line)
        trajectory, key, value = (said[name] for name in ("trajectory", "key", "value"))
        _check(key, value)
    except (ValueError, TypeError, KeyError, AttributeError, BadInputError):
        return None
    return str(trajectory), key, value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
