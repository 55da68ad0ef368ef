"""An index in a folder when things go wrong: damage, no permission, a full disk, two builds, kill -9."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from chromadb.errors import InternalError

from retriever.corpus import Corpus
from retriever.errors import IndexMissingError, RaderError, StorageError
from retriever.index import build_index, open_index
from retriever.indexing.store import Store
from retriever.indexing.versions import Versions
from tests.retriever.stubs import HashEncoder, passages

ROOT = Path(__file__).parents[2]


def version_of(home: Path, corpus: Corpus) -> Path:
    return home / "index" / build_index(home, corpus, HashEncoder()).fingerprint


def use(home: Path) -> list[str]:
    """Everything that reads an index, once; the best three ids of a query."""
    index = open_index(home, HashEncoder())
    try:
        vector = HashEncoder().encode_queries(["prime number"])[0]
        index.lexical.search("prime number", 3)
        index.search(vector, 3, {"kind": ["code"]})
        index.passages()
        return [passage.id for passage, _ in index.search(vector, 3)]
    finally:
        index.close()


@pytest.mark.parametrize("how", ["overwritten", "removed"])
@pytest.mark.parametrize(
    "victim",
    [
        "chroma-*",
        "chroma-*/chroma.sqlite3",
        "chroma-*/*/data_level0.bin",
        "chroma-*/*/link_lists.bin",
        "chroma-*/*/index_metadata.pickle",
        "lexical",
        "lexical/vocab.index.json",
        "lexical/data.csc.index.npy",
        "rows/ids.json",
        "rows/passages.jsonl",
        "rows/ends.npy",
        "rows/vectors.npy",
    ],
)
def test_a_damaged_index_is_named_and_built_anew(home: Path, victim: str, how: str) -> None:
    corpus = Corpus(passages(8))
    (path,) = version_of(home, corpus).glob(victim)
    if path.is_dir():
        shutil.rmtree(path)
    elif how == "removed":
        path.unlink()
    else:
        path.write_bytes(b"nonsense" * 600)
    with pytest.raises(IndexMissingError, match="damaged") as caught:
        use(home)
    assert caught.value.remedy == "Run: rader index"
    assert "\n" not in str(caught.value)
    build_index(home, corpus, encoder := HashEncoder())
    assert (encoder.encoded != []) == victim.startswith(
        "rows"
    )  # where the rows are whole, nothing is encoded
    assert open_index(home, HashEncoder()).passages() == list(corpus)
    assert len(use(home)) == 3


def test_a_flipped_byte_is_refused_or_changes_nothing(home: Path, tmp_path: Path) -> None:
    version = version_of(home, Corpus(passages(60)))
    expected = use(home)
    files = [path.relative_to(home) for path in version.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) > 12
    dice = random.Random(0)  # noqa: S311
    refused: list[str] = []
    for number, file in enumerate(sorted(files) * 3):
        shutil.copytree(home, copy := tmp_path / f"copy {number}")
        content = bytearray((copy / file).read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        (copy / file).write_bytes(content)
        try:
            assert use(copy) == expected, file
        except RaderError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert not any("\n" in line for line in refused)


def test_a_damaged_index_gives_nothing_to_the_next(home: Path) -> None:
    version = version_of(home, Corpus(passages(30)))
    matrix = np.load(version / "rows" / "vectors.npy")
    np.save(version / "rows" / "vectors.npy", matrix[::-1])
    build_index(home, Corpus(passages(31)), encoder := HashEncoder())
    assert len(encoder.encoded) == 31
    assert np.allclose(open_index(home, encoder).vectors()[1], encoder.encode_passages(passages(31)))


def test_a_damaged_pointer_is_made_of_the_versions_that_are_whole(home: Path) -> None:
    build_index(home, Corpus(passages(8)), HashEncoder())
    build_index(home, Corpus(passages(9)), HashEncoder())
    pointer = home / "index" / "current.json"
    before = Versions(home).serving()
    pointer.write_bytes(pointer.read_bytes()[:30])
    assert Versions(home).serving() == before
    assert open_index(home, HashEncoder()).passages() == passages(9)


def test_an_index_on_a_full_disk_is_searched_in_a_copy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_index(home, Corpus(passages(30)), HashEncoder())
    expected = use(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    monkeypatch.setattr("retriever.indexing.folder._ROOM", 1 << 62)  # more than any disk has
    assert use(home) == expected
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_rows_that_are_lost_whole_come_back(home: Path) -> None:
    """As in an index of the layout before, which had none."""
    corpus = Corpus(passages(30))
    shutil.rmtree(version_of(home, corpus) / "rows")
    index = open_index(home, HashEncoder())
    assert index.passages() == list(corpus)
    assert index.vectors()[1].shape == (30, 16)


def test_a_home_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to") as caught:
        build_index(tmp_path / "file", Corpus(passages(3)), HashEncoder())
    assert "RADER_HOME" in caught.value.remedy


def test_a_disk_that_runs_full_leaves_the_old_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_index(home, Corpus(passages(3)), HashEncoder())

    def full(*_: object) -> None:
        raise InternalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", full)
        with pytest.raises(StorageError, match="disk is full"):
            build_index(home, Corpus(passages(30)), HashEncoder())
    assert len(use(home)) == 3
    assert build_index(home, Corpus(passages(30)), HashEncoder()).count == 30


SEARCH = """
import sys
from retriever.errors import RaderError
from retriever.index import build_index, open_index
from retriever.corpus import Corpus
from tests.retriever.stubs import HashEncoder, passages

