"""What a person may choose on the page: what is indexed, trained, pulled and served now."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from retriever.errors import RaderError
from ui.solve.choices import ALL_RETRIEVERS, Offer

if TYPE_CHECKING:
    from ui.assemble import Studio


def offer_of(studio: Studio) -> Offer:
    """What an installation offers; quick, and nothing is loaded."""
    from retriever.index import backend_of
    from retriever.registry import Registry

    home = studio.settings.home
    index = backend_of(home, studio.chroma).versions.current()
    versions = Registry(home).versions()
    trained = (one.name for one in versions if one.release.kind == "retriever" and not one.problems)
    return Offer(
        retrievers=(*ALL_RETRIEVERS, *trained),
        models=_models(studio),
        sources=tuple(sorted(index.sources)) if index else (),
    )


def _models(studio: Studio) -> tuple[str, ...]:
    """The language models that could answer, the settings' own first."""
    settings = studio.settings
    own = settings.llm_model if settings.llm_url else settings.model
    names = _served(studio) if settings.llm_url else _pulled(studio)
    if settings.reranker == "llm":  # it orders the passages too, and stays loaded for that
        names = names[: 0 if own else 1]
    return tuple(dict.fromkeys(filter(None, (own, *names))))


def _served(studio: Studio) -> list[str]:
    from agent.llm import served_models

    with contextlib.suppress(RaderError):  # whoever asks a question is told
        return served_models(studio.settings.llm_url, studio.llm_key)
    return []


def _pulled(studio: Studio) -> list[str]:
    entries = studio.store.manifest.models.items()
    known = [name for name, entry in entries if any(file.name.endswith(".gguf") for file in entry.files)]
    return [name for name in known if studio.store.status(name).state == "pulled"]
