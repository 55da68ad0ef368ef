"""The texts of benchmarks, to keep training away from them: files given, and what this machine has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from retriever.errors import BadInputError, RaderError
from retriever.jsonl import Row, rows, shown
from retriever.queries import Query
from retriever.sources import bright
from training.leakage.overlap import Reference

# Under which keys benchmarks keep what they ask: ours, BRIGHT, MATH-500, GSM8K, TheoremQA.
KEYS = ("query", "problem", "question", "cot")
FOLDER = "benchmarks"  # below RADER_HOME


class Benchmark(NamedTuple):
    """A benchmark's name, the sha256 of its texts, and the texts."""

    name: str
    sha256: str
    references: tuple[Reference, ...]


def read_benchmark(source: str | Path) -> Benchmark:
    """The texts of one benchmark.

    Args:
        source: JSONL whose lines have a text under one of `KEYS` (capitals do not matter), ``bright:SPLIT``
            from the hub, or ``bright:FOLDER/SPLIT`` from a copy, with its reasoning where the copy has it.

    Raises:
        BadInputError: It cannot be read, or has no text.
        MissingExtraError: BRIGHT is asked for and `datasets` is not installed.
    """
    name = str(source)
    if name.startswith(bright.PREFIX):
        return _benchmark(shown(name), _of_bright(name))
    return _benchmark(shown(name), _of_file(Path(source)))


def found_benchmarks(home: Path, cache: Path | None = None) -> list[str]:
    """Benchmarks that lie on this machine: ``HOME/benchmarks/*.jsonl``, and BRIGHT in the hub's cache.

    Args:
        home: The product's folder.
        cache: The hub's cache; None asks huggingface_hub where it is.
    """
    found = [str(path) for path in sorted((home / FOLDER).glob("*.jsonl"))]
    if cache is None:
        from huggingface_hub.constants import HF_HUB_CACHE

        cache = Path(HF_HUB_CACHE)
    copy = cache / f"datasets--{bright.REPOSITORY.replace('/', '--')}"
    snapshots = sorted(copy.glob("snapshots/*/examples"))
    there = {file.name.split("-")[0].split(".")[0] for folder in snapshots for file in folder.iterdir()}
    return found + [f"{bright.PREFIX}{copy}/{split}" for split in bright.SPLITS if split in there]


def _benchmark(name: str, references: Iterator[Reference]) -> Benchmark:
    texts = tuple(references)
    if not texts:
        raise BadInputError(
            f"{name} holds nothing to stay away from", f"A line has one of the keys {', '.join(KEYS)}"
        )
    digest = hashlib.sha256("\0".join(each.text for each in texts).encode()).hexdigest()
    return Benchmark(name, digest, texts)


def _of_file(path: Path) -> Iterator[Reference]:
    for number, (place, row) in enumerate(rows(path), start=1):
        if isinstance(row, str):
            raise BadInputError(f"{place}: {row}", "Mend the line: what cannot be read cannot be avoided")
        identity = str(row.get("id") or number)
        yield from (Reference(shown(path), identity, text) for text in _texts(row))


def _texts(row: Row) -> list[str]:
    known = {key.lower(): value for key, value in row.items()}
    return [text for key in KEYS if isinstance(text := known.get(key), str) and text.strip()]


def _of_bright(name: str) -> Iterator[Reference]:
    split, root = bright.split_and_root(name)
    queries: list[Query] = bright.bright_queries(split, root=root)
    yield from (Reference(name, query.id, query.query) for query in queries)
    for reasoning in _reasonings(split, root):
        yield from (Reference(name, query.id, query.query) for query in reasoning)


def _reasonings(split: str, root: str | None) -> Iterator[Sequence[Query]]:
    """What models wrote about the queries; from the hub it would be five more downloads."""
    for field in bright.REASONINGS if root else ():
        try:
            yield bright.bright_queries(split, field, root)
        except RaderError:
            continue  # a copy need not have all of them