index = open_index(sys.argv[1], HashEncoder())
vector = HashEncoder().encode_queries(["prime number"])[0]
print(*(passage.id for passage, _ in index.search(vector, 3)), len(index.lexical.search("prime", 3)))
try:
    build_index(sys.argv[1], Corpus(passages(31)), HashEncoder())
except RaderError as error:
    print(type(error).__name__, error)
"""


def unprivileged() -> list[str]:
    """What makes root obey permissions; nothing for others."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root ignores permissions, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*unprivileged(), sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_home_that_can_only_be_read_can_be_searched(home: Path) -> None:
    build_index(home, Corpus(passages(30)), HashEncoder())
    expected = use(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    with Permissions(home, files=0o444, folders=0o555):
        done = run(SEARCH, home)
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.splitlines()
    assert first.split() == [*expected, "3"]
    assert second.startswith("StorageError cannot write to")
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_what_may_not_be_read_is_said_so(home: Path) -> None:
    version = version_of(home, Corpus(passages(30)))
    for file in ("rows/passages.jsonl", "lexical/vocab.index.json", next(version.glob("chroma-*/*.sqlite3"))):
        (version / file).chmod(0)
        done = run(SEARCH, home)
        (version / file).chmod(0o644)
        assert "StorageError: cannot read" in done.stderr
        assert "Permission denied" in done.stderr.splitlines()[-1]


class Permissions:
    """A folder with other permissions for a while."""

    def __init__(self, folder: Path, *, files: int, folders: int) -> None:
        self.paths = [folder, *folder.rglob("*")]
        self.files, self.folders = files, folders

    def __enter__(self) -> None:
        for path in reversed(self.paths):
            path.chmod(self.folders if path.is_dir() else self.files)

    def __exit__(self, *_: object) -> None:
        for path in self.paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


KILLED = """
import sys, time
from pathlib import Path
from retriever.indexing import build, folder
from retriever import lexical
from retriever.encoding import vectors
from retriever.corpus import Corpus
from retriever.index import build_index
from retriever.indexing.store import Store
from retriever.indexing.versions import Versions
from tests.retriever.stubs import HashEncoder, passages

home, moment, start = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
vectors.CHUNK = 4

def stop(*_, **__):
    (home / "reached").write_text("")
    time.sleep(600)

def after(function):
    def wrapped(*arguments, **options):
        function(*arguments, **options)
        stop()
    return wrapped

class Slow(HashEncoder):
    def encode_passages(self, chunk, progress=None):
        if moment == "encoding" and len(self.encoded) >= 4:
            stop()
        return super().encode_passages(chunk, progress)

match moment:
    case "rows": build.write_rows = after(build.write_rows)
    case "copying": folder.copy_folder = after(folder.copy_folder)
    case "deleting": Store.delete = after(Store.delete)
    case "adding": Store.add = after(Store.add)
    case "settling": folder.settle = after(folder.settle)
    case "filled": folder.FolderBackend.fill = after(folder.FolderBackend.fill)
    case "words": lexical.LexicalIndex.save = after(lexical.LexicalIndex.save)
    case "finishing": Versions.finish = stop
    case "switching": Versions.switch = stop
    case "removing": Versions._tidy = stop
build_index(home, Corpus(passages(40, start=start)), Slow())
"""


@pytest.mark.parametrize(
    ("start", "moment", "left"),
    [
        (100, "encoding", 36),  # nothing in common with the index before: all is encoded
        (100, "adding", 0),
        (8, "encoding", 4),  # an update
        (4, "rows", 0),
        (4, "copying", 0),
        (4, "deleting", 0),
        (4, "adding", 0),
        (4, "settling", 0),
        (4, "filled", 0),
        (4, "words", 0),
        (4, "finishing", 0),
        (4, "switching", 0),
    ],
)
def test_a_killed_build_leaves_the_old_index_and_resumes(
    home: Path, start: int, moment: str, left: int
) -> None:
    build_index(home, Corpus(passages(40)), HashEncoder())
    killed(home, moment, start)
    assert open_index(home, HashEncoder()).passages() == passages(40)
    assert len(use(home)) == 3
    build_index(home, Corpus(passages(40, start=start)), encoder := HashEncoder())
    assert len(encoder.encoded) == left
    index = open_index(home, encoder)
    assert index.passages() == passages(40, start=start)
    assert index.store.ids() == {passage.id for passage in index.passages()}
    assert len(use(home)) == 3


def test_killed_after_the_switch_the_new_index_serves(home: Path) -> None:
    build_index(home, Corpus(passages(40)), HashEncoder())
    killed(home, "removing", 4)
    assert open_index(home, HashEncoder()).passages() == passages(40, start=4)


def killed(home: Path, moment: str, start: int) -> None:
    """Run a build that is killed when it gets to a moment."""
    process = begun(KILLED, home, moment, start)
    try:
        wait_for(home / "reached", process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def begun(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 240
    while not path.exists():
        assert process.poll() is None, "the build ended by itself"
        assert time.monotonic() < end, "the build did not get there"
        time.sleep(0.01)


BUILT = """
import sys, time
from pathlib import Path
from retriever.encoding import vectors
from retriever.corpus import Corpus
from retriever.index import build_index
from tests.retriever.stubs import HashEncoder, passages

home = Path(sys.argv[1])
vectors.CHUNK = 5
encoder = HashEncoder()
build_index(home, Corpus(passages(200)), encoder, lambda *_: (home / "begun").write_text(""))
print(len(encoder.encoded))
"""


def test_killed_at_any_moment(home: Path) -> None:
    build_index(home, Corpus(passages(40, start=500)), HashEncoder())
    dice = random.Random(0)  # noqa: S311
    for _ in range(3):
        (home / "begun").unlink(missing_ok=True)
        process = begun(BUILT, home)
        try:
            while process.poll() is None and not (home / "begun").exists():
                time.sleep(0.01)
            time.sleep(dice.random() * 0.5)  # a build that came to its end has nothing left to kill
        finally:
            process.kill()
            process.wait()
        served = open_index(home, HashEncoder())
        assert served.passages() in (passages(40, start=500), passages(200))
        assert len(use(home)) == 3
        served.close()
    build_index(home, Corpus(passages(200)), HashEncoder())
    assert open_index(home, HashEncoder()).passages() == passages(200)
    assert len(use(home)) == 3


def test_two_builds_at_once_encode_once(home: Path) -> None:
    home.mkdir()
    both = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(BUILT), str(home)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(int(line) for line in said) == [0, 200]
    assert open_index(home, HashEncoder()).passages() == passages(200)
