"""What making triples must remember of all trajectories at once: on disk, so that it needs no memory."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from retriever.errors import BadInputError
from training.leakage.normal import template

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE problem (id TEXT, template TEXT, PRIMARY KEY (id, template)) WITHOUT ROWID;
CREATE INDEX by_template ON problem (template);
CREATE TABLE name (id TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
CREATE TABLE positive (id TEXT, passage TEXT, PRIMARY KEY (id, passage)) WITHOUT ROWID;
CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# Problems that share a text take the smallest name among them, until no name changes.
_SPREAD = """
UPDATE name SET name = found.smallest FROM (
  SELECT problem.id AS id, MIN(shared.smallest) AS smallest FROM problem JOIN (
    SELECT template, MIN(name.name) AS smallest FROM problem JOIN name USING (id) GROUP BY template
  ) AS shared USING (template) GROUP BY problem.id
) AS found WHERE found.id = name.id AND found.smallest < name.name
"""
_SETTLED = """
CREATE TABLE helped (name TEXT, passage TEXT, PRIMARY KEY (name, passage)) WITHOUT ROWID;
INSERT INTO helped SELECT DISTINCT name.name, positive.passage FROM positive JOIN name USING (id);
"""


class Ledger:
    """Problems and what helped with them, in a file that is thrown away in the end.

    Problems are the same where their ids are, and where their texts differ in numbers, spaces, signs and
    capitals alone: one is as good as the other to learn its twin by heart.

    Args:
        path: A file that does not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(_TABLES + "BEGIN;")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, problem_id: str, problem: str, positives: Iterable[str]) -> None:
        """Note a problem and passages that helped with it."""
        row = problem_id, template(problem)
        self._db.execute("INSERT OR IGNORE INTO problem VALUES (?, ?)", row)
        pairs = ((problem_id, one) for one in positives)
        self._db.executemany("INSERT OR IGNORE INTO positive VALUES (?, ?)", pairs)

    def settle(self) -> int:
        """Find the problems that are the same, once all are noted; how many different ones there are."""
        self._db.execute("INSERT INTO name SELECT DISTINCT id, id FROM problem")
        while self._db.execute(_SPREAD).rowcount > 0:
            pass
        for statement in filter(str.strip, _SETTLED.split(";")):
            self._db.execute(statement)
        [count] = self._db.execute("SELECT COUNT(DISTINCT name) FROM name").fetchone()
        return int(count)

    def name(self, problem_id: str) -> str:
        """What a problem and those that are the same as it are called; known once it is settled.

        Raises:
            BadInputError: It was not noted.
        """
        found = self._db.execute("SELECT name FROM name WHERE id = ?", (problem_id,)).fetchone()
        if found is None:
            raise BadInputError("the trajectories changed while they were read", "Run it again")
        return str(found[0])

    def positives(self, problem_id: str) -> frozenset[str]:
        """Every passage that helped with the problem, in any trajectory."""
        found = self._db.execute("SELECT passage FROM helped WHERE name = ?", (self.name(problem_id),))
        return frozenset(str(one) for (one,) in found)

    def is_new(self, *parts: str) -> bool:
        """Whether this is the first time that it is asked about these parts."""
        key = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount > 0
