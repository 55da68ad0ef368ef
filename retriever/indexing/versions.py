"""The index folder: a sub-folder a version, a manifest in each that is complete, a pointer to what serves.

home/index/
├── build.lock         held by the one build that may run
├── current.json       {"encoders": {ENCODER: {"current": NAME, "previous": NAME}}}: switched in one step
└── NAME/              a version, named by its fingerprint
    ├── building.json  written first: what the version will be
    ├── rows/          passages and vectors
    ├── chroma-…/, lexical/
    └── manifest.json  written last: without it the version is half-written

Every encoder has a version that serves, so that the base and a trained retriever can be used side by side.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from retriever.errors import StorageError
from retriever.files import storage_errors, write_atomically
from retriever.indexing.index_info import IndexInfo, Serving


class Versions:
    """The versions of the index below one home folder."""

    def __init__(self, home: str | Path) -> None:
        self.root = Path(home) / "index"

    def folder(self, name: str) -> Path:
        """Where the files of a version are."""
        return self.root / name

    def _manifest(self, name: str) -> Path:
        return self.folder(name) / "manifest.json"

    def names(self) -> list[str]:
        """All versions, complete or not, sorted."""
        return (
            sorted(path.name for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []
        )

    def complete(self, name: str) -> IndexInfo | None:
        """The manifest of a version; None where there is none: never built, or not to its end."""
        return _info(self._manifest(name))

    def planned(self, name: str) -> IndexInfo | None:
        """What a half-written version will be; None where it does not say."""
        return _info(self.folder(name) / "building.json")

    def serving(self) -> dict[str, Serving]:
        """What serves each encoder (by fingerprint), the one that was changed last at the end."""
        try:
            pointer = json.loads((self.root / "current.json").read_bytes())
            if "encoders" in pointer:
                return {key: Serving(**names) for key, names in pointer["encoders"].items()}
            return self._of_one_pointer(Serving(**pointer))
        except OSError:
            return {}
        except (ValueError, TypeError, AttributeError):
            return self._of_no_pointer()

    def current(self, encoder_fingerprint: str | None = None) -> IndexInfo | None:
        """The version that serves an encoder, or the one switched in last; None where there is none."""
        serving = self.serving()
        key = encoder_fingerprint if encoder_fingerprint is not None else next(reversed(serving), "")
        name = serving.get(key, Serving()).current
        return self.complete(name) if name else None

    def before(self, plan: IndexInfo) -> IndexInfo | None:
        """The latest version of the same encoder, not the planned one itself; None if there is none."""
        names = self.serving().get(plan.encoder_fingerprint, Serving())
        found = (self.complete(name) for name in names if name and name != plan.fingerprint)
        return next((info for info in found if info), None)

    def unfinished(self) -> bool:
        """Whether a build was begun and not finished."""
        return any(self.complete(name) is None for name in self.names())

    def begin(self, plan: IndexInfo) -> None:
        """Note what is being built."""
        self.folder(plan.fingerprint).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder(plan.fingerprint) / "building.json", plan.model_dump_json())

    def finish(self, info: IndexInfo) -> None:
        """Write a version's manifest: from here on it is complete."""
        write_atomically(self._manifest(info.fingerprint), info.model_dump_json(indent=2))

    def switch(self, info: IndexInfo) -> None:
        """Let a complete version serve its encoder, and remove what nobody needs any more.

        Every encoder keeps its version and the one before; of others, builds that can go on stay. Who
        searches a version that is removed has to open the index again.
        """
        before = self.serving().get(info.encoder_fingerprint, Serving())
        same = before.current == info.fingerprint
        self.point(info.encoder_fingerprint, before if same else Serving(info.fingerprint, before.current))
        self._tidy(info.encoder_fingerprint, before)

    def point(self, encoder_fingerprint: str, names: Serving) -> None:
        """Set what serves an encoder; nothing, where ``names`` has no current one."""
        serving = self.serving()
        serving.pop(encoder_fingerprint, None)
        serving |= {encoder_fingerprint: names} if names.current else {}
        encoders = {key: entry._asdict() for key, entry in serving.items()}
        write_atomically(self.root / "current.json", json.dumps({"encoders": encoders}, indent=2))

    def reset(self, name: str) -> None:
        """Make a version half-written again; what was the most work stays: its rows."""
        self._manifest(name).unlink(missing_ok=True)
        for path in self.folder(name).iterdir():
            if path.is_dir() and path.name != "rows":
                shutil.rmtree(path)

    def remove(self, name: str) -> None:
        """Remove a version; a removal that is cut off leaves it half-written."""
        self._manifest(name).unlink(missing_ok=True)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def size(self, name: str) -> int:
        """Bytes on this machine's disk."""
        return sum(path.stat().st_size for path in self.folder(name).rglob("*") if path.is_file())

    @contextmanager
    def building(self, *, wait: bool = True) -> Iterator[None]:
        """Hold the build lock, waiting for another build to end.

        Raises:
            StorageError: The folder cannot be written to, now or during the build, or another build goes on
                and ``wait`` is off.
        """
        from filelock import FileLock, Timeout

        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                lock = FileLock(self.root / "build.lock").acquire(timeout=-1 if wait else 0)
            except Timeout as error:
                raise StorageError("another build of the index is running", "Wait for its end") from error
            with lock:
                yield

    def _tidy(self, encoder_fingerprint: str, before: Serving) -> None:  # noqa: ARG002
        kept = {name for names in self.serving().values() for name in names}
        for name in self.names():
            plan = None if self.complete(name) else self.planned(name)
            if name not in kept and (plan is None or plan.encoder_fingerprint == encoder_fingerprint):
                self.remove(name)

    def _of_no_pointer(self) -> dict[str, Serving]:
        """What serves where the pointer is damaged: the latest complete version of every encoder."""
        infos = filter(None, map(self.complete, self.names()))
        return _in_order(sorted(infos, key=lambda info: self._manifest(info.fingerprint).stat().st_mtime_ns))

    def _of_one_pointer(self, names: Serving) -> dict[str, Serving]:
        """The pointer as it was when one version served at a time, whatever its encoder."""
        return _in_order(
            info for name in (names.previous, names.current) if name and (info := self.complete(name))
        )


def _in_order(infos: Iterable[IndexInfo]) -> dict[str, Serving]:
    """What serves each encoder after complete versions were switched in one after the other."""
    found: dict[str, Serving] = {}
    for info in infos:
        before = found.pop(info.encoder_fingerprint, Serving())
        found[info.encoder_fingerprint] = Serving(info.fingerprint, before.current)
    return found


def _info(path: Path) -> IndexInfo | None:
    try:
        return IndexInfo.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
