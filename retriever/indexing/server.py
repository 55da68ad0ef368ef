"""The index on a Chroma server: a collection a version, manifests and pointers as collection metadata.

rader-index-NAME      a version, named by its fingerprint; its metadata holds a plan, later the manifest
rader-serves-ENCODER  no rows; its metadata says which version serves an encoder, and which did before

A pointer changes in one request, so the switch is atomic. Chroma's server has known no users since 1.0: a
token is for the proxy in front of it, and is sent as ``Authorization: Bearer`` and ``X-Chroma-Token``.

BM25 and the passages are kept here too, below ``home/index-servers``, by fingerprint; they are fetched where
they are missing. Vectors stay on the server. Several machines may build there at once: who builds the same
writes the same, and only what a switch displaces is removed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from retriever.errors import BadInputError
from retriever.indexing.backend import Donor, Opened
from retriever.indexing.faults import damaged, reading, server_errors
from retriever.indexing.index_info import IndexInfo, Serving
from retriever.indexing.rows import Rows
from retriever.indexing.store import Store, connect, create, find
from retriever.indexing.versions import Versions

_VERSION, _POINTER = "rader-index-", "rader-serves-"


@dataclass(frozen=True)
class ChromaServer:
    """Where a Chroma server is.

    Args:
        url: ``http://host:port`` or ``https://…``.
        token: Sent with every request; empty sends none.
        timeout: Seconds of silence after which a request counts as lost.

    Raises:
        BadInputError: The address is none.
    """

    url: str
    token: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInputError(
                f"{self.url!r} is not the address of a server", "Write it as http://host:port"
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @property
    def headers(self) -> dict[str, str]:
        """What carries the token."""
        return {"Authorization": f"Bearer {self.token}", "X-Chroma-Token": self.token} if self.token else {}


class ServerVersions(Versions):
    """The versions of the index on a server.

    Args:
        home: The product's folder.
        server: The server.
    """

    def __init__(self, home: str | Path, server: ChromaServer) -> None:
        super().__init__(home)
        self.server = server
        self.root = Path(home) / "index-servers" / hashlib.sha256(server.url.encode()).hexdigest()[:16]

    @cached_property
    def client(self) -> Any:
        """The connection, made when it is first needed."""
        with server_errors(self.server.url):
            return connect(self.server.url, self.server.headers, self.server.timeout)

    def names(self) -> list[str]:
        return sorted(name.removeprefix(_VERSION) for name in self._notes() if name.startswith(_VERSION))

    def complete(self, name: str) -> IndexInfo | None:
        return self._noted(name, "manifest")

    def planned(self, name: str) -> IndexInfo | None:
        return self._noted(name, "building")

    def serving(self) -> dict[str, Serving]:
        pointers = [note for name, note in self._notes().items() if name.startswith(_POINTER)]
        pointers.sort(key=lambda note: str(note.get("switched")))
        return {
            str(note.get("encoder")): Serving(note.get("current") or None, note.get("previous") or None)
            for note in pointers
        }

    def begin(self, plan: IndexInfo) -> None:
        self._note(_VERSION + plan.fingerprint, {"building": plan.model_dump_json()}, rows=plan.count)

    def finish(self, info: IndexInfo) -> None:
        self._note(_VERSION + info.fingerprint, {"manifest": info.model_dump_json()})

    def point(self, encoder_fingerprint: str, names: Serving) -> None:
        pointer = _POINTER + encoder_fingerprint[:32]
        if not names.current:
            self._drop(pointer)
            return
        note = {"encoder": encoder_fingerprint, "switched": datetime.now(UTC).isoformat()}
        self._note(pointer, note | {key: name for key, name in names._asdict().items() if name})

    def reset(self, name: str) -> None:
        self.remove(name)

    def remove(self, name: str) -> None:
        self._drop(_VERSION + name)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def _tidy(self, encoder_fingerprint: str, before: Serving) -> None:  # noqa: ARG002
        """Remove what this switch displaced; anything else may be another machine's, still at work."""
        kept = {name for names in self.serving().values() for name in names}
        for name in before:
            if name and name not in kept:
                self.remove(name)
        there = self.names()
        for name in super().names():  # kept here of versions that are gone
            if name not in there:
                shutil.rmtree(self.folder(name), ignore_errors=True)

    def _noted(self, name: str, key: str) -> IndexInfo | None:
        with server_errors(self.server.url):
            rows = find(self.client, _VERSION + name)
        try:
            return IndexInfo.model_validate_json((rows.metadata or {}).get(key, "")) if rows else None
        except ValidationError:
            return None

    def _notes(self) -> dict[str, Mapping[str, str]]:
        """Metadata of every collection by name."""
        with server_errors(self.server.url):
            return {rows.name: rows.metadata or {} for rows in self.client.list_collections()}

    def _note(self, collection: str, note: Mapping[str, str], rows: int = 0) -> None:
        with server_errors(self.server.url):
            found = create(self.client, collection, rows, note)
            if found.metadata != note:
                found.modify(metadata=dict(note))

    def _drop(self, collection: str) -> None:
        with server_errors(self.server.url):
            if find(self.client, collection):
                self.client.delete_collection(collection)


class ServerBackend:
    """Keeps indexes on a server, and their passages and BM25 here.

    Args:
        home: The product's folder.
        server: The server.
    """

    remote = True

    def __init__(self, home: str | Path, server: ChromaServer) -> None:
        self.versions = ServerVersions(home, server)

    def place(self, name: str) -> str:  # noqa: ARG002
        """The server's address, for messages."""
        return self.versions.server.url

    def open(self, info: IndexInfo) -> Opened:
        """Open a complete version.

        Raises:
            IndexMissingError: It is not there.
            IndexServerError: The server fails.
        """
        return Opened(self._store(info.fingerprint), self.versions.folder(info.fingerprint))

    def donor(self, info: IndexInfo) -> Donor:
        """The store of a version.

        Raises:
            IndexMissingError: It is not there.
            IndexServerError: The server fails.
        """
        return self._store(info.fingerprint)

    def fill(self, plan: IndexInfo, rows: Rows, before: IndexInfo | None) -> IndexInfo:  # noqa: ARG002
        """Add what the collection does not have yet; the vectors do not stay here."""
        with closing(self._store(plan.fingerprint)) as store:
            store.fill(rows)
        rows.drop_vectors()
        return plan

    def _store(self, name: str) -> Store:
        url, server = self.versions.server.url, self.versions.server
        with reading(url, remote=True):
            client = connect(url, server.headers, server.timeout)
            rows = find(client, _VERSION + name)
        if rows is None:
            client.close()
            raise damaged(url, f"the version {name[:12]} is gone")
        return Store(client, rows)
