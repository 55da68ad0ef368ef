"""A language model as reranker: an integer from 0 to 5 for each passage, few-shot and constrained."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from retriever.passage import Passage
from retriever.rerank import Scores

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

ALPHA = 0.5  # RaDeR: the LLM's score and the retriever's count alike
IN_FLIGHT = 4  # the slots of the embedded server
QUERY_CHARS = 4_000  # a question and its reasoning so far
PASSAGE_CHARS = 3_000  # a statement; what comes after is proof and remark
MAX_TOKENS = 32  # an object with one digit takes about eight
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class Verdict(BaseModel):
    """What the model answers, and the schema that constrains it."""

    model_config = ConfigDict(extra="forbid")

    score: Literal[0, 1, 2, 3, 4, 5]


class LLMReranker:
    """Asks a chat model about each passage, several at once.

    Args:
        llm: An OpenAI-compatible chat model, such as ``ChatOpenAI`` of langchain-openai: the JSON schema of
            the reply goes into the body of its requests.
        identity: The model's name and version; goes into the fingerprint.
        alpha: Weight of its scores, 0 to 1.
        in_flight: Requests at once.

    Attributes:
        cut_pairs: Pairs so far whose query or passage was longer than what is shown, and was cut.
        unread: Replies so far that held no score.
    """

    def __init__(
        self, llm: BaseChatModel, *, identity: str, alpha: float = ALPHA, in_flight: int = IN_FLIGHT
    ) -> None:
        self.name = identity
        self.alpha = alpha
        self.in_flight = in_flight
        self.cut_pairs = 0
        self.unread = 0
        form = {"name": "verdict", "strict": True, "schema": Verdict.model_json_schema()}
        # In the body: of a schema among the arguments, langchain-openai parses the reply itself, and warns.
        body = {"response_format": {"type": "json_schema", "json_schema": form}}
        self._llm = llm.bind(temperature=0.0, max_tokens=MAX_TOKENS, extra_body=body)

    @property
    def fingerprint(self) -> str:
        """sha256 over the model's identity, the prompt and what is cut, 64 hex digits."""
        parts = (self.name, _prompt(), str(QUERY_CHARS), str(PASSAGE_CHARS))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def score(self, query: str, passages: Sequence[Passage]) -> Scores:
        """An integer from 0 to 5 a passage; None where the model gives none or cannot be reached."""
        pairs = [(query, passage.content) for passage in passages]
        replies = self._llm.batch(
            [render(*pair) for pair in pairs],
            config={"max_concurrency": self.in_flight},
            return_exceptions=True,
        )
        verdicts = [_read(reply) for reply in replies]
        scores = [float(each.score) if isinstance(each, Verdict) else None for each in verdicts]
        cut = sum(len(query) > QUERY_CHARS or len(text) > PASSAGE_CHARS for query, text in pairs)
        self.cut_pairs += cut
        self.unread += scores.count(None)
        return Scores(scores, _note(verdicts, cut))


def render(query: str, passage: str) -> str:
    """The prompt for one pair; what is longer than ``QUERY_CHARS`` and ``PASSAGE_CHARS`` is cut.

    Instructions, examples and query come first: a server that keeps read prefixes reads them once.
    """
    values = {"query": query[:QUERY_CHARS], "passage": passage[:PASSAGE_CHARS]}
    return _SLOT.sub(lambda slot: values[slot.group(1)], _prompt())


@cache
def _prompt() -> str:
    return (files("retriever") / "prompts" / "rerank.md").read_text(encoding="utf-8").strip()


def _read(reply: BaseMessage | Exception) -> Verdict | str:
    """What the model answered, or why that cannot be read."""
    if isinstance(reply, Exception):
        return (str(reply).strip().splitlines() or [type(reply).__name__])[0][:120]
    try:
        return Verdict.model_validate_json(reply.text)
    except ValidationError:
        return f"it wrote {reply.text[:40]!r}"


def _note(verdicts: Sequence[Verdict | str], cut: int) -> str:
    notes = []
    reasons = [each for each in verdicts if isinstance(each, str)]
    if reasons:
        notes.append(
            f"the reranker gave no readable score for {len(reasons)} of {len(verdicts)} passages: "
            f"they keep the retriever's order ({reasons[0]})"
        )
    if cut:
        notes.append(f"the reranker read the beginning of {cut} of {len(verdicts)} pairs: they are too long")
    return "; ".join(notes)
