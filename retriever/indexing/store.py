"""Chroma collections, in a folder or on a server. The only import of chromadb.

Vectors are always our own (no embedding function), the distance is cosine, telemetry is off. Chroma writes
its nearest-neighbour graph to disk only now and then and keeps what came after in its log, which whoever
opens the folder next has to work off; `settle` leaves nothing in the log.
"""

from __future__ import annotations

import shutil
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import chromadb
import httpx
import numpy as np
import numpy.typing as npt
from chromadb.config import Settings
from chromadb.errors import ChromaError, InternalError, NotFoundError

from retriever.encoder import Vectors
from retriever.filters import TAG, Where, filter_of
from retriever.indexing.rows import Rows
from retriever.passage import Passage
from retriever.quiet import ignoring

__all__ = ["ChromaError", "Store", "connect", "copy_folder", "create", "find", "open_folder", "settle"]

# What reading broken files raises, Chroma's and those beside them.
DAMAGE = (ChromaError, sqlite3.Error, ValueError, KeyError, IndexError, TypeError)
DATABASE = "chroma.sqlite3"
_NAME = "passages"
_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 100}
_ROWS = 1000  # rows read or written at once
REFUSALS = (401, 403)
_AT_ONCE = 2  # the least Chroma allows: every write goes to disk
_Row = TypeVar("_Row")


class Store:
    """The rows of one collection: id, unit vector, passage, and what filters ask for.

    Args:
        client: The client that the collection belongs to; closed with the store.
        rows: The collection.

    Every method raises what Chroma raises: `DAMAGE` for a folder, anything of httpx for a server.
    """

    def __init__(self, client: Any, rows: Any) -> None:
        self._client = client
        self._rows = rows

    def close(self) -> None:
        """Let go of the files or the connection; the store is of no use afterwards."""
        self._client.close()
        self._client = self._rows = None

    def count(self) -> int:
        """How many rows there are."""
        return int(self._rows.count())

    def ids(self, where: Where | None = None) -> set[str]:
        """The ids of all rows, or of those that a filter lets through."""
        return set(self._rows.get(where=filter_of(where), include=[])["ids"])

    def fill(self, rows: Rows) -> None:
        """Add the rows that are missing.

        Raises:
            ValueError: ``rows`` has no vectors.
        """
        there = self.ids()
        for chunk in _chunks([key for key in rows.ids if key not in there]):
            vectors = rows.vectors(chunk)
            self.add(rows.get(chunk), np.stack([vectors[key] for key in chunk]))

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Add rows; those whose ids are there already stay as they are."""
        metadatas = [_metadata(passage) for passage in passages]
        self._rows.add(ids=[p.id for p in passages], embeddings=vectors, metadatas=metadatas)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove rows; unknown ids are ignored."""
        for chunk in _chunks(ids):
            self._rows.delete(ids=list(chunk))

    def passages(self, ids: Sequence[str]) -> Iterator[Passage]:
        """The passages of the ids that are there, in any order."""
        for _, metadata in self._get(ids, "metadatas"):
            yield Passage.model_validate_json(metadata["passage"])

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors ``(dim,)`` of the ids that are there."""
        found = self._get(ids, "embeddings")
        return {row_id: np.asarray(vector, dtype=np.float32) for row_id, vector in found}

    def matrix(self, ids: Sequence[str]) -> Iterator[Vectors]:
        """The vectors of ids in their order, ``(n, dim)`` at a time.

        Raises:
            KeyError: One is not there.
        """
        for chunk in _chunks(ids):
            found = self.vectors(chunk)
            yield np.stack([found[row_id] for row_id in chunk])

    def same(self, passages: Sequence[Passage]) -> list[Passage]:
        """Those of some passages that are there with the same content, and so with the same vector."""
        known = self.content_hashes([passage.id for passage in passages])
        return [passage for passage in passages if known.get(passage.id) == passage.content_sha256]

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """``content_sha256`` of the passages of the ids that are there."""
        return {row_id: metadata["content"] for row_id, metadata in self._get(ids, "metadatas")}

    def nearest(self, vector: npt.ArrayLike, k: int, where: Where | None = None) -> list[tuple[str, float]]:
        """Ids with their cosine to a unit vector ``(dim,)``, found through the graph."""
        found = self._rows.query(
            query_embeddings=np.asarray(vector, dtype=np.float32)[None, :],
            n_results=k,
            where=filter_of(where),
            include=["distances"],
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(row_id, 1.0 - float(distance)) for row_id, distance in pairs]

    def write_graph_every(self, writes: int) -> None:
        """How many changes Chroma gathers before it writes the whole graph; holds when opened next."""
        with ignoring(DeprecationWarning):  # that nobody embeds here is "legacy" to Chroma
            self._rows.modify(configuration={"hnsw": {"sync_threshold": max(_AT_ONCE, writes)}})

    def _get(self, ids: Sequence[str], what: str) -> Iterator[tuple[str, Any]]:
        for chunk in _chunks(ids):
            found = self._rows.get(ids=list(chunk), include=[what])
            yield from zip(found["ids"], found[what], strict=True)


def open_folder(folder: Path, *, create_for: int = 0) -> Store:
    """The store in a folder.

    Args:
        folder: Where Chroma's files are, or may go.
        create_for: Make it where there is none, to be filled with so many rows.

    Raises:
        ChromaError, sqlite3.Error, ValueError, KeyError: It cannot be read.
    """
    # Chroma keeps a client that failed to open in its cache for ever, so look before it does.
    database = folder / DATABASE
    if not create_for or database.exists():
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT id FROM collections").fetchall()
    try:
        client: Any = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except AttributeError as error:  # Chroma's second try at a folder that it could not open before
        raise InternalError(f"Chroma cannot open {folder}") from error
    try:
        rows = find(client, _NAME) or (create(client, _NAME, create_for) if create_for else None)
        if rows is None:
            raise InternalError(f"there is no index in {folder}")
    except BaseException:
        client.close()
        raise
    return Store(client, rows)


def settle(folder: Path, dim: int) -> None:
    """Work off the log of a store that nobody has open, so that whoever opens it finds the graph on disk."""
    with closing(open_folder(folder)) as store:
        store.write_graph_every(_AT_ONCE)  # rules from the next opening on
    with closing(open_folder(folder)) as store:
        store.nearest(np.ones(dim), 1)  # a search works off the log


def copy_folder(source: Path, target: Path) -> None:
    """Copy a settled store that others may be searching at the same time.

    Raises:
        OSError, sqlite3.Error: It cannot be read or written.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
    with (
        closing(sqlite3.connect(f"{(source / DATABASE).as_uri()}?mode=ro", uri=True)) as there,
        closing(sqlite3.connect(target / DATABASE)) as here,
    ):
        there.backup(here)


