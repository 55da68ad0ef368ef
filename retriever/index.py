"""The index: passages with their vectors in Chroma, and BM25 beside it. The only import of chromadb.

Vectors are always our own (no embedding function), the distance is cosine, telemetry is off. A version is
built in a folder of its own and switched in when it is complete (see `retriever.versions`), so that a build
killed at any moment leaves the old one serving; the next build goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import numpy.typing as npt
from chromadb.config import Settings
from chromadb.errors import ChromaError, InternalError

from retriever.build import Build
from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.errors import BadInputError, IndexMismatchError, IndexMissingError, StorageError
from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from retriever.versions import STORAGE_REMEDY, IndexInfo, Versions, fingerprint

__all__ = ["Index", "IndexInfo", "build_index", "open_index"]

Where = Mapping[str, Sequence[str]]  # ``kind`` or ``source`` → the values it may have
REBUILD = "Run: rader index"
_NAME = "passages"
_DATABASE = "chroma.sqlite3"
_DAMAGE = (ChromaError, sqlite3.Error, OSError, ValueError, KeyError)  # what reading a broken folder raises
_READ = 1000  # rows read at once
_SPARE = 16  # hits asked for beyond k, so that ties at the cut are broken by id and not by chance


def build_index(
    home: str | Path, corpus: Corpus, encoder: Encoder, progress: Progress | None = None
) -> IndexInfo:
    """Build the index of a corpus and let it serve; does nothing where it is there already.

    Vectors of passages that the index before held with the same content are taken over, not computed.

    Args:
        home: The product's folder; the index goes into ``home/index``.
        corpus: At least one passage.
        encoder: Makes the vectors, ``(dim,)`` each.
        progress: Called with (passages done, passages in all).

    Raises:
        BadInputError: The corpus is empty, or a passage cannot be encoded.
        StorageError: The folder cannot be written to.
    """
    if not len(corpus):
        raise BadInputError("the corpus is empty", "Name a file with at least one passage")
    versions = Versions(home)
    mark = fingerprint(encoder.fingerprint, corpus.sha256)
    with versions.building():
        info = versions.complete(mark)
        if info is None or not _sound(versions.folder(info.fingerprint), info):
            info = _build(versions, corpus, encoder, mark, progress)
            versions.finish(info)
        versions.switch(info.fingerprint)
    return info


def open_index(home: str | Path, encoder: Encoder) -> Index:
    """Open the index that serves.

    Raises:
        IndexMissingError: There is none, only a half-written one, or it is damaged.
        IndexMismatchError: It was built with another encoder.
        StorageError: It lies in a folder that cannot be written to.
    """
    versions = Versions(home)
    info = versions.current()
    if info is None:
        half = versions.unfinished()
        raise IndexMissingError(
            "the index is only half-written: its build was stopped" if half else "no index yet", REBUILD
        )
    if info.encoder_fingerprint != encoder.fingerprint:
        raise IndexMismatchError(
            f"the index was built with another encoder ({info.encoder}, {info.encoder_fingerprint[:8]}) "
            f"than the one that searches it ({encoder.name}, {encoder.fingerprint[:8]})",
            REBUILD,
        )
    return Index(versions.folder(info.fingerprint), info)


class Index:
    """One complete version of the index, open for reading; may be used from several threads.

    Args:
        folder: The version's folder.
        info: Its manifest.

    Raises:
        IndexMissingError: The folder is damaged.
    """

    def __init__(self, folder: Path, info: IndexInfo) -> None:
        self.info = info
        self._folder = folder
        self._ids_of: dict[str, frozenset[str]] = {}
        with _reading(folder):
            self._store = Store(_store_folder(folder))
        if self._store.count() != info.count:
            self._store.close()
            raise IndexMissingError(f"the index in {folder} is damaged: passages are missing", REBUILD)

    def __len__(self) -> int:
        return self.info.count

    @cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the same passages, read when first used."""
        with _reading(self._folder):
            return LexicalIndex.load(self._folder / "lexical")

    def search(
        self, vector: npt.ArrayLike, k: int, where: Where | None = None
    ) -> list[tuple[Passage, float]]:
        """The passages nearest to a unit vector ``(dim,)`` with their cosine, best first, ties by id.

        Args:
            vector: As the index's encoder makes it.
            k: At most so many.
            where: Values that ``kind`` or ``source`` may have.
        """
        with _reading(self._folder):
            found = self._store.nearest(vector, min(k + _SPARE, len(self)), where)
        return sorted(found, key=lambda hit: (-hit[1], hit[0].id))[:k]

    def cosines(self, vector: npt.ArrayLike, ids: Sequence[str]) -> dict[str, float]:
        """Cosine of a unit vector ``(dim,)`` with the passages named."""
        query = np.asarray(vector, dtype=np.float32)
        with _reading(self._folder):
            return {key: float(row @ query) for key, row in self._store.vectors(ids).items()}

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages named, in the order asked; unknown ids are left out."""
        with _reading(self._folder):
            found = self._store.passages(ids)
        return [found[passage_id] for passage_id in ids if passage_id in found]

    def passages(self) -> list[Passage]:
        """All passages, sorted by id."""
        return self.get(self.lexical.ids)

    def ids(self, where: Where) -> frozenset[str]:
        """Ids of the passages whose ``kind`` or ``source`` is among the values given."""
        key = json.dumps({name: sorted(values) for name, values in where.items()}, sort_keys=True)
        if key not in self._ids_of:
            with _reading(self._folder):
                self._ids_of[key] = frozenset(self._store.ids(where))
        return self._ids_of[key]

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()


class Store:
    """A Chroma collection in a folder.

    Args:
        folder: Where it is.
        create: Make it where there is none.

    Raises:
        ChromaError, sqlite3.Error: It cannot be read.
        StorageError: It cannot be written to.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        # Chroma keeps a client that failed to open in its cache for ever, so look before it does.
        if not create or (folder / _DATABASE).exists():
            _check_database(folder / _DATABASE)
        settings = Settings(anonymized_telemetry=False)
        try:
            self._client: Any = chromadb.PersistentClient(str(folder), settings=settings)
        except AttributeError as error:  # Chroma's second try at a folder that it could not open before
            raise InternalError(f"Chroma cannot open {folder}") from error
        self._rows: Any = self._client.get_or_create_collection(
            _NAME,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200}},
        )

    def close(self) -> None:
        self._client.close()

    def count(self) -> int:
        return int(self._rows.count())

    def ids(self, where: Where | None = None) -> set[str]:
        return set(self._rows.get(where=_filter(where), include=[])["ids"])

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        metadatas = [
            {"kind": p.kind, "source": p.source, "content": p.content_sha256, "passage": p.model_dump_json()}
            for p in passages
        ]
        self._rows.add(ids=[p.id for p in passages], embeddings=vectors, metadatas=metadatas)

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        rows = self._get(ids, ["metadatas"])
        return {row_id: _passage(metadata) for row_id, metadata in rows}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        return {
            row_id: np.asarray(vector, dtype=np.float32) for row_id, vector in self._get(ids, ["embeddings"])
        }

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        return {row_id: metadata["content"] for row_id, metadata in self._get(ids, ["metadatas"])}

    def nearest(self, vector: npt.ArrayLike, k: int, where: Where | None) -> list[tuple[Passage, float]]:
        found = self._rows.query(
            query_embeddings=np.asarray(vector, dtype=np.float32)[None, :],
            n_results=k,
            where=_filter(where),
            include=["metadatas", "distances"],
        )
        pairs = zip(found["metadatas"][0], found["distances"][0], strict=True)
        return [(_passage(metadata), 1.0 - float(distance)) for metadata, distance in pairs]

    def _get(self, ids: Sequence[str], include: list[str]) -> Iterator[tuple[str, Any]]:
        for start in range(0, len(ids), _READ):
            found = self._rows.get(ids=list(ids[start : start + _READ]), include=include)
            yield from zip(found["ids"], found[include[0]], strict=True)


