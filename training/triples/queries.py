"""The query types (METHOD, Samples): what is asked for a passage that helped, in several ways.

- ``cot``: the question and the steps before the query; and as a second one the last steps alone, since this
  is how an agent in the middle of a solution asks;
- ``question``: the question;
- ``llm``: one sentence that a language model wrote from question, steps and theorem, or a person;
- ``lexical``: from the theorem alone, kept only where BM25 finds the theorem with it (round trip).

The query that a search itself used is none of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from retriever.lexical import LexicalIndex, query_tokens, tokenize
from retriever.passage import Passage
from training.proofs.steps import STEP_CHARS
from training.trajectories.episodes import PROOF, WRITTEN, Episode

QueryType = Literal["cot", "question", "llm", "lexical"]
QUERY_TYPES: tuple[QueryType, ...] = get_args(QueryType)

COT_CHARS = 4_000  # of a question with its steps: no encoder here reads more, and the last steps say most
ROUND_TRIP = 20  # BM25 must find the theorem among so many (METHOD)
MOST_OVERLAP = 0.5  # of an ``llm`` query's telling words that may be the theorem's too
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
_LEXICAL_CHARS = 200


class Draft(NamedTuple):
    """A query before it is a triple: its type, and a name that tells it from others of its episode."""

    query_type: QueryType
    name: str
    text: str


def drafts(episode: Episode) -> Iterator[Draft]:
    """The queries that need neither a model nor the passage: ``cot``, ``question``, and a written ``llm``."""
    yield Draft("question", "question", episode.problem.strip())
    if thoughts := last_thoughts(episode.thoughts, COT_CHARS - len(episode.problem)):
        yield Draft("cot", "cot", f"{episode.problem.strip()}\n{thoughts}")
    if step := _step(episode):
        yield Draft("cot", "step", step)
    if episode.strategy == WRITTEN and episode.asked:
        yield Draft("llm", "llm", episode.asked)


def last_thoughts(thoughts: tuple[str, ...], room: int) -> str:
    """The last thoughts that fit into ``room`` characters together, a line each; the last in any case."""
    kept: list[str] = []
    for thought in reversed(thoughts):
        if kept and sum(map(len, kept)) + len(thought) + len(kept) > room:
            break
        kept.append(thought.strip())
    return "\n".join(reversed(kept))[-COT_CHARS:]


def _step(episode: Episode) -> str:
    """The last steps alone; of a proof the unit that cites, as people wrote it, with the name taken out."""
    return episode.asked if episode.strategy == PROOF else last_thoughts(episode.thoughts, STEP_CHARS)


def lexical_query(passage: Passage) -> str:
    """A query of the theorem's own words, without a model: title, another name, or its first sentence.

    Which of them the passage's id decides, so that a corpus gives some of each.
    """
    names = [name for name in (passage.title, *passage.aliases) if any(map(str.isalpha, name))]
    first = _SENTENCE.split(passage.text.strip(), maxsplit=1)[0]
    first = first if len(first) <= _LEXICAL_CHARS else first[:_LEXICAL_CHARS].rpartition(" ")[0] or first
    choices = [*names[:2], first, *([f"{names[0]}: {first}"] if names else [])]
    return choices[int(hashlib.sha256(passage.id.encode()).hexdigest()[:8], 16) % len(choices)]


def returns(index: LexicalIndex, query: str, passage_id: str, depth: int = ROUND_TRIP) -> bool:
    """The round trip: whether BM25 finds the passage among its ``depth`` best."""
    return any(found == passage_id for found, _ in index.search(query, depth))


def overlap(query: str, passage: Passage) -> float:
    """Share of a query's telling words, 0 to 1, that the passage's names and statement have too.

    When to use it is left out: it is in a reader's words as a query should be.
    """
    telling, _ = query_tokens(query)
    theirs = set(tokenize("\n".join((passage.title, *passage.aliases, passage.text))))
    return sum(word in theirs for word in telling) / len(telling) if telling else 0.0


def names_it(query: str, passage: Passage) -> bool:
    """Whether a query says the passage's title or another name of two words and more."""
    said = f" {' '.join(tokenize(query))} "
    names = [tokenize(name) for name in (passage.title, *passage.aliases)]
    return any(len(name) > 1 and f" {' '.join(name)} " in said for name in names)


def tells(query: str, passage: Passage) -> str:
    """Why an ``llm`` query is too easy: it should find the theorem by its meaning; empty where it is not."""
    if names_it(query, passage):
        return "it names the theorem"
    return "too many words of the theorem" if overlap(query, passage) > MOST_OVERLAP else ""
