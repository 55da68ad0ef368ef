"""Trained models: their state, scores, what serves, and letting another one serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from retriever.errors import WeightsError
from retriever.registry import Registry, Served, Version
from retriever.trained.promotions import Pointer
from retriever.trained.release import Kind, Release
from ui.encoders import serving
from ui.settings import Settings
from ui.terminal import printable

if TYPE_CHECKING:
    from ui.retrieval import Retrieval, Watcher

State = Literal["serving", "promoted before", "kept", "damaged"]


class TrainedRow(NamedTuple):
    """A version, and whether it serves."""

    version: Version
    state: State

    def to_json(self) -> dict[str, Any]:
        """The object that ``rader models list --json`` prints."""
        release = self.version.release
        return {
            "name": release.name,
            "purpose": f"trained {release.kind}",
            "state": self.state,
            "shipped": self.version.shipped,
            "path": str(self.version.path),
            "problems": list(self.version.problems),
        } | release.model_dump(mode="json", include={"kind", "form", "base", "created", "parent", "scores"})


def trained_rows(settings: Settings) -> list[TrainedRow]:
    """All versions, and those that are promoted and gone."""
    registry = Registry(settings.home)
    promoted = pointer_of(registry).promoted
    serves = [serving(settings), registry.serving("reranker").version]
    found = registry.versions()
    there = {version.name for version in found}
    gone = [
        Version(Release(name=name, kind=kind), registry.root / name, problems=("its folder is gone",))
        for kind, names in promoted.items()
        for name in names
        if name not in there
    ]
    before = {name for names in promoted.values() for name in names}
    return [TrainedRow(version, _state(version, serves, before)) for version in (*found, *gone)]


def promote(retrieval: Retrieval, version: Version, watch: Watcher | None = None) -> None:
    """Let a version serve: its index is built beside the old one, then it is switched.

    Args:
        retrieval: What searches.
        version: Of the registry.
        watch: Told how far the index is; default the retrieval's own.

    Raises:
        BadInputError: It was removed meanwhile.
        WeightsError: It is damaged, or its base cannot be had.
        StorageError, IndexServerError: Its index or the switch cannot be written.
    """
    registry = Registry(retrieval.settings.home)
    registry.check(version)
    if version.release.kind == "retriever":
        retrieval.follow(retrieval.encoder_of(str(version.path)), watch)
    registry.promote(version.name)


def rollback(settings: Settings, kind: Kind, *, of: str = "") -> Served:
    """Take back the latest promotion; what serves then, what ships only on its own base.

    Args:
        settings: The resolved settings.
        kind: Of what.
        of: Which promotion that must be; empty does not look.

    Raises:
        BadInputError: Nothing is promoted, or another one than ``of``.
        StorageError: The switch cannot be written.
    """
    version, note = Registry(settings.home).rollback(kind, of=of)
    return Served(serving(settings) if kind == "retriever" else version, note)


def _state(version: Version, serves: list[Version | None], before: set[str]) -> State:
    if version.problems:
        return "damaged"
    if version in serves:
        return "serving"
    return "promoted before" if version.name in before else "kept"


def trained_table(rows: list[TrainedRow]) -> str:
    """A line a version: state, base, nDCG@10 by benchmark."""
    if not rows:
        return "nothing is trained; after rader train: rader models promote OUT"
    return printable("\n".join(map(_line, rows)))


def _line(row: TrainedRow) -> str:
    release = row.version.release
    points = {name: each["ndcg@10"] for name, each in release.scores.items() if "ndcg@10" in each}
    scores = ", ".join(f"{name} {value:.1f}" for name, value in points.items())
    told = row.version.problems[0] if row.version.problems else scores or "not evaluated"
    base = release.base.rsplit("/", maxsplit=1)[-1]
    return f"{release.name:<28} {row.state:<16} {release.kind} from {base or 'unknown'}: {told}"


def pointer_of(registry: Registry) -> Pointer:
    """What was promoted and when; nothing where that is not known any more."""
    try:
        return registry.pointer()
    except WeightsError:
        return Pointer()
