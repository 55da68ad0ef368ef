"""What there is of models, gathered for the page: trained versions, weights, indexes, what was done."""

from __future__ import annotations

from dataclasses import dataclass

from retriever.errors import RaderError
from retriever.indexing.index_info import IndexStatus
from retriever.indexing.upkeep import list_indexes
from retriever.registry import Registry
from retriever.trained.promotions import Event
from retriever.trained.release import Kind
from retriever.weights import ModelStatus
from ui.retrieval import Retrieval
from ui.settings import Settings
from ui.trained import TrainedRow, pointer_of, trained_rows

CARD = "README.md"
CARD_BYTES = 200_000


@dataclass(frozen=True)
class Shelf:
    """All models at one moment.

    Attributes:
        trained: Versions, those that are promoted and gone too.
        promoted: Name of the latest promotion by kind, where there is one.
        named: What the settings name to search in place of the one that is promoted; mostly empty.
        notes: What does not serve as promoted, a line each.
        history: What was promoted, rolled back and removed, the latest first.
        weights: Models that can be pulled, here or not.
        indexes: All indexes, those that serve first.
        no_indexes: Why they cannot be listed; empty where they can.
    """

    trained: tuple[TrainedRow, ...]
    promoted: dict[Kind, str]
    named: str
    notes: tuple[str, ...]
    history: tuple[Event, ...]
    weights: tuple[ModelStatus, ...]
    indexes: tuple[IndexStatus, ...]
    no_indexes: str

    def find(self, name: str) -> TrainedRow | None:
        """The version of that name."""
        return next((row for row in self.trained if row.version.name == name), None)

    def serving(self, kind: Kind) -> TrainedRow | None:
        """The version of a kind that serves; None where it is an untrained one, or none."""
        rows = (row for row in self.trained if row.state == "serving")
        return next((row for row in rows if row.version.release.kind == kind), None)


def look(retrieval: Retrieval) -> Shelf:
    """What there is now."""
    settings = retrieval.settings
    pointer = pointer_of(Registry(settings.home))
    indexes, no_indexes = _indexes(retrieval)
    return Shelf(
        trained=tuple(trained_rows(settings)),
        promoted={kind: names[-1] for kind, names in pointer.promoted.items() if names},
        named=settings.trained,
        notes=_notes(settings),
        history=pointer.history[::-1],
        weights=tuple(retrieval.store.list()),
        indexes=indexes,
        no_indexes=no_indexes,
    )


def card_of(row: TrainedRow) -> str:
    """The model card of a version, Markdown; empty where it has none."""
    try:
        with (row.version.path / CARD).open("rb") as file:
            return file.read(CARD_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _indexes(retrieval: Retrieval) -> tuple[tuple[IndexStatus, ...], str]:
    try:
        return tuple(list_indexes(retrieval.settings.home, server=retrieval.chroma)), ""
    except RaderError as error:
        return (), str(error)


def _notes(settings: Settings) -> tuple[str, ...]:
    registry = Registry(settings.home)
    served = (registry.serving("retriever"), registry.serving("reranker"))
    return tuple(each.note for each in served if each.note)
