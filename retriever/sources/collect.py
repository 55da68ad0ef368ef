"""The corpus that ``rader index`` builds: files, folders, benchmarks and Python packages in one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from retriever.corpus import Corpus, Found, Gathering, shipped_theorems
from retriever.errors import BadInputError
from retriever.jsonl import shown, unreadable
from retriever.queries import Query, read_queries
from retriever.sources.bright import PREFIX, BrightField, bright_queries, read_bright, split_and_root
from retriever.sources.code import DEFAULT_CODE, SourceReport, code_passages
from retriever.sources.formats import FORMATS, REMEDY, SUFFIXES, Format, declarations, format_of, read_file

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "_build", "_site"})


def collect_corpus(
    files: Sequence[str | Path] = (),
    packages: Sequence[str] = (),
    *,
    shipped: bool = True,
    skip_bad: bool = False,
    file_format: Format | None = None,
) -> Corpus:
    """The corpus that ``rader index`` builds.

    Args:
        files: JSONL corpora, NaturalProofs JSON, LaTeX or Markdown files, folders of such files,
            ``bright:SPLIT`` for a split of BRIGHT from the hub, ``bright:FOLDER/SPLIT`` for one of a copy.
        packages: Installed Python packages or modules.
        shipped: Also the theorems that ship and `DEFAULT_CODE`.
        skip_bad: Leave out what is wrong; it is in ``skipped`` of the corpus, where files of packages that
            cannot be parsed are in any case.
        file_format: How to read files, instead of what they look like; of a folder, only such files are read.

    Returns:
        The corpus, with ``counts`` of passages by source and ``notes`` of what was left out on purpose.

    Raises:
        BadInputError: A line is bad, an id is there twice, a file has no format that is known or holds no
            passage, or a package is not installed.
        MissingExtraError: BRIGHT is asked for and `datasets` is not installed.
    """
    if file_format is not None and file_format not in FORMATS:
        raise BadInputError(f"there is no format {file_format!r}", REMEDY)
    report = SourceReport()
    gathering = Gathering(skip_bad=skip_bad)
    if shipped:
        gathering.take("shipped theorems", (Found(passage.id, passage) for passage in shipped_theorems()))
    if code := code_passages((*DEFAULT_CODE, *packages) if shipped else packages, report):
        gathering.take("Python packages", (Found(passage.id, passage) for passage in code))
    for file in files:
        gathering.take(shown(file), _read(file, file_format))
    gathering.skipped.extend(report.skipped)
    return gathering.corpus()


def collect_queries(
    source: str | Path,
    field: BrightField = "query",
    *,
    skip_bad: bool = False,
    skipped: list[str] | None = None,
) -> list[Query]:
    """The queries of a JSONL file, of ``bright:SPLIT`` or of ``bright:FOLDER/SPLIT``.

    Args:
        source: A file or a split.
        field: ``query`` or ``cot``, which every file may have, or a reasoning that only BRIGHT has; see
            `bright_queries`.
        skip_bad: Leave bad lines of a file out; they go to ``skipped``.
        skipped: Filled in with one line for each line left out.

    Raises:
        BadInputError: A line is bad, nothing is left, or the split or field is not there.
        MissingExtraError: BRIGHT is asked for and `datasets` is not installed.
    """
    if str(source).startswith(PREFIX):
        split, root = split_and_root(str(source))
        return bright_queries(split, field, root)
    if field not in ("query", "cot"):
        raise BadInputError(f"{shown(source)} has no field {field!r}", "Fields of a file: query, cot")
    return read_queries(source, skip_bad, skipped=skipped)


def default_corpus() -> Corpus:
    """What ships: the theorems and `DEFAULT_CODE`."""
    return collect_corpus()


def _read(file: str | Path, file_format: Format | None) -> Iterator[Found]:
    if str(file).startswith(PREFIX):
        return read_bright(*split_and_root(str(file)))
    path = Path(file)
    if path.is_dir():
        return _read_folder(path, file_format)
    return read_file(path, path.name, file_format or format_of(path))


def _read_folder(folder: Path, file_format: Format | None) -> Iterator[Found]:
    """All files of a folder and those below it that can hold passages, in the order of their names.

    Links to folders are not followed, hidden folders are not entered, and files of other kinds are noted.
    """
    if (folder / "documents").is_dir() and (folder / "examples").is_dir():
        raise BadInputError(
            f"{shown(folder)} is a copy of BRIGHT", f"Name a split: {PREFIX}{shown(folder)}/SPLIT"
        )
    paths = sorted(_walk(folder))
    theorems = declarations(iter(paths))
    others: Counter[str] = Counter()
    for path in paths:
        form = _format_in_folder(path, file_format)
        if form is None:
            others[path.suffix.lower() or "no suffix"] += 1
            continue
        name = (Path(folder.resolve().name) / path.relative_to(folder)).as_posix()
        try:
            yield from read_file(path, name, form, theorems)
        except BadInputError as error:  # one file among many: --skip-bad goes on without it
            yield Found(shown(folder), error.message)
    for suffix, count in sorted(others.items()):
        for _ in range(count):
            yield Found(shown(folder), None, f"a file of another kind ({suffix}) was left out")


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(folder, error) from error

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        yield from (Path(root) / name for name in names if not name.startswith("."))


def _format_in_folder(path: Path, file_format: Format | None) -> Format | None:
    """The format of a file in a folder, by its name; a JSON file is looked into."""
    known = SUFFIXES.get(path.suffix.lower())
    if known is None and path.suffix.lower() == ".json":
        try:
            known = format_of(path)
        except BadInputError:
            return None
        known = known if known == "naturalproofs" else None
    if not path.is_file() or file_format not in (None, known):
        return None
    return known
