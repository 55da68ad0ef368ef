"""What lies in logs of any size, without holding them: the place of every line and the columns of a list.

The catalogue is a SQLite file that can be made again at any time. A log only grows, so a second look reads
no more than what was appended; one that was replaced is read anew. A line not yet ended is left for later.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.feedback import FeedbackLog, beside, with_feedback
from agent.records import Trajectory
from ui.trajectories.filters import Filter
from ui.trajectories.logs import Log, Logs, identity
from ui.trajectories.rows import Row, next_line, read_at, row_at

PAGE = 50
SLICE_SECONDS = 0.5  # of reading, after which others may have a turn

_VERSION = 1
_NAMES = ", ".join(Row._fields)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS logs (log TEXT PRIMARY KEY, identity TEXT, position INT, bad INT, feedback TEXT);
CREATE TABLE IF NOT EXISTS rows ({_NAMES}, PRIMARY KEY (log, id));
CREATE INDEX IF NOT EXISTS newest ON rows (created DESC, place DESC);
CREATE INDEX IF NOT EXISTS by_id ON rows (id);
CREATE TABLE IF NOT EXISTS said (log TEXT, id TEXT, key TEXT, value TEXT, PRIMARY KEY (log, id, key));
"""


class Listed(NamedTuple):
    """A row, and whether a person ``approved`` or ``rejected`` it for training; empty where nobody did."""

    row: Row
    training: str


class Page(NamedTuple):
    """Rows of one page, newest first; its number, from 1; and how many rows there are on all pages."""

    rows: list[Listed]
    number: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE))


