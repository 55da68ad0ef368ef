"""Several corpora as one, where the same theorem may have the same id in two of them."""

from __future__ import annotations

from collections.abc import Sequence

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.passage import Passage
from training.leakage.normal import words


def merged(corpora: Sequence[Corpus]) -> tuple[Corpus, int]:
    """One corpus of all, and how many passages it lacks because an earlier corpus has their id.

    An id that two corpora give to one theorem, by its title or text ("handshake-lemma"), means the first
    corpus's passage.

    Raises:
        BadInputError: Two corpora give one id to different things.
    """
    passages: dict[str, Passage] = {}
    for corpus in corpora:
        for passage in corpus:
            first = passages.setdefault(passage.id, passage)
            if not _same(first, passage):
                raise BadInputError(
                    f"the id {passage.id!r} is that of {_shown(first)} and of {_shown(passage)}",
                    "Make triples of each corpus alone, or rename one",
                )
    return Corpus(passages.values()), sum(map(len, corpora)) - len(passages)


def _same(one: Passage, other: Passage) -> bool:
    names = [{tuple(words(name)) for name in (each.title, *each.aliases)} - {()} for each in (one, other)]
    return bool(names[0] & names[1]) or words(one.text) == words(other.text)


def _shown(passage: Passage) -> str:
    return repr((passage.title or passage.text)[:60])
