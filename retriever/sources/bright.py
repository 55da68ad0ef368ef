"""BRIGHT (Su et al., 2024): twelve splits of documents, queries, and queries rewritten by language models.

From the hub (``xlangai/BRIGHT``) through `datasets`, or from a local copy: the folder as the hub lays it out
(``documents/biology-00000-of-00001.parquet``), a download of it in the hub's cache, what
``DatasetDict.save_to_disk`` wrote, or JSONL (``documents/biology.jsonl``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from retriever.corpus import Corpus, Found, Gathering, passage_of
from retriever.errors import BadInputError, MissingExtraError
from retriever.jsonl import Row, rows, shown, unreadable
from retriever.queries import Query, query_of

REPOSITORY = "xlangai/BRIGHT"
SPLITS = (
    "biology",
    "earth_science",
    "economics",
    "psychology",
    "robotics",
    "stackoverflow",
    "sustainable_living",
    "leetcode",
    "pony",
    "aops",
    "theoremqa_questions",
    "theoremqa_theorems",
)
# Whose reasoning about the query takes its place, under the names of the hub's configurations.
Reasoning = Literal[
    "gpt4_reason", "claude-3-opus_reason", "Gemini-1.0_reason", "llama3-70b_reason", "grit_reason"
]
REASONINGS: tuple[Reasoning, ...] = (
    "gpt4_reason",
    "claude-3-opus_reason",
    "Gemini-1.0_reason",
    "llama3-70b_reason",
    "grit_reason",
)
BrightField = Literal["query", "cot"] | Reasoning
PREFIX = "bright:"
EMPTY = "a document without text was left out"
_KINDS = {
    "theoremqa_theorems": "theorem",
    "theoremqa_questions": "problem",
    "aops": "problem",
    "leetcode": "code",
}
_NOTHING = ("N/A", "")  # what stands in excluded_ids where nothing is excluded


def bright_corpus(split: str, root: str | Path | None = None) -> Corpus:
    """The documents of a split; their ids are BRIGHT's own, so that run files of others can be compared.

    Args:
        split: One of `SPLITS`.
        root: A local copy; None takes the hub.

    Raises:
        BadInputError: The split is unknown, the copy lacks it, or the hub does not give it.
        MissingExtraError: `datasets` is not installed.
    """
    gathering = Gathering()
    gathering.take(f"{PREFIX}{split}", read_bright(split, root))
    return gathering.corpus()


def bright_queries(split: str, field: BrightField = "query", root: str | Path | None = None) -> list[Query]:
    """The queries of a split with their gold and excluded ids.

    Args:
        split: One of `SPLITS`.
        field: ``query`` gives the questions. One of `REASONINGS` gives that model's reasoning in place of the
            question, which is how BRIGHT and RaDeR report "GPT-4 reasoning as query". ``cot`` gives the
            questions with GPT-4's reasoning as ``cot`` (DESIGN's field: question, newline, reasoning).
        root: A local copy; None takes the hub.

    Raises:
        BadInputError: The split or field is unknown, the copy lacks it, a row is bad, or the hub does not
            give it.
        MissingExtraError: `datasets` is not installed.
    """
    if field not in ("query", "cot", *REASONINGS):
        raise BadInputError(f"BRIGHT has no field {field!r}", f"Fields: query, cot, {', '.join(REASONINGS)}")
    queries = _queries(split, "examples" if field in ("query", "cot") else field, root)
    if field == "cot":
        reasoning = {query.id: query.query for query in _queries(split, "gpt4_reason", root)}
        queries = [query.model_copy(update={"cot": reasoning.get(query.id)}) for query in queries]
    return queries


def read_bright(split: str, root: str | Path | None = None) -> Iterator[Found]:
    """The documents of a split, as `bright_corpus` has them."""
    for place, row in _rows("documents", split, root):
        if isinstance(row, str):
            yield Found(place, row)
        elif isinstance(text := row.get("content"), str) and not text.strip():
            yield Found(place, None, EMPTY)
        else:
            known = {"id": row.get("id"), "text": text, "kind": _KINDS.get(split, "document")}
            yield Found(place, passage_of(known | {"source": f"bright/{split}"}))


def split_and_root(name: str) -> tuple[str, str | None]:
    """Split and local copy of ``bright:SPLIT`` or ``bright:FOLDER/SPLIT``."""
    folder, slash, split = name.removeprefix(PREFIX).rpartition("/")
    return split, (folder or "/") if slash else None


def _queries(split: str, config: str, root: str | Path | None) -> list[Query]:
    queries: dict[str, Query] = {}
    for place, row in _rows(config, split, root):
        found = row if isinstance(row, str) else query_of(_judged(row))
        if isinstance(found, Query) and found.id in queries:
            found = f"the id {found.id!r} is already taken"
        if isinstance(found, str):
            raise BadInputError(f"{place}: {found}", "Download BRIGHT again")
        queries[found.id] = found
    return list(queries.values())


def _judged(row: Row) -> Row:
    """A row of BRIGHT as a query's: ids once each, without the marks for "none"."""
    return {
        "id": row.get("id"),
        "query": row.get("query"),
        "gold_ids": _ids(row.get("gold_ids")),
        "excluded_ids": _ids(row.get("excluded_ids")),
    }


