"""Indexes listed, dropped and verified, in a folder and on a server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.errors import BadInputError, IndexDamagedError, IndexMissingError, StorageError
from retriever.index import ChromaServer, build_index, open_index
from retriever.indexing.upkeep import drop_index, list_indexes
from retriever.indexing.verify import verify_index
from retriever.indexing.versions import Versions
from tests.retriever.chroma import Chroma, chroma_server
from tests.retriever.stubs import HashEncoder, passages


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@pytest.fixture(params=["folder", "server"])
def server(request: pytest.FixtureRequest) -> ChromaServer | None:
    """None, and an empty Chroma server."""
    if request.param == "folder":
        return None
    running: Chroma = request.getfixturevalue("chroma")
    running.clear()
    return ChromaServer(running.url)


def test_listed_by_what_they_do(home: Path, server: ChromaServer | None) -> None:
    assert list_indexes(home, server=server) == []
    base, trained = HashEncoder(0), HashEncoder(1)
    marks = [build_index(home, Corpus(passages(n)), base, server=server).fingerprint for n in (5, 6)]
    info = build_index(home, Corpus(passages(7)), trained, corpora={"mine": 7}, server=server)
    with pytest.raises(KeyboardInterrupt):
        build_index(home, Corpus(passages(8)), base, _interrupt, server=server)
    found = list_indexes(home, server=server)
    assert {(one.name, one.state) for one in found[:2]} == {
        (marks[1], "serving"),
        (info.fingerprint, "serving"),
    }
    assert [(one.name, one.state, one.count) for one in found[2:3]] == [(marks[0], "previous", 5)]
    assert (found[3].state, found[3].count, found[3].encoder) == ("half-written", 8, "hash")
    assert found[3].built is None
    (listed,) = (one for one in found if one.name == info.fingerprint)
    assert listed.built == info.built
    assert (listed.corpora, listed.kinds) == ({"mine": 7}, info.kinds)
    assert listed.encoder_fingerprint == trained.fingerprint
    assert listed.bytes > 1000


def _interrupt(_done: int, _total: int) -> None:
    raise KeyboardInterrupt


def test_dropped(home: Path, server: ChromaServer | None) -> None:
    encoder = HashEncoder()
    first, second = (
        build_index(home, Corpus(passages(n)), encoder, server=server).fingerprint for n in (5, 6)
    )
    with pytest.raises(BadInputError, match="serves") as caught:
        drop_index(home, second, server=server)
    assert "--force" in caught.value.remedy
    with pytest.raises(BadInputError, match="no index has"):
        drop_index(home, "zzz", server=server)
    with pytest.raises(BadInputError, match="2 indexes have"):
        drop_index(home, "", server=server)
    assert drop_index(home, second[:12], force=True, server=server).name == second
    assert open_index(home, encoder, server=server).info.fingerprint == first
    drop_index(home, first, force=True, server=server)
    assert list_indexes(home, server=server) == []
    with pytest.raises(IndexMissingError, match="no index yet"):
        open_index(home, encoder, server=server)


def test_dropping_the_one_before_leaves_what_serves(home: Path, server: ChromaServer | None) -> None:
    encoder = HashEncoder()
    first, second = (
        build_index(home, Corpus(passages(n)), encoder, server=server).fingerprint for n in (5, 6)
    )
    assert drop_index(home, first, server=server).state == "previous"
    assert [one.name for one in list_indexes(home, server=server)] == [second]
    assert len(open_index(home, encoder, server=server)) == 6


def test_nothing_is_dropped_while_a_build_runs(home: Path) -> None:
    name = build_index(home, Corpus(passages(5)), HashEncoder()).fingerprint
    with Versions(home).building(), pytest.raises(StorageError, match="another build"):
        drop_index(home, name, force=True)


def test_a_sound_index_has_no_faults(home: Path, server: ChromaServer | None) -> None:
    encoder = HashEncoder()
    info = build_index(home, Corpus(passages(50)), encoder, server=server)
    build_index(home, Corpus(passages(50, start=2)), encoder, server=server)
    report = verify_index(home, encoder, sample=20, server=server)
    assert report.faults == []
    assert (report.count, report.sampled, report.recall) == (50, 20, 1)
    assert report.deviation < 1e-6
    assert report.name != info.fingerprint
    with pytest.raises(IndexMissingError):
        verify_index(home / "elsewhere", encoder)


def test_a_real_encoder_agrees_with_its_index(home: Path, tiny_encoder_path: Path) -> None:
    encoder = Encoder(tiny_encoder_path)
    build_index(home, Corpus(passages(50)), encoder)
    report = verify_index(home, encoder, sample=17)  # batches of other sizes than in the build
    assert report.faults == []
    assert report.deviation < 1e-5


class Drifted(HashEncoder):
    """Says that it is the encoder of the index, and computes something else."""

    def _vector(self, text: str) -> np.ndarray:  # type: ignore[type-arg]
        vector = super()._vector(text)
        vector[0] += 0.01
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def test_an_encoder_that_drifted(home: Path) -> None:
    build_index(home, Corpus(passages(30)), HashEncoder())
    report = verify_index(home, Drifted())
    assert (
        [fault for fault in report.faults if "what the encoder computes now" in fault] == report.faults != []
    )
    assert 0.001 < report.deviation < 0.02
    assert verify_index(home, Drifted(), tolerance=0.02).faults == []
    quantised = Drifted()
    quantised.backend = "openvino-int8"  # type: ignore[attr-defined]
    assert verify_index(home, quantised).faults == []


def test_every_fault_is_found(home: Path) -> None:
    encoder = HashEncoder()
    info = build_index(home, Corpus(passages(40)), encoder)
    version = home / "index" / info.fingerprint
    for damage, words in (
        (_other_text, "passages.jsonl has changed"),
        (_other_vector, "vectors.npy has changed"),
        (_other_words, "lexical/ids.json has changed"),
        (_other_content, "have another content in Chroma"),
    ):
        undo = damage(version)
        faults = _faults(home, encoder)
        assert any(words in fault for fault in faults), (words, faults)
        undo()
        assert verify_index(home, encoder).faults == []


def _faults(home: Path, encoder: HashEncoder) -> list[str]:
    """What checking finds; what is beside Chroma is not even opened once it has changed."""
    try:
        return verify_index(home, encoder).faults
    except IndexDamagedError as error:
        return [str(error)]


def _other_text(version: Path):  # type: ignore[no-untyped-def]
    return _changed(version / "rows" / "passages.jsonl", b"w7x", b"w8x")


def _other_words(version: Path):  # type: ignore[no-untyped-def]
    return _changed(version / "lexical" / "ids.json", b"t/039", b"t/999")


def _changed(path: Path, old: bytes, new: bytes):  # type: ignore[no-untyped-def]
    before = path.read_bytes()
    assert before.count(old) == 1
    path.write_bytes(before.replace(old, new))
    return lambda: path.write_bytes(before)


def _other_vector(version: Path):  # type: ignore[no-untyped-def]
    path = version / "rows" / "vectors.npy"
    matrix = np.load(path)
    turned = matrix.copy()
    turned[5] = turned[6]
    np.save(path, turned)
    return lambda: np.save(path, matrix)


def _other_content(version: Path):  # type: ignore[no-untyped-def]
    (database,) = version.glob("chroma-*/chroma.sqlite3")

    def write(new: str, old: str) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            changed = connection.execute(
                "UPDATE embedding_metadata SET string_value = ? WHERE key = 'content' AND string_value = ?",
                (new, old),
            )
            assert changed.rowcount == 1

    right = passages(40)[3].content_sha256
    write("wrong", right)
    return lambda: write(right, "wrong")


def test_reports_are_plain_data(home: Path) -> None:
    encoder = HashEncoder()
    build_index(home, Corpus(passages(5)), encoder)
    (status,) = list_indexes(home)
    assert json.loads(status.model_dump_json())["state"] == "serving"
    assert json.loads(verify_index(home, encoder).model_dump_json())["faults"] == []
