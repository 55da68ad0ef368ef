"""The index: built, opened, updated, refused, killed and resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from chromadb.errors import InternalError

from retriever import index as index_module
from retriever.corpus import Corpus
from retriever.errors import BadInputError, IndexMismatchError, IndexMissingError, StorageError
from retriever.index import build_index, open_index
from tests.retriever.stubs import HashEncoder, passages

ROOT = Path(__file__).parents[2]


def test_built_and_searched(home: Path) -> None:
    encoder, corpus = HashEncoder(), Corpus(passages(30))
    seen: list[tuple[int, int]] = []
    info = build_index(home, corpus, encoder, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    assert (info.count, info.encoded, info.reused) == (30, 30, 0)
    assert info.kinds == {"code": 15, "theorem": 15}
    index = open_index(home, encoder)
    vector = encoder.encode_queries([corpus.passages[7].content])[0]
    (best, cosine), *_ = found = index.search(vector, 10)
    assert (best, len(found)) == (corpus.passages[7], 10)
    assert cosine == pytest.approx(1, abs=1e-5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert index.cosines(vector, [p.id for p, _ in found]) == pytest.approx(
        {p.id: s for p, s in found}, abs=1e-5
    )
    assert index.passages() == list(corpus)
    assert index.get(["t/003", "none", "t/001"]) == [corpus.passages[3], corpus.passages[1]]
    assert {p.kind for p, _ in index.search(vector, 30, {"kind": ["code"], "source": [""]})} == {"code"}
    assert len(index.search(vector, 99)) == len(index) == 30
    assert len(index.ids({"kind": ["theorem"]})) == 15


def test_building_again_does_nothing_and_changes_encode_what_changed(home: Path) -> None:
    encoder = HashEncoder()
    first = build_index(home, Corpus(passages(20)), encoder)
    again = build_index(home, Corpus(reversed(passages(20))), encoder)
    assert (again.fingerprint, len(encoder.encoded)) == (first.fingerprint, 20)
    changed = [*passages(19), *passages(3, start=40)]
    changed[4] = changed[4].model_copy(update={"text": "something else"})
    changed[5] = changed[5].model_copy(update={"kind": "lemma"})  # not read by the encoder
    info = build_index(home, Corpus(changed), encoder)
    assert (info.reused, info.encoded) == (18, 4)
    assert sorted(encoder.encoded[20:]) == ["t/004", "t/040", "t/041", "t/042"]
    index = open_index(home, encoder)
    assert index.passages() == changed
    expected = encoder.encode_queries([passage.content for passage in changed])
    for vector, passage in zip(expected, changed, strict=True):
        assert index.cosines(vector, [passage.id])[passage.id] == pytest.approx(1, abs=1e-5)


def test_only_the_index_and_the_one_before_are_kept(home: Path) -> None:
    marks = [build_index(home, Corpus(passages(n)), HashEncoder()).fingerprint for n in (5, 6, 7)]
    assert {path.name for path in (home / "index").iterdir() if path.is_dir()} == set(marks[1:])
    back = build_index(home, Corpus(passages(6)), encoder := HashEncoder())
    assert (back.fingerprint, encoder.encoded) == (marks[1], [])
    assert len(open_index(home, encoder)) == 6


def test_ties_are_broken_by_id(home: Path) -> None:
    twins = [passage.model_copy(update={"title": "", "text": "the same"}) for passage in passages(40)]
    build_index(home, Corpus(reversed(twins)), encoder := HashEncoder())
    found = open_index(home, encoder).search(encoder.encode_queries(["the same"])[0], 40)
    assert [passage.id for passage, _ in found] == [passage.id for passage in twins]


def test_no_index_or_another_encoder(home: Path) -> None:
    with pytest.raises(IndexMissingError, match="no index yet") as caught:
        open_index(home, HashEncoder())
    assert caught.value.remedy == "Run: rader index"
    with pytest.raises(BadInputError, match="empty"):
        build_index(home, Corpus([]), HashEncoder())
    build_index(home, Corpus(passages(3)), HashEncoder())
    with pytest.raises(IndexMismatchError, match="another encoder") as mismatch:
        open_index(home, HashEncoder(seed=1))
    assert mismatch.value.remedy == "Run: rader index"


@pytest.mark.parametrize(
    "victim", ["chroma-*/chroma.sqlite3", "lexical/vocab.index.json", "lexical", "chroma-*"]
)
def test_a_damaged_index_is_named_and_built_anew(home: Path, victim: str) -> None:
    encoder, corpus = HashEncoder(), Corpus(passages(8))
    (path,) = (home / "index" / build_index(home, corpus, encoder).fingerprint).glob(victim)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_bytes(b"nonsense" * 600)
    with pytest.raises(IndexMissingError, match="damaged") as caught:
        _ = open_index(home, encoder).lexical
    assert caught.value.remedy == "Run: rader index"
    build_index(home, corpus, encoder)
    assert open_index(home, encoder).passages() == list(corpus)


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to") as caught:
        build_index(tmp_path / "file", Corpus(passages(3)), HashEncoder())
    assert "RADER_HOME" in caught.value.remedy

    def full(*_: object) -> None:
        raise InternalError("database or disk is full")

    monkeypatch.setattr(index_module.Store, "add", full)
    with pytest.raises(StorageError, match="disk is full"):
        build_index(tmp_path, Corpus(passages(3)), HashEncoder())


KILLED = """
import sys, time
from pathlib import Path
from retriever import build
from retriever.corpus import Corpus
from retriever.index import Store, build_index
from retriever.versions import Versions
from tests.retriever.stubs import HashEncoder, passages

home, moment = Path(sys.argv[1]), sys.argv[2]
build._CHUNK = 8

def stop(*_):
    (home / "reached").write_text("")
    time.sleep(600)

class Slow(HashEncoder):
    def encode_passages(self, chunk, progress=None):
        if moment == "encoding" and len(self.encoded) >= 16:
            stop()
        return super().encode_passages(chunk, progress)

if moment == "finished":
    Versions.finish = stop
if moment == "switching":
    Versions.switch = stop
build_index(home, Corpus(passages(40)), Slow())
"""


@pytest.mark.parametrize(("moment", "left"), [("encoding", 24), ("finished", 0), ("switching", 0)])
def test_a_killed_build_leaves_the_old_index_and_resumes(home: Path, moment: str, left: int) -> None:
    build_index(home, Corpus(passages(3, start=90)), HashEncoder())
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(home), moment]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        wait_for(home / "reached", process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [p.id for p in open_index(home, HashEncoder()).passages()] == ["t/090", "t/091", "t/092"]
    build_index(home, Corpus(passages(40)), encoder := HashEncoder())
    assert len(encoder.encoded) == left
    assert open_index(home, encoder).passages() == passages(40)


def test_half_written_and_nothing_before(home: Path) -> None:
    info = build_index(home, Corpus(passages(3)), HashEncoder())
    (home / "index" / info.fingerprint / "manifest.json").unlink()
    with pytest.raises(IndexMissingError, match="half-written"):
        open_index(home, HashEncoder())
    (home / "index" / "current.json").write_text(json.dumps([1]))
    with pytest.raises(IndexMissingError, match="half-written"):
        open_index(home, HashEncoder())


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the build ended by itself"
        assert time.monotonic() < end, "the build did not get there"
        time.sleep(0.02)
