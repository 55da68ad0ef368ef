"""Trajectories from files and folders, read as often as needed and never held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from agent.feedback import FeedbackLog, beside, with_feedback
from agent.records import Trajectory
from retriever.encoding.loading import file_sha256
from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows, shown, unreadable
from training.trajectories.labelled import labelled_trajectories
from training.trajectories.written import written_trajectories

NAME = "trajectories.jsonl"
_HINT = "Name a folder that rader collect or rader import-proofs wrote, or a file of trajectories"


class TrajectoryFiles:
    """Trajectories of several files, in order.

    Args:
        sources: Files, or folders that hold ``trajectories.jsonl``.
        written: Files of problems written by hand (`training.trajectories.written`).
        labelled: Files of queries with their passages (`training.trajectories.labelled`).
        skip_bad: Leave bad lines out and list them in ``skipped``.

    Raises:
        BadInputError: There is no such file, or none is named.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        written: Sequence[Path] = (),
        labelled: Sequence[Path] = (),
        *,
        skip_bad: bool = False,
    ) -> None:
        self.paths = [path / NAME if path.is_dir() else path for path in sources]
        self.written, self.labelled = list(written), list(labelled)
        self.skipped: list[str] = []
        self._skip_bad = skip_bad
        if not self._all:
            raise BadInputError("there is nothing to make triples from", _HINT)
        for path in self._all:
            if not path.is_file():
                raise BadInputError(f"there is no file {shown(path)}", _HINT)

    def read(self) -> Iterator[Trajectory]:
        """Every trajectory, once by its id in a file, with the feedback that lies beside it.

        Raises:
            BadInputError: A line is no trajectory of this schema and ``skip_bad`` is off.
        """
        skipped: list[str] = []
        for path in self.paths:
            given = FeedbackLog(beside(path)).read()
            for place, row in rows(path):
                found = row if isinstance(row, str) else _parse(row)
                if isinstance(found, Trajectory):
                    yield with_feedback(found, given)
                elif self._skip_bad:
                    skipped.append(f"{place}: {found}")
                else:
                    raise BadInputError(f"{place}: {found}", REMEDY)
        for path in self.written:
            yield from written_trajectories(path, skipped if self._skip_bad else None)
        for path in self.labelled:
            yield from labelled_trajectories(path, skipped if self._skip_bad else None)
        self.skipped = skipped

    def sha256(self) -> dict[str, str]:
        """Hash of each file, by its name."""
        return {shown(path): input_sha256(path) for path in (*self._all, *self._given)}

    @property
    def _all(self) -> tuple[Path, ...]:
        return (*self.paths, *self.written, *self.labelled)

    @property
    def _given(self) -> Iterator[Path]:
        """Files of feedback."""
        return (path for path in dict.fromkeys(map(beside, self.paths)) if path.is_file())


def input_sha256(path: Path) -> str:
    """sha256 of a file that somebody named.

    Raises:
        BadInputError: It cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _parse(row: Row) -> Trajectory | str:
    """The trajectory of a line, or why it is none; another schema is said as such."""
    if (schema := row.get("schema")) != 1:
        return (
            f"a trajectory of schema {schema!r}, and this version reads schema 1"
            if schema
            else ("no trajectory: it has no schema")
        )
    try:
        return Trajectory.model_validate(row)
    except ValidationError as error:
        return reasons(error)
