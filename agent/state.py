"""Configuration and state of the agent's graph."""

from __future__ import annotations

import hashlib
import operator
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

Strategy = Literal["cot", "rag", "steps"]
RetrieverName = Literal["bm25", "base", "rader", "hybrid"]


class AgentConfig(BaseModel):
    """How a problem is solved. Lengths are in tokens of the language model unless they say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = Field(default=6, ge=1, le=32, description="most steps of thought before the answer")
    hits: int = Field(default=3, ge=1, le=20, description="passages retrieved for a query")
    max_retrievals: int = Field(default=2, ge=0, le=16, description="most queries in one solution")
    step_tokens: int = Field(default=320, ge=16, le=8192, description="most tokens in one thought")
    step_chars: int = Field(default=160, ge=1, le=8000, description="characters that make a thought")
    answer_tokens: int = Field(default=1024, ge=16, le=16384, description="most tokens in one answer")
    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="0 is greedy")
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    retriever: RetrieverName = "hybrid"
    without: tuple[str, ...] = Field(default=("code",), description="kinds of passages not to ask for")
    passage_chars: int = Field(
        default=450, ge=100, le=20000, description="characters of a passage shown to the model"
    )
    problem_chars: int = Field(default=8000, ge=100, le=100000, description="longest problem accepted")
    history_chars: int = Field(default=3000, ge=0, le=100000, description="earlier conversation kept")

    @property
    def fingerprint(self) -> str:
        """sha256 of the resolved configuration."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class AgentState(TypedDict):
    """What the checkpointer keeps between nodes: plain JSON data only.

    ``steps`` and ``usage`` grow by reducers, so that a node returns only what it added.
    """

    problem: dict[str, Any]
    strategy: str
    steps: Annotated[list[dict[str, Any]], operator.add]
    usage: Annotated[list[dict[str, Any]], operator.add]
    seed: int
    done: bool