def connect(url: str, headers: Mapping[str, str], timeout: float) -> Any:
    """A client of a Chroma server.

    Args:
        url: ``http://host:port`` or ``https://…``.
        headers: Sent with every request.
        timeout: Seconds of silence after which a request counts as lost.

    Raises:
        httpx.HTTPError: It does not answer, or refuses.
    """
    # Chroma's own client waits for ever, so the first word is ours.
    httpx.get(f"{url}/api/v2/heartbeat", headers=dict(headers), timeout=timeout).raise_for_status()
    client: Any = chromadb.HttpClient(
        host=url,
        ssl=url.startswith("https:"),
        headers=dict(headers),
        settings=Settings(anonymized_telemetry=False),
    )
    for side in (client, client._admin_client):  # each has a connection, which Chroma leaves open
        session = side._server._session
        session.timeout = httpx.Timeout(timeout)
        session.event_hooks = {"response": [_refused]}  # it forgets the status of answers not its own
        weakref.finalize(client, session.close)
    return client


def create(client: Any, name: str, rows: int, metadata: Mapping[str, str] | None = None) -> Any:
    """The collection of a name, made where there is none, to be filled with so many rows."""
    # Chroma's own 1000 would write the graph of a large index hundreds of times while it grows.
    hnsw = _HNSW | {"sync_threshold": max(_AT_ONCE, rows)}
    return client.get_or_create_collection(
        name, embedding_function=None, metadata=metadata, configuration={"hnsw": hnsw}
    )


def find(client: Any, name: str) -> Any | None:
    """The collection of a name; None where there is none."""
    try:
        return client.get_collection(name, embedding_function=None)
    except NotFoundError:
        return None


def _refused(response: httpx.Response) -> None:
    if response.status_code in REFUSALS:
        response.raise_for_status()


def _metadata(passage: Passage) -> dict[str, Any]:
    return {
        "kind": passage.kind,
        "source": passage.source,
        "content": passage.content_sha256,
        "passage": passage.model_dump_json(),
        **{TAG + tag: True for tag in passage.tags},
    }


def _chunks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
