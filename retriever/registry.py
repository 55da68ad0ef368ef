"""Trained retrievers and rerankers: their versions, the promoted one, and the way back.

home/retrievers/
├── registry.lock
├── promoted.json   what was promoted, the latest last, and what was done when: switched in one step
└── NAME/           a version: weights, rader.json with their sha256 (`retriever.trained.release`), README.md

The retriever that ships lies in the package. It is the first version: always there, and what serves where
nothing is promoted. A version that is damaged never serves: the one promoted before it does.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from retriever.errors import BadInputError, WeightsError
from retriever.files import storage_errors, sync
from retriever.trained.promotions import Pointer, read_pointer, write_pointer
from retriever.trained.release import RELEASE_FILE, Kind, Release, release_and_faults, seal
from retriever.trained.training_output import TrainingOutput

SHIPPED = Path(__file__).parent / "data" / "rader-minilm"
FOLDER = "retrievers"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Version:
    """A trained model as it lies on the disk; ``problems`` says why it cannot serve, where it cannot."""

    release: Release
    path: Path
    shipped: bool = False
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.release.name


class Served(NamedTuple):
    """What serves; None where there is nothing. ``note`` says so where it is not what was promoted."""

    version: Version | None
    note: str = ""


class Registry:
    """The trained models of one home folder.

    Args:
        home: The product's folder.
        shipped: Folder of the retriever that ships; None takes the package's.
    """

    def __init__(self, home: str | Path, shipped: Path | None = None) -> None:
        self.root = Path(home) / FOLDER
        self._home = Path(home)
        self._shipped = shipped or SHIPPED

    def find(self, name: str) -> Version | None:
        """The version of that name, damaged or not; None where there never was one."""
        shipped = self.shipped
        if shipped and name == shipped.name:
            return shipped
        folder = self.root / name
        if not _NAME.fullmatch(name) or not folder.is_dir():
            return None
        return _look(folder, name)

    def named(self, name: str) -> Version:
        """The version of that name, damaged or not.

        Raises:
            BadInputError: There is none.
        """
        version = self.find(name)
        if version is None:
            raise BadInputError(f"there is no trained model {name!r}", "See what there is: rader models list")
        return version

    @property
    def shipped(self) -> Version | None:
        """The retriever that comes with the product; None where it lacks one."""
        if not (self._shipped / RELEASE_FILE).is_file():
            return None
        return _look(self._shipped, self._shipped.name, shipped=True)

    def versions(self) -> list[Version]:
        """All of them: the one that ships first, the others by name."""
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        names = [path.name for path in folders if path.is_dir() and _NAME.fullmatch(path.name)]
        found = [self.shipped, *map(self.find, names)]
        return [version for version in found if version]

    def pointer(self) -> Pointer:
        """What was promoted; nothing, where the file is not there.

        Raises:
            WeightsError: It was damaged.
        """
        return read_pointer(self.root)

    def serving(self, kind: Kind = "retriever") -> Served:
        """What serves: the latest promoted version that is whole, else the one that ships."""
        note = ""
        try:
            stack = self.pointer().promoted.get(kind, ())
        except WeightsError as error:
            stack, note = (), str(error)
        for name in reversed(stack):
            version = self.find(name)
            if version and not version.problems:
                return Served(version, note and f"{note}: {name} serves. Run: rader models rollback")
            reason = version.problems[0] if version else "its folder is gone"
            note = note or f"the promoted {kind} {name} is damaged ({reason})"
        last = self.shipped if kind == "retriever" else None
        if last and last.problems:
            note, last = note or f"the retriever that ships is damaged ({last.problems[0]})", None
        instead = f"{last.name} serves" if last else f"no trained {kind} serves"
        return Served(last, note and f"{note}: {instead}")

    def add(
        self,
        source: Path,
        *,
        name: str = "",
        scores: dict[str, dict[str, float]] | None = None,
        parent: str = "",
        card: Callable[[str], str] | None = None,
    ) -> Version:
        """Copy what a training left, an adapter or a model, and check every byte.

        Args:
            source: A run's folder, or the adapter's or model's within it.
            name: Of the version; empty takes the next number. One with the same weights is not added twice.
            scores: By benchmark and measure.
            parent: What it was compared with.
            card: Gives README.md by the version's name.

        Raises:
            BadInputError: There is no finished training, or the name cannot be used or is taken.
            WeightsError: The weights are not whole.
            StorageError: The folder cannot be written to.
        """
        found = TrainingOutput.of(source)
        with self._changing():
            same = next((one for one in self.versions() if found.is_in(one.path)), None)
            if same and name in ("", same.name) and not same.problems:
                return same
            name = self._free(name, found.kind)
            release = Release(
                name=name,
                kind=found.kind,
                form=found.form,
                base=found.base,
                base_fingerprint=found.base_fingerprint(self._home),
                encode=found.encode,
                created=datetime.now(UTC).replace(microsecond=0),
                data=found.data,
                scores=scores or {},
                parent=parent,
            )
            return self._take(found, release, card)

    def promote(self, name: str, *, over: str | None = None) -> Version:
        """Let a version serve, at once.

        Args:
            name: Its name.
            over: What must serve until now, "" for nothing; None does not look.

        Raises:
            BadInputError: There is no such version, or another serves than ``over``.
            WeightsError: It is damaged.
        """
        with self._changing():
            version = self.named(name)
            self.check(version)
            self._compared_with(version, over)
            pointer = self._pointer_or_new()
            stack = pointer.promoted.get(version.release.kind, ())
            stack = (*(one for one in stack if one != name), name)
            write_pointer(self.root, pointer.changed(version.release.kind, stack, "promote", name))
        return version

    def rollback(self, kind: Kind = "retriever", *, of: str = "") -> Served:
        """Take back the latest promotion, which must be ``of`` where that is given; what serves then.

        Raises:
            BadInputError: Nothing is promoted, or another one than ``of``.
        """
        with self._changing():
            pointer = self._pointer_or_new()
            stack = pointer.promoted.get(kind, ())
            if not stack:
                raise BadInputError(f"no {kind} is promoted", "See what there is: rader models list")
            if of and stack[-1] != of:
                raise BadInputError(f"{of} is not promoted last any more: {stack[-1]} is", "Look again")
            write_pointer(self.root, pointer.changed(kind, stack[:-1], "rollback", stack[-1]))
        return self.serving(kind)

    def remove(self, name: str) -> Version:
        """Remove a version that does not serve.

        Raises:
            BadInputError: There is none of that name, it is promoted, or it ships.
        """
        with self._changing():
            version, pointer = self.named(name), self._pointer_or_new()
            if version.shipped:
                raise BadInputError(f"{name} comes with the product", "Promote another to use that one")
            kind = version.release.kind
            stack = pointer.promoted.get(kind, ())
            if stack and stack[-1] == name:
                raise BadInputError(f"{name} is promoted", "Run first: rader models rollback")
            if name in stack:
                others = tuple(one for one in stack if one != name)
                write_pointer(self.root, pointer.changed(kind, others, "remove", name))
            gone = self.root / f".gone-{secrets.token_hex(4)}"
            version.path.rename(gone)  # from here on it is no version, also when this is killed
            shutil.rmtree(gone, ignore_errors=True)
        return version

    def _compared_with(self, version: Version, over: str | None) -> None:
        """Refuse where what serves is not what a version was compared with."""
        serves = self.serving(version.release.kind).version
        if over is None or over == (serves.name if serves else ""):
            return
        if serves and serves.shipped and not over:  # it ships for another base than the user's
            return
        raise BadInputError(
            f"{serves.name if serves else 'nothing'} was promoted meanwhile, and {version.name} was compared "
            f"with {over or 'the base'}",
            "Run it again: it compares anew",
        )

    @staticmethod
    def check(version: Version) -> None:
        """Refuse a version that cannot serve.

        Raises:
            WeightsError: It is damaged.
        """
        if version.problems:
            reason = f"{version.name} is damaged: {version.problems[0]}"
            raise WeightsError(reason, "Promote another, or add it anew")

    def _free(self, name: str, kind: Kind) -> str:
        """A name for a new version."""
        if not name:
            stem = "rader" if kind == "retriever" else "reranker"
            return next(one for n in range(1, 10**6) if self.find(one := f"{stem}-{n}") is None)
        if not _NAME.fullmatch(name):
            raise BadInputError(f"{name!r} is no name", "Use small letters, digits, dots and dashes")
        if self.find(name):
            raise BadInputError(f"the name {name} is taken", "Choose another, or remove that one first")
        return name

    def _take(self, found: TrainingOutput, release: Release, card: Callable[[str], str] | None) -> Version:
        draft = self.root / f".adding-{secrets.token_hex(4)}"
        found.copy(draft)
        if card:
            (draft / "README.md").write_text(card(release.name), encoding="utf-8")
        release = seal(draft, release)
        sync(draft)
        return Version(release, draft.rename(self.root / release.name))

    def _pointer_or_new(self) -> Pointer:
        """The pointer, to change it; one that was damaged is begun anew."""
        with suppress(WeightsError):
            return self.pointer()
        return Pointer()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock, over threads and processes; what a killed change left goes."""
        from filelock import FileLock

        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "registry.lock"):
                for path in (*self.root.glob(".adding-*"), *self.root.glob(".gone-*")):
                    shutil.rmtree(path, ignore_errors=True)
                yield


def _look(folder: Path, name: str, *, shipped: bool = False) -> Version:
    """A version and what is wrong with it."""
    release, problems = release_and_faults(folder)
    return Version(release.model_copy(update={"name": name}), folder, shipped, tuple(problems))