class Catalogue:
    """The trajectories of several logs; may be used from several threads.

    Args:
        logs: Where they are.
        file: Where the catalogue is kept; where that cannot be written, it lasts as long as the process.
    """

    def __init__(self, logs: Logs, file: Path) -> None:
        self.logs = logs
        self._lock = threading.RLock()
        self._db = _opened(file)

    def update(self) -> Iterator[float]:
        """Read what is new; tells the share that is read every half second. Others may ask meanwhile."""
        while (share := self._read_on()) < 1:
            yield share
        with self._lock, self._db:
            logs = self.logs.all()
            for key in self._known() - {log.key for log in logs}:
                self._drop(key)
            for log in logs:
                self._listen(log)

    def page(self, filter_: Filter, number: int = 1) -> Page:
        """One page; the last where there are not so many."""
        where, given = filter_.where()
        training = "(SELECT value FROM said WHERE log = rows.log AND id = rows.id AND key = 'training')"
        with self._lock:
            [total] = self._db.execute(f"SELECT count(*) FROM rows WHERE {where}", given).fetchone()
            page = Page([], 1, total)
            page = page._replace(number=max(1, min(number, page.last)))
            found = self._db.execute(
                f"SELECT {_NAMES}, coalesce({training}, '') FROM rows WHERE {where} "
                "ORDER BY created DESC, place DESC LIMIT ? OFFSET ?",
                [*given, PAGE, (page.number - 1) * PAGE],
            ).fetchall()
        return page._replace(rows=[Listed(Row(*each[:-1]), each[-1]) for each in found])

    def read(self, filter_: Filter) -> Iterator[Trajectory]:
        """All that a filter lets through, with the feedback on it, oldest first, one at a time in memory."""
        where, given = filter_.where()
        for log in self.logs.all():
            said = FeedbackLog(beside(log.path)).read()
            for one, place, length in self._spans(log, where, given):
                if read := read_at(log.path, one, place, length):
                    yield with_feedback(read, said)

    def find(self, trajectory: str, log: str = "") -> tuple[str, Trajectory] | None:
        """A trajectory with the feedback on it, and the key of its log; None where there is none (any more).

        Args:
            trajectory: Its id.
            log: Key of its log; empty looks in all, the newest first.
        """
        query = "SELECT log, place, length FROM rows WHERE id = ? AND ? IN ('', log) ORDER BY created DESC"
        with self._lock:
            spans = self._db.execute(query, [trajectory, log]).fetchall()
        for key, place, length in spans:
            path = self.logs.path(key)
            if path and (read := read_at(path, trajectory, place, length)):
                return key, with_feedback(read, FeedbackLog(beside(path)).read())
            with self._lock, self._db:  # it was changed within, or the catalogue was: to be read anew
                self._drop(key)
        return None

    def strategies(self) -> list[str]:
        """Those that occur."""
        with self._lock:
            return [name for (name,) in self._db.execute("SELECT DISTINCT strategy FROM rows ORDER BY 1")]

    def bad_lines(self) -> int:
        """How many lines are no trajectories."""
        with self._lock:
            return int(self._db.execute("SELECT coalesce(sum(bad), 0) FROM logs").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _spans(self, log: Log, where: str, given: list[str]) -> Iterator[tuple[str, int, int]]:
        """Id, place and length of a log's rows, asked for by and by."""
        wanted = f"{where} AND log = ? AND place > ? ORDER BY place LIMIT 1000"
        query, place = f"SELECT id, place, length FROM rows WHERE {wanted}", -1
        while True:
            with self._lock:
                spans = self._db.execute(query, [*given, log.key, place]).fetchall()
            if not spans:
                return
            yield from spans
            place = spans[-1][1]

    def _read_on(self) -> float:
        """Read for `SLICE_SECONDS` at most; the share of all bytes that is read now."""
        until, size, left = time.monotonic() + SLICE_SECONDS, 0, 0
        for log in self.logs.all():
            with contextlib.suppress(OSError), self._lock, self._db:
                size += log.path.stat().st_size
                left += self._read(log, until)
        return 1 - left / size if left else 1.0

    def _read(self, log: Log, until: float) -> int:
        """Read on in a log; the bytes that are left."""
        rows, bad = list[Row](), 0
        with log.path.open("rb") as file:
            place = self._begun(log, identity(file))
            size = file.seek(0, 2)
            file.seek(place)
            while place < size and time.monotonic() < until:
                if (line := next_line(file)) is None:
                    size = place
                elif row := row_at(log.key, place, line):
                    rows.append(row)
                else:
                    bad += line.strip() != b"" or not line
                place = file.tell() if line is not None else place
        self._db.executemany(f"INSERT OR REPLACE INTO rows VALUES ({_marks(len(Row._fields))})", rows)
        heard = "" if any(row.feedback for row in rows) else None  # to be listened to again
        self._db.execute(
            "UPDATE logs SET position = ?, bad = bad + ?, feedback = coalesce(?, feedback) WHERE log = ?",
            [place, bad, heard, log.key],
        )
        return size - place

    def _begun(self, log: Log, mark: str) -> int:
        """Where reading of a log stands; one that was replaced begins anew."""
        found = self._db.execute("SELECT identity, position FROM logs WHERE log = ?", [log.key]).fetchone()
        if found and found[0] == mark and found[1] <= log.path.stat().st_size:
            return int(found[1])
        self._drop(log.key)
        self._db.execute("INSERT INTO logs VALUES (?, ?, 0, 0, '')", [log.key, mark])
        return 0

    def _known(self) -> set[str]:
        return {key for (key,) in self._db.execute("SELECT log FROM logs")}

    def _drop(self, key: str) -> None:
        for table in ("logs", "rows", "said"):
            self._db.execute(f"DELETE FROM {table} WHERE log = ?", [key])

    def _listen(self, log: Log) -> None:
        """Take in what people said, where that changed: what lies beside the log over what its lines say."""
        file = beside(log.path)
        mark = f"{(stat := file.stat()).st_size} {stat.st_mtime_ns}" if file.exists() else "none"
        if self._db.execute("SELECT feedback FROM logs WHERE log = ?", [log.key]).fetchone() == (mark,):
            return
        self._db.execute("DELETE FROM said WHERE log = ?", [log.key])
        lines = self._db.execute("SELECT id, feedback FROM rows WHERE log = ? AND feedback != ''", [log.key])
        own = {trajectory: json.loads(said) for trajectory, said in lines.fetchall()}
        for given in (own, FeedbackLog(file).read()):
            rows = [(log.key, one, key, value) for one, said in given.items() for key, value in said.items()]
            self._db.executemany("INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?)", rows)
        self._db.execute("UPDATE logs SET feedback = ? WHERE log = ?", [mark, log.key])


def _opened(file: Path) -> sqlite3.Connection:
    """The catalogue's file; made anew where it is damaged or of another version, else a passing one."""
    for _ in range(2):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return _prepared(sqlite3.connect(file, check_same_thread=False, timeout=30))
        except (OSError, sqlite3.OperationalError):  # read-only, full, or locked for long
            break
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)
    return _prepared(sqlite3.connect("", check_same_thread=False))


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    """A database with the tables in it.

    Raises:
        sqlite3.DatabaseError: It is damaged, or of another version.
    """
    try:
        version, sound = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "quick_check")
        )
        if version not in (0, _VERSION) or sound != "ok":
            raise sqlite3.DatabaseError("another version, or damaged")
        db.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA} PRAGMA user_version = {_VERSION};")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _marks(count: int) -> str:
    return ",".join("?" * count)
