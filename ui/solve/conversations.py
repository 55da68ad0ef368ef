"""Conversations, kept over restarts: one SQLite file, in which nobody finds those of others.

What is kept is what happened (steps, passages, the trajectory), not how it looked; `ui.solve.transcript`
makes blocks of it again. SQLite brings what several tabs, several processes and a kill at any moment need.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from agent.records import Continues, Problem, Record, Step, Trajectory
from agent.transcript import cut
from retriever.errors import BadInputError, StorageError
from retriever.passage import Passage
from ui.solve.choices import Choices

TITLE_CHARS = 80
_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversation (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_owner ON conversation (owner, changed);
CREATE TABLE IF NOT EXISTS exchange (
  n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body TEXT NOT NULL,
  conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS by_conversation ON exchange (conversation, n);
"""

State = Literal["running", "finished", "stopped", "failed"]


class GoneError(BadInputError):
    """There is no such conversation, or it is somebody else's, which must look the same."""

    def __init__(self) -> None:
        super().__init__("there is no such conversation", "It may have been deleted; begin a new one")


class Exchange(Record):
    """A question, and what came of it.

    Attributes:
        id: Of its run and of the run's trajectory.
        problem: The question; its history is that of the conversation.
        state: ``running`` in the file while no process works on it means that a restart cut it off.
        written: The steps done so far, while there is no trajectory.
        tail: The step under way when the run was stopped.
        passages: What its look-ups found, by id.
        trajectory: What was logged, once the run came to its end by itself.
        error: The line that was shown where it failed.
        continues: Where its first steps come from.
        given: How many of its first steps those are; a person changed the last of them.
    """

    id: str
    problem: Problem
    choices: Choices
    state: State = "running"
    written: tuple[Step, ...] = ()
    tail: Step | None = None
    passages: dict[str, Passage] = Field(default_factory=dict)
    trajectory: Trajectory | None = None
    error: str = ""
    continues: Continues | None = None
    given: int = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, the unfinished one at the end."""
        if self.trajectory is not None:
            return self.trajectory.steps
        return (*self.written, self.tail) if self.tail else self.written

    def begun_again(self) -> Exchange:
        """The exchange as its run goes on: its whole steps stay."""
        whole = self.trajectory.steps if self.trajectory else self.written
        changes = {"state": "running", "written": whole, "tail": None, "trajectory": None, "error": ""}
        return self.model_copy(update=changes)

    @property
    def question(self) -> str:
        """What was asked."""
        return self.problem.problem


class Listed(NamedTuple):
    """A conversation in a list; ``changed`` is a moment of UTC, ISO 8601."""

    id: str
    title: str
    changed: str


class Conversation(NamedTuple):
    """A conversation as it is kept, the newest exchange last."""

    id: str
    title: str
    exchanges: tuple[Exchange, ...] = ()

    def shown(self) -> tuple[Exchange, ...]:
        """The exchanges but those that another one goes on from."""
        left = {one.continues.trajectory for one in self.exchanges if one.continues}
        return tuple(one for one in self.exchanges if one.id not in left)


class Conversations:
    """The conversations in ``path``; may be used from several threads and processes.

    An owner is any text that nobody else has: a user's name, a secret of a browser.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, owner: str, title: str) -> str:
        """Make a conversation and give its id."""
        made, now = uuid.uuid4().hex, _now()
        with self._open() as db:
            db.execute(
                "INSERT INTO conversation VALUES (?, ?, ?, ?, ?)", (made, owner, _title(title), now, now)
            )
        return made

    def list(self, owner: str) -> list[Listed]:
        """The conversations of an owner, the last changed first."""
        asked = (
            "SELECT id, title, changed FROM conversation WHERE owner = ? ORDER BY changed DESC, rowid DESC"
        )
        with self._open() as db:
            return [Listed(*row) for row in db.execute(asked, (owner,))]

    def read(self, owner: str, conversation: str) -> Conversation:
        """A conversation, whole.

        Raises:
            GoneError: The owner has none of that id.
            StorageError: It cannot be read.
        """
        with self._open() as db:
            title = _title_of(db, owner, conversation)
            asked = "SELECT body FROM exchange WHERE conversation = ? ORDER BY n"
            bodies = [body for (body,) in db.execute(asked, (conversation,))]
        try:
            return Conversation(conversation, title, tuple(map(Exchange.model_validate_json, bodies)))
        except ValidationError as error:
            raise StorageError(
                "the conversation is of another version, or damaged",
                "Its runs are in trajectories.jsonl as well",
            ) from error

    def keep(self, conversation: str, exchange: Exchange) -> None:
        """Add an exchange, or what became of it.

        Raises:
            GoneError: The conversation was deleted meanwhile.
        """
        body = exchange.model_dump_json(by_alias=True)
        with self._open() as db:
            changed = db.execute("UPDATE conversation SET changed = ? WHERE id = ?", (_now(), conversation))
            if not changed.rowcount:
                raise GoneError
            db.execute(
                "INSERT INTO exchange (id, body, conversation) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (exchange.id, body, conversation),
            )

    def rename(self, owner: str, conversation: str, title: str) -> str:
        """Give a conversation another title; the title as it is kept.

        Raises:
            GoneError: The owner has none of that id.
            BadInputError: The title is empty.
        """
        if not (kept := _title(title)):
            raise BadInputError("the title is empty", "Type a few words")
        with self._open() as db:
            _title_of(db, owner, conversation)
            db.execute("UPDATE conversation SET title = ? WHERE id = ?", (kept, conversation))
        return kept

    def delete(self, owner: str, conversation: str) -> None:
        """Delete a conversation for good; the trajectory log keeps its runs.

        Raises:
            GoneError: The owner has none of that id.
        """
        with self._open() as db:
            _title_of(db, owner, conversation)
            db.execute("DELETE FROM conversation WHERE id = ?", (conversation,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file within one transaction."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=20)) as db, db:
                db.execute("PRAGMA foreign_keys = ON")
                db.executescript(_SCHEMA)
                yield db
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"the conversations in {self.path} cannot be read or written ({error})",
                "Free some space; a damaged file can be moved away",
            ) from error


def _title_of(db: sqlite3.Connection, owner: str, conversation: str) -> str:
    asked = "SELECT title FROM conversation WHERE id = ? AND owner = ?"
    found = db.execute(asked, (conversation, owner)).fetchone()
    if found is None:
        raise GoneError
    return str(found[0])


def _title(text: str) -> str:
    return cut(" ".join(text.split()), TITLE_CHARS)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
