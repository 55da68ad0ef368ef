"""Corpora: passages gathered from their sources, checked and hashed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from retriever.errors import BadInputError
from retriever.jsonl import REMEDY, Row, reasons, rows, shown
from retriever.passage import Passage
from retriever.proofs import from_proofwiki, without_proof

PASSAGES = 'Passages are lines {"id": …, "text": …}, or theorems in LaTeX and Markdown files'


class Found(NamedTuple):
    """What a reader came upon: a place ("FILE, line N"), and the passage there or why there is none.

    ``passage`` is a string where something is wrong, and None where nothing is and yet there is no passage.
    ``note`` says what was left out on purpose; notes are counted.
    """

    place: str
    passage: Passage | str | None
    note: str = ""


class Corpus:
    """Passages with unique ids, in the order they were read.

    Args:
        passages: The passages.
        skipped: One line for each bad line or file that was left out ("FILE, line N: reason").
        counts: How many passages came from each source.
        notes: What was left out on purpose, a line a source and reason ("FILE: 67 × …").

    Raises:
        BadInputError: Two passages share an id.
    """

    def __init__(
        self,
        passages: Iterable[Passage],
        skipped: Sequence[str] = (),
        counts: Mapping[str, int] = MappingProxyType({}),
        notes: Sequence[str] = (),
    ) -> None:
        self.passages: tuple[Passage, ...] = tuple(passages)
        self.skipped: tuple[str, ...] = tuple(skipped)
        self.counts: dict[str, int] = dict(counts)
        self.notes: tuple[str, ...] = tuple(notes)
        seen: set[str] = set()
        for passage in self.passages:
            if passage.id in seen:
                raise BadInputError(f"the id {passage.id!r} is there twice", "Give every passage its own id")
            seen.add(passage.id)

    @classmethod
    def from_file(cls, path: str | Path, *, skip_bad: bool = False) -> Corpus:
        """Read one JSONL corpus; see `from_files`."""
        return cls.from_files([path], skip_bad=skip_bad)

    @classmethod
    def from_files(cls, paths: Iterable[str | Path], *, skip_bad: bool = False) -> Corpus:
        """Read JSONL corpora as one; ids must be unique over all of them.

        Args:
            paths: Files with one JSON object a line; see `passage_of`. Blank lines are ignored.
            skip_bad: Leave bad lines out and list them in ``skipped`` instead of stopping at the first.

        Raises:
            BadInputError: A file cannot be read or holds no passage, or a line is bad; names file, line
                number and reason.
        """
        gathering = Gathering(skip_bad=skip_bad)
        for path in paths:
            gathering.take(shown(path), read_passages(Path(path)))
        return gathering.corpus()

    @property
    def sha256(self) -> str:
        """Hash over every field of every passage; the order of the passages does not count.

        An index answers the same whatever the order of its corpus, so a reordered file needs no new index.
        """
        digest = hashlib.sha256()
        for passage in sorted(self.passages, key=lambda passage: passage.id):
            digest.update(passage.model_dump_json().encode() + b"\n")
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.passages)

    def __iter__(self) -> Iterator[Passage]:
        return iter(self.passages)


class Gathering:
    """Turns what readers find into one corpus with unique ids.

    Args:
        skip_bad: List what is wrong in ``skipped`` instead of stopping at it.
    """

    def __init__(self, *, skip_bad: bool = False) -> None:
        self.skip_bad = skip_bad
        self.skipped: list[str] = []
        self.counts: Counter[str] = Counter()
        self._notes: Counter[tuple[str, str]] = Counter()
        self._passages: dict[str, Passage] = {}

    def take(self, source: str, found: Iterable[Found]) -> None:
        """Take all that a reader finds in a source, named as people should see it.

        Raises:
            BadInputError: Something is wrong (and ``skip_bad`` is not set), or there is no passage.
        """
        complaints = 0
        for place, passage, note in found:
            complaint = self._keep(passage)
            if note:
                self._notes[source, note] += 1
            if complaint is None:
                self.counts[source] += isinstance(passage, Passage)
                continue
            if not self.skip_bad:
                raise BadInputError(f"{place}: {complaint}", REMEDY)
            complaints += 1
            self.skipped.append(f"{place}: {complaint}")
        if not self.counts[source]:
            reason = f" ({complaints} bad, the first: {self.skipped[-complaints]})" if complaints else ""
            raise BadInputError(f"{source} holds no passage{reason}", PASSAGES)

    def corpus(self) -> Corpus:
        """What was taken so far."""
        notes = [f"{source}: {count:,} × {note}" for (source, note), count in self._notes.items()]
        return Corpus(self._passages.values(), self.skipped, self.counts, notes)

    def _keep(self, passage: Passage | str | None) -> str | None:
        """Keep a passage; the complaint where it cannot be kept."""
        if not isinstance(passage, Passage):
            return passage
        if passage.id in self._passages:
            return f"the id {passage.id!r} is already taken"
        self._passages[passage.id] = passage
        return None


def read_passages(path: Path) -> Iterator[Found]:
    """The passages of a JSONL corpus, line by line.

    A ProofWiki page that holds proofs after its statement gives the statement (`retriever.proofs`), which is
    noted.

    Raises:
        BadInputError: The file cannot be read.
    """
    for place, row in rows(path):
        if isinstance(row, str):
            yield Found(place, row)
        else:
            statement, note = without_proof(row) if from_proofwiki(row) else (row, "")
            yield Found(place, passage_of(statement), note)


def passage_of(row: Row) -> Passage | str:
    """The passage of one JSON object, or the reason why there is none.

    Keys: ``id`` and ``text``, and where known ``title``, ``kind``, ``source``, ``tags``, ``aliases``,
    ``use_when``. ``categories`` stand in for missing ``tags`` (ProofWiki), and a row with a programming
    ``language`` and no ``kind`` is code. Other keys, and those that are null, are ignored.
    """
    known = {key: value for key, value in row.items() if value is not None}
    if "categories" in known:
        known.setdefault("tags", known["categories"])
    if "language" in known:
        known.setdefault("kind", "code")
    try:
        return Passage.model_validate(known)
    except ValidationError as error:
        return reasons(error)


def shipped_theorems() -> Corpus:
    """The theorems that come with the product (``retriever/data/theorems.jsonl``)."""
    with resources.as_file(resources.files("retriever") / "data" / "theorems.jsonl") as path:
        return Corpus.from_file(path)
