"""Corpora: JSONL files of passages, read line by line, checked and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retriever.errors import BadInputError
from retriever.passage import Passage

REMEDY = "Mend the line, or leave bad lines out with --skip-bad"


class Corpus:
    """Passages with unique ids, in the order they were read.

    Args:
        passages: The passages.
        skipped: One line for each bad line that was left out ("FILE, line N: reason").

    Raises:
        BadInputError: Two passages share an id.
    """

    def __init__(self, passages: Iterable[Passage], skipped: Sequence[str] = ()) -> None:
        self.passages: tuple[Passage, ...] = tuple(passages)
        self.skipped: tuple[str, ...] = tuple(skipped)
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
            paths: Files with one JSON object a line: ``id`` and ``text``, and where known ``title``,
                ``kind``, ``source``, ``tags``, ``aliases``, ``use_when``. Other keys are ignored, and so are
                empty lines.
            skip_bad: Leave bad lines out and list them in ``skipped`` instead of stopping at the first.

        Raises:
            BadInputError: A file cannot be read, or a line is bad; names file, line number and reason.
        """
        passages: dict[str, Passage] = {}
        skipped: list[str] = []
        for path in paths:
            for number, line in _lines(Path(path)):
                found = _parse(line, passages)
                if isinstance(found, Passage):
                    passages[found.id] = found
                    continue
                complaint = f"{path}, line {number}: {found}"
                if not skip_bad:
                    raise BadInputError(complaint, REMEDY)
                skipped.append(complaint)
        return cls(passages.values(), skipped)

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


def shipped_theorems() -> Corpus:
    """The theorems that come with the product (``retriever/data/theorems.jsonl``)."""
    with resources.as_file(resources.files("retriever") / "data" / "theorems.jsonl") as path:
        return Corpus.from_file(path)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line that is not blank."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInputError(f"cannot read {path}: {reason}", "Name a JSONL file that exists") from error


def _parse(line: bytes, known: dict[str, Passage]) -> Passage | str:
    """The passage of one line, or the reason why there is none."""
    try:
        row = json.loads(line.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start + 1} of the line)"
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    if not isinstance(row, dict):
        return f"not a JSON object but {type(row).__name__}"
    try:
        passage = Passage.model_validate({key: value for key, value in row.items() if value is not None})
    except ValidationError as error:
        return "; ".join(_reason(dict(problem)) for problem in error.errors())
    return f"the id {passage.id!r} is already taken" if passage.id in known else passage


def _reason(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "missing":
            return f"{where} is missing"
        case "string_unicode":  # a lone surrogate can be written in JSON and cannot be stored anywhere
            return f"{where} is not valid Unicode"
        case "string_too_short":
            return f"{where} is empty"
        case _:
            message: str = problem["msg"]
            return f"{where}: {message[:1].lower()}{message[1:]}"