def _build(
    versions: Versions, corpus: Corpus, encoder: Encoder, mark: str, progress: Progress | None
) -> IndexInfo:
    start, cut_before = time.perf_counter(), encoder.cut_passages
    folder, before = versions.folder(mark), versions.current()
    with _writing(folder):
        build = Build(_reopened(folder), corpus, encoder, progress)
        try:
            if before and before.fingerprint != mark and before.encoder_fingerprint == encoder.fingerprint:
                _take_over(build, versions.folder(before.fingerprint))
            build.encode()
            LexicalIndex.build(corpus).save(folder / "lexical")
        finally:
            build.store.close()
    return IndexInfo(
        fingerprint=mark,
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        corpus_sha256=corpus.sha256,
        dim=encoder.dim,
        count=len(corpus),
        kinds=dict(sorted(Counter(passage.kind for passage in corpus).items())),
        encoded=build.encoded,
        reused=build.reused,
        cut=encoder.cut_passages - cut_before,
        seconds=round(time.perf_counter() - start, 3),
    )


def _take_over(build: Build, before: Path) -> None:
    try:
        donor = Store(_store_folder(before))
    except _DAMAGE:  # a damaged version has nothing to give; everything is encoded again
        return
    try:
        build.take_over(donor)
    finally:
        donor.close()


def _reopened(folder: Path) -> Store:
    """The store of a half-written version; begun anew where it cannot be read or was complete and damaged."""
    if (folder / "manifest.json").exists():
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    try:
        return Store(_store_folder(folder), create=True)
    except sqlite3.DatabaseError:
        shutil.rmtree(folder)
        folder.mkdir()
        return Store(_store_folder(folder), create=True)


def _store_folder(folder: Path) -> Path:
    """Where Chroma's files are in a version's folder, or may go.

    The name is new for every store that is begun: Chroma shares its handles between all that open one path,
    and would write into the deleted files of a damaged store that somebody here still has open.
    """
    return next(folder.glob("chroma-*"), folder / f"chroma-{secrets.token_hex(4)}")


def _sound(folder: Path, info: IndexInfo) -> bool:
    """Whether a complete version can be opened and answers."""
    try:
        index = Index(folder, info)
    except IndexMissingError:
        return False
    try:
        return len(index.lexical.ids) == info.count and bool(index.search(np.ones(info.dim), 1))
    except IndexMissingError:
        return False
    finally:
        index.close()


def _check_database(file: Path) -> None:
    if file.exists() and not os.access(file, os.W_OK):
        raise StorageError(f"cannot write to {file}, and Chroma has to even for a search", STORAGE_REMEDY)
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as database:
        database.execute("SELECT id FROM collections").fetchall()


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise IndexMissingError(f"the index in {folder} is damaged: {_first_line(error)}", REBUILD) from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except ChromaError as error:
        raise StorageError(f"cannot write to {folder}: {_first_line(error)}", STORAGE_REMEDY) from error


def _filter(where: Where | None) -> dict[str, Any] | None:
    """Chroma wants several conditions joined by ``$and``."""
    conditions: list[dict[str, Any]] = [{key: {"$in": list(v)}} for key, v in (where or {}).items()]
    if len(conditions) > 1:
        return {"$and": conditions}
    return conditions[0] if conditions else None


def _passage(metadata: Mapping[str, Any]) -> Passage:
    return Passage.model_validate_json(metadata["passage"])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
