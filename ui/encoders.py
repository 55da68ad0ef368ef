"""Which encoder searches: the untrained base, a trained one that is named, or the one that is promoted."""

from __future__ import annotations

import logging
from typing import NamedTuple

from retriever.encoding.presets import preset_name
from retriever.registry import Registry, Version
from ui.settings import DEFAULT_ENCODER, Settings

_log = logging.getLogger(__name__)


class Chosen(NamedTuple):
    """An encoder as settings ask for it.

    Attributes:
        name: What `retriever.encoding.presets.encoder_for` takes.
        trained: Whether it is more than the untrained base.
        follows: Whether its index may be built from the passages of the one that is there: it was not named,
            so who searches cannot know that it has none yet.
    """

    name: str
    trained: bool
    follows: bool = False


def choose(settings: Settings, mode: str = "") -> Chosen:
    """The encoder that searches in a mode, by default the settings' own.

    Where what is promoted cannot serve, the last good one does, and one line of the log says so.
    """
    version = None if settings.trained else serving(settings)
    if (mode or settings.agent.retriever) == "base":
        return Chosen(settings.encoder, trained=False, follows=version is not None)
    if settings.trained:
        return Chosen(settings.trained, trained=True)
    if version:
        return Chosen(str(version.path), trained=True, follows=True)
    return Chosen(settings.encoder, trained=settings.encoder != DEFAULT_ENCODER)


def serving(settings: Settings) -> Version | None:
    """The trained retriever that serves; the one that ships only on its own base."""
    version, note = Registry(settings.home).serving()
    if version and version.shipped and preset_name(settings.encoder) != DEFAULT_ENCODER:
        version = None
    if note:
        _say_once(note)
    return version


_said: set[str] = set()


def _say_once(note: str) -> None:
    if note not in _said:
        _said.add(note)
        _log.warning(note)
