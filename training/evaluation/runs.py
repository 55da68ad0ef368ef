"""Run files in TREC's format: a ranking for each query, six columns a line, as trec_eval reads them.

    QUERY Q0 PASSAGE RANK SCORE TAG

trec_eval ignores ranks: it sorts by score as a 32-bit float, ties by descending id. What is read here is put
into that order; what is written has scores that give trec_eval the order of the ranking. Columns are parted
by blanks, so that white space within an id is written as percent escapes (``a b`` → ``a%20b``); on reading,
the ids known say which is meant. Other ids stand as they are, also where they hold a ``%``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from retriever.errors import BadInputError
from retriever.files import storage_errors, write_atomically

Ranking = list[tuple[str, float]]  # passage ids with scores, best first
Run = dict[str, Ranking]  # by query id; a query without hits is not there

SUFFIX = ".trec"
_COLUMNS = "QUERY Q0 PASSAGE RANK SCORE TAG"
_REMEDY = f"A line is: {_COLUMNS}"


def trec_order(ranking: Iterable[tuple[str, float]]) -> Ranking:
    """Sorted as trec_eval does: by score as a 32-bit float, ties by descending id."""
    rounded = ((key, float(np.float32(score))) for key, score in ranking)
    return sorted(rounded, key=lambda hit: (hit[1], hit[0]), reverse=True)


def trec_scores(ranking: Iterable[tuple[str, float]]) -> Ranking:
    """The same order, with scores that are 32-bit floats and fall from hit to hit.

    A score that does not fall is lowered to the next float below the one before it: trec_eval would break
    such a tie by descending id, which is not how they were ranked.
    """
    ranked: Ranking = []
    last = np.float32(np.inf)
    for key, score in ranking:
        last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
        ranked.append((key, float(last)))
    return ranked


def read_run(path: str | Path, query_ids: Iterable[str], passage_ids: Iterable[str]) -> Run:
    """Rankings of a run file, each in trec_eval's order.

    Args:
        path: The file; blank lines are ignored.
        query_ids, passage_ids: The ids that the file may name. Others stay as they are written: they are
            nobody's, and take their places in the ranking.

    Raises:
        BadInputError: The file cannot be read, a line is bad (names file, line number and reason), or ids
            cannot be told apart once they are escaped.
    """
    queries, passages = _by_escape(query_ids), _by_escape(passage_ids)
    rankings: dict[str, dict[str, float]] = {}
    for number, line in _lines(Path(path)):
        found = _parse(line)
        if isinstance(found, str):
            raise BadInputError(f"{path}, line {number}: {found}", _REMEDY)
        query, passage = queries.get(found.query, found.query), passages.get(found.passage, found.passage)
        ranking = rankings.setdefault(query, {})
        if passage in ranking:
            raise BadInputError(f"{path}, line {number}: {passage!r} is there twice for {query!r}", _REMEDY)
        ranking[passage] = found.score
    if not rankings:
        raise BadInputError(f"{path} holds no ranking", _REMEDY)
    return {query: trec_order(ranking.items()) for query, ranking in rankings.items()}


def write_run(path: str | Path, run: Run, tag: str) -> None:
    """Write a run file, whole or not at all.

    Args:
        path: The file; its folder is made where there is none.
        run: Rankings, best first.
        tag: Names the run; white space in it is escaped too.

    Raises:
        BadInputError: Two ids cannot be told apart once they are escaped.
        StorageError: The file cannot be written.
    """
    _by_escape(run)
    lines = []
    for query, ranking in run.items():
        _by_escape(key for key, _ in ranking)
        for rank, (key, score) in enumerate(trec_scores(ranking), start=1):
            lines.append(f"{_escape(query)} Q0 {_escape(key)} {rank} {score:.9g} {_escape(tag)}\n")
    path = Path(path)
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(lines))


def write_runs(path: str | Path, runs: Mapping[str, Run]) -> list[Path]:
    """Write runs: one into the file ``path``, several, or where it is a folder, into ``path/NAME.trec``.

    Returns:
        The files.

    Raises:
        BadInputError, StorageError: As `write_run`; or there are several runs and ``path`` is a file.
    """
    path = Path(path)
    if len(runs) == 1 and not path.is_dir():
        files = [path]
    elif path.is_file():
        raise BadInputError(f"{path} is a file, and there are {len(runs)} runs", "Name a folder")
    else:
        files = [path / f"{quote(name, safe=' ')}{SUFFIX}" for name in runs]
    for file, (name, run) in zip(files, runs.items(), strict=True):
        write_run(file, run, name)
    return files


class _Line(NamedTuple):
    query: str
    passage: str
    score: float


def _parse(line: bytes) -> _Line | str:
    """What a line says, or the reason why it cannot be used."""
    columns = line.split()  # at ASCII white space alone, as trec_eval does
    if len(columns) != 6:
        return f"{len(columns)} columns instead of 6"
    try:
        query, _, passage, _, score, _ = (column.decode("utf-8") for column in columns)
    except UnicodeDecodeError:
        return "not UTF-8"
    try:
        value = float(score)
    except ValueError:
        return f"the score {score!r} is not a number"
    # An infinite or missing score has no place in an order.
    return _Line(query, passage, value) if math.isfinite(value) else f"the score is {score}"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(f"cannot read {path}: {reason}", "Name a run file that exists") from error


def _escape(text: str) -> str:
    """Itself where it has no white space; else with white space, control characters and ``%`` escaped."""
    if not any(_parts(char) for char in text):
        return text
    return "".join(quote(char) if char == "%" or _parts(char) else char for char in text)


def _parts(char: str) -> bool:
    return char.isspace() or ord(char) < 32


def _by_escape(ids: Iterable[str]) -> dict[str, str]:
    """Ids by how they are written.

    Raises:
        BadInputError: Two are written alike.
    """
    known: dict[str, str] = {}
    for each in ids:
        other = known.setdefault(_escape(each), each)
        if other != each:
            raise BadInputError(
                f"a run file would hold {other!r} and {each!r} as the same id", "Rename one of them"
            )
    return known
