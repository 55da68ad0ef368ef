"""Triples as a trainer reads them: texts and passages by number, what is no negative marked.

DIR/triples.jsonl and DIR/validation.jsonl hold ``{"id", "query", "query_type", "positive", "negatives",
"trajectory"}`` with passage ids. A passage's text is `Passage.content`, as `retriever.encoder` embeds it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from retriever.corpus import Corpus
from retriever.encoding.loading import file_sha256
from retriever.errors import BadInputError
from retriever.jsonl import reasons, rows
from training.trainers.config import Training
from training.triples.records import FILES, Triple

if TYPE_CHECKING:
    from datasets import Dataset

TRAIN, VALIDATION = FILES["train"], FILES["validation"]
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model")
_REMEDY = "Make triples by: rader triples DIR"


@dataclass(frozen=True)
class TripleSet:
    """Rows to train on or to validate with.

    Attributes:
        rows: Columns ``query`` (text), ``query_type``, ``source`` (what its trajectory's id begins with, as
            in ``proof:…``), ``positive``, ``negatives``, and ``relevant``: passages that are positive for the
            same query or trajectory, which in a batch must not count as negatives. Passages are numbered by
            their places in the corpus.
        sha256: Of the file, 64 hex digits.
        dropped: Listed negatives that were left out because they are relevant.
    """

    rows: Dataset
    sha256: str
    dropped: int

    @property
    def types(self) -> list[str]:
        """Query type of each row."""
        return list(self.rows["query_type"])

    def kinds(self, mix: Mapping[str, float]) -> list[str]:
        """What decides each row's share of a mix: ``SOURCE:TYPE`` where the mix names it, else its type.

        Raises:
            BadInputError: The mix names what is not there.
        """
        precise = [f"{source}:{kind}" for source, kind in zip(self.rows["source"], self.types, strict=True)]
        known = {*precise, *self.types}
        if unknown := mix.keys() - known:
            raise BadInputError(
                f"the mix names {min(unknown)!r}, and the triples have {', '.join(sorted(known))}",
                "Name query types that are there",
            )
        return [one if one in mix else kind for one, kind in zip(precise, self.types, strict=True)]

    def chosen(self, numbers: list[int]) -> TripleSet:
        """Some of the rows."""
        return replace(self, rows=self.rows.select(numbers))

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each query type."""
        return dict(sorted(Counter(self.types).items()))


def read_pair(config: Training, folder: Path, corpus: Corpus) -> tuple[TripleSet, TripleSet | None]:
    """Rows to train on, and those to validate with where the folder has some.

    Raises:
        BadInputError: As `read_triples`; or the mix names what is not there.
    """
    rows = read_triples(folder / TRAIN, corpus, limit=config.limit, seed=config.seed)
    rows.kinds(config.mix)
    file = folder / VALIDATION
    if not file.exists():
        return rows, None
    return rows, read_triples(file, corpus, limit=config.validation_limit, seed=config.seed)


def read_triples(file: Path, corpus: Corpus, *, limit: int = 0, seed: int = 0) -> TripleSet:
    """The triples of a file; where there are more than ``limit``, a draw that the seed decides.

    Raises:
        BadInputError: The file cannot be read, a line is bad, passages are not in the corpus, or there is
            nothing to learn.
    """
    triples = list(_triples(file))
    if not triples:
        raise BadInputError(f"{file} holds no triple", _REMEDY)
    number = {passage.id: place for place, passage in enumerate(corpus)}
    _check_ids(file, triples, number)
    if 0 < limit < len(triples):
        draw = np.sort(np.random.default_rng(seed).permutation(len(triples))[:limit])
        triples = [triples[row] for row in draw]
    return _numbered(triples, number, file_sha256(file))


def folder_hash(folder: Path) -> str:
    """sha256 over a model folder's weights and settings, 64 hex digits."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.suffix in _HASHED):
        digest.update(f"{file.name}\n{file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _triples(file: Path) -> Iterator[Triple]:
    for place, row in rows(file):
        if isinstance(row, str):
            raise BadInputError(f"{place}: {row}", _REMEDY)
        try:
            yield Triple.model_validate(row)
        except ValidationError as error:
            raise BadInputError(f"{place}: {reasons(error)}", _REMEDY) from error


def _check_ids(file: Path, triples: list[Triple], known: Mapping[str, int]) -> None:
    missing = Counter(key for each in triples for key in (each.positive, *each.negatives) if key not in known)
    if missing:
        first = next(iter(missing))
        raise BadInputError(
            f"{file}: {len(missing):,} passages are not in the corpus, the first is {first!r}",
            "Name with --corpus every corpus that the triples were made from",
        )


def _numbered(triples: list[Triple], number: Mapping[str, int], sha256: str) -> TripleSet:
    from datasets import Dataset

    relevant = _relevant(triples, number)
    listed = [list(dict.fromkeys(number[key] for key in each.negatives)) for each in triples]
    kept = [[key for key in keys if key not in known] for keys, known in zip(listed, relevant, strict=True)]
    positives = [number[each.positive] for each in triples]
    columns = {
        "query": [each.query for each in triples],
        "query_type": [each.query_type for each in triples],
        "source": [each.trajectory.partition(":")[0] for each in triples],
        "positive": positives,
        "negatives": kept,
        "relevant": [sorted(known) for known in relevant],
    }
    if len({*positives, *(key for keys in kept for key in keys)}) < 2:
        raise BadInputError(
            "every triple has the same passage and no other: there is nothing to tell apart",
            "Give the triples negatives, or more theorems",
        )
    dropped = sum(map(len, listed)) - sum(map(len, kept))
    return TripleSet(Dataset.from_dict(columns), sha256, dropped)


def _relevant(triples: list[Triple], number: Mapping[str, int]) -> list[set[int]]:
    """Of each row, the passages that are positive for its query or elsewhere in its trajectory."""
    known: dict[tuple[str, str], set[int]] = defaultdict(set)
    for each in triples:
        for key in _groups(each):
            known[key].add(number[each.positive])
    return [{number for key in _groups(each) for number in known[key]} for each in triples]


def _groups(triple: Triple) -> list[tuple[str, str]]:
    return [("query", triple.query), ("trajectory", triple.trajectory)]
