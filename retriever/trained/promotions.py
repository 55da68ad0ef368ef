"""``promoted.json``: what was promoted, kind by kind, and what was done when; switched in one step."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from retriever.errors import WeightsError
from retriever.files import write_atomically
from retriever.jsonl import shown
from retriever.trained.release import Kind

Act = Literal["promote", "rollback", "remove"]
_FILE = "promoted.json"
_EVENTS = 200  # of the history that are kept


class Event(BaseModel):
    """Something that was done to what is promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    did: Act
    name: str


class Pointer(BaseModel):
    """Names of promoted versions by kind, the latest last, and the history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promoted: dict[Kind, tuple[str, ...]] = {}
    history: tuple[Event, ...] = ()

    def changed(self, kind: Kind, names: tuple[str, ...], did: Act, name: str) -> Pointer:
        """With other names of a kind, because something was done to ``name``."""
        event = Event(at=datetime.now(UTC).replace(microsecond=0), did=did, name=name)
        history = (*self.history, event)[-_EVENTS:]
        return Pointer(promoted={**self.promoted, kind: names}, history=history)


def read_pointer(root: Path) -> Pointer:
    """The pointer in a folder; an empty one where there is no file.

    Raises:
        WeightsError: It was damaged.
    """
    file = root / _FILE
    try:
        return Pointer.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Pointer()
    except (OSError, ValidationError) as error:
        raise WeightsError(
            f"{shown(file)} cannot be read", "Promote again: rader models promote NAME"
        ) from error


def write_pointer(root: Path, pointer: Pointer) -> None:
    """Write the pointer, whole or not at all."""
    write_atomically(root / _FILE, pointer.model_dump_json(indent=2))
