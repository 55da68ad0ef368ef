"""The index folder: a sub-folder a version, a manifest in each that is complete, a pointer to the current.

home/index/
├── build.lock        held by the one build that may run
├── current.json      {"current": NAME, "previous": NAME}: switched in one step
└── NAME/             a version, named by its fingerprint
    ├── chroma-…/, lexical/  written while it is built
    └── manifest.json written last: without it the version is half-written
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retriever.errors import StorageError

STORAGE_REMEDY = "Make room and check its permissions, or set RADER_HOME to another folder"
SCHEMA = 1  # raise when the layout of a version, the tokeniser or BM25's settings change: it forces a rebuild


class IndexInfo(BaseModel):
    """What an index holds and how it was made; its manifest.

    ``encoded`` and ``reused`` count the vectors that were computed and those taken over from the index before
    by the build that finished it; ``cut`` counts passages among the encoded that were longer than the encoder
    reads.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    encoder: str
    encoder_fingerprint: str
    corpus_sha256: str
    dim: int
    count: int
    kinds: dict[str, int] = Field(default_factory=dict)
    encoded: int = 0
    reused: int = 0
    cut: int = 0
    seconds: float = 0.0


def fingerprint(encoder_fingerprint: str, corpus_sha256: str) -> str:
    """Names an index: all that decides what it answers; 32 hex digits."""
    parts = [SCHEMA, encoder_fingerprint, corpus_sha256, "cosine"]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class Versions:
    """The versions of the index below one home folder."""

    def __init__(self, home: str | Path) -> None:
        self.root = Path(home) / "index"

    def folder(self, name: str) -> Path:
        """Where a version lives."""
        return self.root / name

    def complete(self, name: str) -> IndexInfo | None:
        """The manifest of a version; None where there is none: never built, or not to its end."""
        try:
            return IndexInfo.model_validate_json((self.folder(name) / "manifest.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def current(self) -> IndexInfo | None:
        """The version that serves; None where there is none."""
        name = self._pointer().get("current")
        return self.complete(name) if name else None

    def unfinished(self) -> bool:
        """Whether a build was begun and not finished."""
        folders = self._folders()
        return any(self.complete(folder.name) is None for folder in folders)

    def finish(self, info: IndexInfo) -> None:
        """Write a version's manifest: from here on it is complete."""
        write_atomically(self.folder(info.fingerprint) / "manifest.json", info.model_dump_json(indent=2))

    def switch(self, name: str) -> None:
        """Let a complete version serve, and remove what is neither it nor the one that served before.

        Processes that still search the one before keep their files.
        """
        pointer = self._pointer()
        if pointer.get("current") != name:
            pointer = {"current": name, "previous": pointer.get("current")}
            write_atomically(self.root / "current.json", json.dumps(pointer))
        for folder in self._folders():
            if folder.name not in pointer.values():
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the build lock, waiting for another build to end.

        Raises:
            StorageError: The folder cannot be written to, now or during the build.
        """
        from filelock import FileLock

        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "build.lock"):
                yield

    def _pointer(self) -> dict[str, str | None]:
        try:
            pointer = json.loads((self.root / "current.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return pointer if isinstance(pointer, dict) else {}

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write to {folder}: {reason}", STORAGE_REMEDY) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all, also when the power fails."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
