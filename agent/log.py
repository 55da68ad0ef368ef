"""The trajectory log: JSONL that only grows, safe against kills and concurrent writers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from agent.errors import LogError
from agent.feedback import FeedbackLog, beside, with_feedback
from agent.records import Trajectory
from retriever.errors import StorageError
from retriever.jsonl import append


class TrajectoryLog:
    """Appends trajectories to ``path`` and reads them back.

    A line is written under a lock, whole or not at all, and is on the disk before `append` returns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, trajectory: Trajectory) -> None:
        """Add one line.

        Raises:
            StorageError: the file cannot be written (read-only folder, full disk).
        """
        from filelock import FileLock

        line = trajectory.to_json().encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):
                append(self.path, line)
        except OSError as error:
            raise StorageError(
                f"the trajectory log {self.path} cannot be written ({error.strerror or error})",
                "Free some space or set RADER_HOME to a folder you may write to",
            ) from error

    def find(self, ids: Collection[str]) -> dict[str, Trajectory]:
        """The trajectories with these ids, with the feedback on them; of one logged twice the last."""
        if not ids or not self.path.exists():
            return {}
        given, wanted = FeedbackLog(beside(self.path)).read(), [one.encode() for one in ids]
        found: dict[str, Trajectory] = {}
        with self.path.open("rb") as file:
            for line in file:
                if any(one in line for one in wanted):  # reading a line takes longer than looking into it
                    with suppress(ValidationError):
                        trajectory = Trajectory.model_validate_json(line)
                        found[trajectory.id] = with_feedback(trajectory, given)
        return {one: found[one] for one in ids if one in found}

    def read(self, *, skip_bad: bool = True) -> Iterator[Trajectory]:
        """Every whole trajectory with the feedback on it, oldest first.

        Raises:
            LogError: a line is no trajectory and ``skip_bad`` is off.
        """
        if not self.path.exists():
            return
        given = FeedbackLog(beside(self.path)).read()
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield with_feedback(Trajectory.model_validate_json(line), given)
                except ValidationError as error:
                    if not skip_bad and line.strip():
                        reason = error.errors()[0]["msg"]
                        raise LogError(f"{self.path}, line {number}: {reason}") from error
