"""Stages of a long run: each leaves its output in a folder; one that nothing changed for is skipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from retriever.encoding.loading import file_sha256
from retriever.files import write_atomically
from training.trainers.run_folder import alone_in


class Stages:
    """The stages in a folder; ``NAME.stage.json`` is written when a stage is done.

    Args:
        folder: Of the run; made where there is none.

    Attributes:
        done: Names of the stages that were found done, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[str] = []

    def run(
        self, name: str, inputs: dict[str, Any], work: Callable[[], Any], files: Sequence[str] = ()
    ) -> Any:
        """What a stage gives, from before where its inputs and its files are the same.

        Args:
            name: Of the stage.
            inputs: All that decides it, for JSON.
            work: Does it; its result must go through JSON.
            files: What it writes, by path within the folder.
        """
        record, inputs = self.folder / f"{name}.stage.json", json.loads(json.dumps(inputs))
        try:
            before = json.loads(record.read_bytes())
            if before["inputs"] == inputs and before["files"] == self._marks(before["files"]):
                self.done.append(name)
                return before["result"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not done, or cut off while it was written: done again
        result = work()
        found = {"inputs": inputs, "files": self._marks(files), "result": result}
        write_atomically(record, json.dumps(found, ensure_ascii=False))
        return json.loads(json.dumps(result))

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes out; see `alone_in`."""
        return alone_in(self.folder)

    def _marks(self, names: Sequence[str]) -> dict[str, str]:
        return {name: file_sha256(self.folder / name) for name in names}
