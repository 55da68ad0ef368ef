"""Which files of a model were hashed and found right; what becomes of those that are not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from retriever.errors import HashMismatchError
from retriever.pulling.fetch import Job, write_atomically
from retriever.pulling.manifest import ModelFile

_CHUNK = 1 << 22


class Seen(BaseModel):
    """A file as it was when its sha256 was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    mtime_ns: int
    sha256: str


class Ledger(RootModel[dict[str, Seen]]):
    """``verified.json``: which files were hashed, so that starting up does not hash a gigabyte again."""

    root: dict[str, Seen] = {}

    @classmethod
    def load(cls, folder: Path) -> Ledger:
        try:
            return cls.model_validate_json((folder / "verified.json").read_bytes())
        except (OSError, ValidationError):
            return cls()

    def save(self, folder: Path) -> None:
        write_atomically(folder / "verified.json", self.model_dump_json(indent=1))

    def found(self, folder: Path, file: ModelFile) -> str | None:
        """The file's sha256, or None where it was not hashed since it last changed."""
        seen, now = self.root.get(file.name), (folder / file.name).stat()
        same = seen and (seen.size, seen.mtime_ns) == (now.st_size, now.st_mtime_ns)
        return seen.sha256 if seen and same else None


def look(job: Job, file: ModelFile, path: Path) -> Seen:
    """Hash one file."""
    digest, done, before = hashlib.sha256(), 0, path.stat()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            job.report("verify", file.name, "", done, max(done, file.size))
    return Seen(size=before.st_size, mtime_ns=before.st_mtime_ns, sha256=digest.hexdigest())


def take(job: Job, file: ModelFile, path: Path, source: str, wrong: list[HashMismatchError]) -> bool:
    """Accept a file into the model's folder when its bytes are right, else put it aside."""
    ledger, final = Ledger.load(job.folder), job.folder / file.name
    if not path.is_file():
        return False
    if path == final and ledger.found(job.folder, file) == file.sha256:
        return True
    _flush(path)
    seen = look(job, file, path)
    if (seen.size, seen.sha256) != (file.size, file.sha256):
        wrong.append(_put_aside(job, file, path, source, seen))
        return False
    path.replace(final)
    Ledger({**ledger.root, file.name: seen}).save(job.folder)
    return True


def _flush(path: Path) -> None:
    """Have the bytes on the disk before the name says that they are complete."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _put_aside(job: Job, file: ModelFile, path: Path, source: str, seen: Seen) -> HashMismatchError:
    aside = job.folder / "rejected" / f"{seen.sha256[:12]}-{path.name.removesuffix('.part')}"
    aside.parent.mkdir(exist_ok=True)
    path.replace(aside)
    return HashMismatchError(
        f"{file.name} from {source or job.folder} has sha256 {seen.sha256} ({seen.size:,} bytes), "
        f"its authors published {file.sha256} ({file.size:,} bytes)",
        f"It was put aside as {aside}; run rader models pull {job.name} again, "
        f"or put the right file into {job.folder}",
    )
