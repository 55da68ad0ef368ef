"""What a person chooses before asking, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.state import AgentConfig, Strategy, parse_strategy
from retriever.errors import BadInputError

ALL_RETRIEVERS = ("hybrid", "rader", "base", "bm25")


class Choices(BaseModel):
    """How a question is to be solved. Empty names leave the choice to the settings.

    Attributes:
        strategy: What `agent.state.parse_strategy` reads.
        depth: Most thoughts before the answer.
        hits: Passages a look-up.
        sources: Where passages may come from; empty takes all.
        retriever: ``bm25``, ``base``, ``rader``, ``hybrid``, or a trained one by its name.
        model: The language model.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    strategy: Strategy = "steps"
    depth: int = Field(default=6, ge=1, le=32)
    hits: int = Field(default=3, ge=1, le=20)
    sources: tuple[str, ...] = ()
    retriever: str = ""
    model: str = ""


@dataclass(frozen=True)
class Offer:
    """What there is to choose from now; a list may grow while the page is open."""

    retrievers: tuple[str, ...] = ALL_RETRIEVERS
    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


MakeOffer = Callable[[], Offer]


def usual(config: AgentConfig) -> Choices:
    """The choices that the settings make."""
    return Choices(depth=config.depth, hits=config.hits, retriever=config.retriever)


def remembered(kept: Any, offer: Offer, default: Choices) -> Choices:
    """Choices as a browser or a conversation kept them; what is no longer offered is as by default.

    Args:
        kept: Anything: it may come from an older version, or from somebody else.
        offer: What there is now.
        default: What counts where ``kept`` says nothing that can be used.
    """
    try:
        choices = Choices.model_validate(kept)
        parse_strategy(choices.strategy)
    except (ValidationError, BadInputError):
        return default
    return choices.model_copy(
        update={
            "sources": tuple(source for source in choices.sources if source in offer.sources),
            "retriever": choices.retriever if choices.retriever in offer.retrievers else default.retriever,
            "model": choices.model if choices.model in offer.models else default.model,
        }
    )
