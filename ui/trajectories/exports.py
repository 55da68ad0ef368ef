"""Trajectories written out one by one, with the feedback on them: JSONL as logs have it, and Parquet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from agent.records import Trajectory
from retriever.errors import BadInputError, MissingExtraError, StorageError
from ui.trajectories.arrow import schema

Format = Literal["jsonl", "parquet"]

KEPT_SECONDS = 3600.0
_STEPS = 2000  # in a row group, so that long searches do not fill the memory


def export(trajectories: Iterable[Trajectory], file: Path, kind: Format) -> Iterator[int]:
    """Write a file; tells how many are written after each.

    Raises:
        MissingExtraError: Parquet needs pyarrow.
        BadInputError: A number is too large for Parquet.
        StorageError: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield from _WRITERS[kind](trajectories, file)
    except OSError as error:
        raise StorageError(
            f"the export cannot be written ({error.strerror or error})", "Free some space, or export less"
        ) from error


def clean(folder: Path) -> None:
    """Remove the exports in ``folder`` that are older than an hour."""
    for each in folder.glob("*"):
        with suppress(OSError):
            if time.time() - each.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(each)


def _jsonl(trajectories: Iterable[Trajectory], file: Path) -> Iterator[int]:
    with file.open("w", encoding="utf-8") as out:
        for count, trajectory in enumerate(trajectories, 1):
            out.write(f"{trajectory.to_json()}\n")
            yield count


def _parquet(trajectories: Iterable[Trajectory], file: Path) -> Iterator[int]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("parquet") from error

    columns, held, steps = schema(Trajectory), list[dict[str, Any]](), 0
    with parquet.ParquetWriter(file, columns, compression="zstd") as writer:

        def write() -> None:
            try:
                writer.write_batch(pa.RecordBatch.from_pylist(held, schema=columns))
            except (pa.ArrowInvalid, OverflowError) as error:
                raise BadInputError(
                    f"a number in {held[0]['id']} or one after it is too large for Parquet", "Export JSONL"
                ) from error
            held.clear()

        for count, trajectory in enumerate(trajectories, 1):
            held.append(_row(trajectory))
            steps += len(trajectory.steps)
            if steps > _STEPS:
                write()
                steps = 0
            yield count
        write()


def _row(trajectory: Trajectory) -> dict[str, Any]:
    said = [{"key": key, "value": value} for key, value in (trajectory.feedback or {}).items()]
    return trajectory.model_dump(by_alias=True) | {"feedback": said or None}


_WRITERS: dict[Format, Callable[[Iterable[Trajectory], Path], Iterator[int]]] = {
    "jsonl": _jsonl,
    "parquet": _parquet,
}