def _ids(value: object) -> object:
    """Each id once, without "N/A"; anything but a list of strings as it is, to be refused."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [each for each in dict.fromkeys(value) if each not in _NOTHING]
    return value


def _rows(config: str, split: str, root: str | Path | None) -> Iterator[tuple[str, Row | str]]:
    """Place and object of each row of a configuration's split."""
    if split not in SPLITS:
        raise BadInputError(f"BRIGHT has no split {split!r}", f"Splits: {', '.join(SPLITS)}")
    if root is None:
        return _read(f"{REPOSITORY}, {config}/{split}", path=REPOSITORY, name=config, split=split)
    try:
        folder = _layout(Path(root)) / config
        files = _files(folder, split)
    except (OSError, ValueError) as error:
        raise unreadable(Path(root), error) from error
    place = f"{shown(folder)}, {split}"
    if not files:
        what = f"{shown(root)} has no {config}/{split}-*.parquet or {config}/{split}.jsonl"
        raise BadInputError(what, f"Name a copy of {REPOSITORY}, or leave the folder out to take the hub's")
    if files[0].is_dir():
        return _read(place, saved=str(files[0]))
    if files[0].suffix == ".parquet":
        names = [str(file) for file in files]
        return _read(place, path="parquet", data_files=names, split="train", streaming=True)
    return chain.from_iterable(rows(file) for file in files)


def _layout(root: Path) -> Path:
    """The folder with the configurations: the root, or a snapshot in a cache of the hub, the newest one."""
    snapshots = root / "snapshots"
    if not snapshots.is_dir():
        return root
    return max(snapshots.iterdir(), key=lambda folder: folder.stat().st_mtime, default=root)


def _files(folder: Path, split: str) -> list[Path]:
    """The files of a split, all of one kind, or the folder that `datasets` saved it in."""
    if (folder / split / "dataset_info.json").is_file():
        return [folder / split]
    names = [*sorted(folder.glob(f"{split}.*")), *sorted(folder.glob(f"{split}-[0-9]*"))]
    parquet = [file for file in names if file.suffix == ".parquet"]
    return parquet or [file for file in names if file.suffix == ".jsonl"]


def _read(place: str, *, saved: str | None = None, **where: Any) -> Iterator[tuple[str, Row | str]]:
    """Rows through `datasets`: of a folder it saved, or of whatever ``load_dataset`` takes."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("bright") from error
    try:
        table = datasets.load_from_disk(saved) if saved else datasets.load_dataset(**where)
        for number, row in enumerate(table, start=1):
            yield f"{place}, row {number}", dict(row)
    except Exception as error:  # of pyarrow, fsspec, httpx or the hub, and they share no base
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadInputError(
            f"cannot read {place}: {reason}", "Check the network, or name a local copy: bright:FOLDER/SPLIT"
        ) from error
