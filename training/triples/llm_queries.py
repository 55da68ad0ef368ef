"""Queries that a language model writes: for a step that needs a theorem, and for the theorem alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.errors import ServerDownError
from retriever.jsonl import rows
from retriever.passage import Passage
from training.trajectories.episodes import Episode
from training.triples.queries import QueryType, last_thoughts

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

IN_FLIGHT = 4  # the slots of the embedded server
MAX_TOKENS = 120  # one sentence
TEMPERATURE = 0.7  # sentences that do not all begin alike
PROBLEM_CHARS, STEPS_CHARS, THEOREM_CHARS = 2_000, 1_500, 2_000
PROMPTS: dict[str, str] = {"llm": "llm_query", "lexical": "lexical_query"}
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_LABEL = re.compile(r"^(?:question|search|query)\s*:\s*", re.IGNORECASE)


class Asked(NamedTuple):
    """What a query is wanted for."""

    query_type: QueryType
    episode: Episode
    passage: Passage


class QueryWriter:
    """Asks a chat model, several at once, and keeps what it wrote: an interrupted run goes on from there.

    Args:
        llm: An OpenAI-compatible chat model, such as ``agent.llm.ChatModel.as_langchain()``.
        identity: The model's name and version.
        kept: A JSONL file of what was written before; None keeps nothing.
        in_flight: Requests at once.
    """

    def __init__(
        self, llm: BaseChatModel, *, identity: str, kept: Path | None = None, in_flight: int = IN_FLIGHT
    ) -> None:
        self._llm = llm.bind(temperature=TEMPERATURE, max_tokens=MAX_TOKENS)
        self._identity = identity
        self._kept = kept
        self._in_flight = in_flight
        self._written = dict(_read(kept)) if kept and kept.is_file() else {}

    @property
    def fingerprint(self) -> str:
        """The model's identity, and a hash of the prompts."""
        prompts = "\0".join(prompt(name) for name in PROMPTS.values())
        return f"{self._identity}+{hashlib.sha256(prompts.encode()).hexdigest()[:16]}"

    def write(self, asked: Sequence[Asked]) -> list[str]:
        """A query for each; empty where the model wrote nothing that can be used.

        Raises:
            ServerDownError: None of several requests was answered.
            OSError: What was written cannot be kept.
        """
        texts = [render(each) for each in asked]
        keys = [hashlib.sha256(f"{self._identity}\0{text}".encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._written}
        todo, step = list(missing.items()), 4 * self._in_flight  # what a killed run loses at most
        for first in range(0, len(todo), step):
            self._ask(todo[first : first + step])
        return [self._written.get(key, "") for key in keys]

    def _ask(self, todo: list[tuple[str, str]]) -> None:
        replies = self._llm.batch(
            [text for _, text in todo], config={"max_concurrency": self._in_flight}, return_exceptions=True
        )
        failed = [reply for reply in replies if isinstance(reply, Exception)]
        if len(failed) == len(replies):
            reason = (str(failed[0]).strip().splitlines() or [type(failed[0]).__name__])[0][:200]
            raise ServerDownError(
                f"the model that writes queries does not answer ({reason})",
                "Check its server and run again: what it wrote is kept",
            )
        new = {
            key: sentence_of(reply)
            for (key, _), reply in zip(todo, replies, strict=True)
            if not isinstance(reply, Exception)
        }
        self._written |= new
        if self._kept:
            with self._kept.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps({"key": key, "query": text}) + "\n" for key, text in new.items())


def render(asked: Asked) -> str:
    """The prompt for one query; what is long is cut."""
    episode, passage = asked.episode, asked.passage
    values = {
        "problem": episode.problem[:PROBLEM_CHARS],
        "steps": last_thoughts(episode.thoughts, STEPS_CHARS)[-STEPS_CHARS:] or "none yet",
        "theorem": ". ".join(filter(None, (passage.title, passage.text)))[:THEOREM_CHARS],
    }
    return _SLOT.sub(lambda slot: values[slot.group(1)], prompt(PROMPTS[asked.query_type]))


def sentence_of(reply: BaseMessage) -> str:
    """The query in a reply: its first line with words, without label and quotation marks."""
    lines = (_LABEL.sub("", line.strip()).strip("\"'“” ") for line in reply.text.splitlines())
    return next((line for line in lines if any(map(str.isalpha, line))), "")


@cache
def prompt(name: str) -> str:
    """The text of a prompt of ``training/prompts``."""
    return (files("training") / "prompts" / f"{name}.md").read_text(encoding="utf-8").strip()


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """What was kept; a line that a killed run tore is passed over."""
    for _, row in rows(path):
        if isinstance(row, dict) and isinstance(row.get("key"), str) and isinstance(row.get("query"), str):
            yield str(row["key"]), str(row["query"])
