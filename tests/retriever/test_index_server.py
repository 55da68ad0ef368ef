"""The index on a Chroma server: a token, another machine, and a server that goes away."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from retriever.corpus import Corpus
from retriever.encoder import Vectors
from retriever.errors import BadInputError, IndexMissingError, IndexServerError, RaderError
from retriever.index import ChromaServer, build_index, open_index
from retriever.indexing import store
from retriever.indexing.store import Store
from retriever.indexing.upkeep import drop_index, list_indexes
from retriever.passage import Passage
from tests.retriever.chroma import Chroma, Proxy, chroma_server, free_port, token_proxy
from tests.retriever.stubs import HashEncoder, passages


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as server:
        yield server


@pytest.fixture
def chroma(running: Chroma) -> Chroma:
    if running.process is None:
        running.start()
    running.clear()
    return running


@pytest.fixture
def proxy(chroma: Chroma) -> Iterator[Proxy]:
    with token_proxy(chroma.url, "s3cret") as before:
        yield before


def found(home: Path, server: ChromaServer) -> list[str]:
    index = open_index(home, HashEncoder(), server=server)
    try:
        vector = HashEncoder().encode_queries(["prime number"])[0]
        index.lexical.search("prime", 3)
        return [passage.id for passage, _ in index.search(vector, 3, {"kind": ["code"]})]
    finally:
        index.close()


def test_through_a_proxy_that_wants_a_token(home: Path, proxy: Proxy) -> None:
    server = ChromaServer(proxy.url, "s3cret")
    build_index(home, Corpus(passages(30)), HashEncoder(), server=server)
    assert len(found(home, server)) == 3
    assert any(path.endswith("/query") for path in proxy.seen)
    for wrong in ("", "guess"):
        with pytest.raises(IndexServerError, match="refuses the token") as caught:
            open_index(home, HashEncoder(), server=ChromaServer(proxy.url, wrong))
        assert "RADER_CHROMA_TOKEN" in caught.value.remedy
        with pytest.raises(IndexServerError, match="refuses the token"):
            build_index(home, Corpus(passages(3)), HashEncoder(), server=ChromaServer(proxy.url, wrong))
    assert "s3cret" not in repr(server)


def test_a_token_that_is_withdrawn(home: Path, proxy: Proxy) -> None:
    server = ChromaServer(proxy.url, "s3cret")
    build_index(home, Corpus(passages(30)), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    proxy.token = "another"  # noqa: S105
    with pytest.raises(IndexServerError, match="refuses the token"):
        index.search([0.25] * 16, 3)
    index.close()


def test_nothing_of_it_lies_in_the_folder_index(home: Path, chroma: Chroma) -> None:
    build_index(home, Corpus(passages(30)), HashEncoder(), server=ChromaServer(chroma.url))
    assert [path.name for path in home.iterdir()] == ["index-servers"]
    with pytest.raises(IndexMissingError, match="no index yet"):
        open_index(home, HashEncoder())


def test_another_machine_finds_it(home: Path, tmp_path: Path, chroma: Chroma) -> None:
    server, encoder = ChromaServer(chroma.url + "/"), HashEncoder()
    info = build_index(home, Corpus(passages(30)), encoder, server=server)
    there = open_index(tmp_path / "elsewhere", encoder, server=server)
    assert there.info == info
    assert there.passages() == passages(30)
    assert there.lexical.search("w7x", 1)[0][0] == "t/007"
    assert found(tmp_path / "elsewhere", server) == found(home, server)
    again = HashEncoder()
    assert build_index(tmp_path / "third", Corpus(passages(30)), again, server=server) == info
    assert again.encoded == []
    there.close()


def test_what_is_kept_here_is_made_anew_where_it_is_broken(home: Path, chroma: Chroma) -> None:
    server = ChromaServer(chroma.url)
    build_index(home, Corpus(passages(30)), HashEncoder(), server=server)
    expected = found(home, server)
    (kept,) = home.glob("index-servers/*/*/")
    for victim in ("rows/ids.json", "rows/passages.jsonl", "lexical/vocab.index.json"):
        (kept / victim).write_bytes(b"nonsense" * 600)
        assert found(home, server) == expected
    shutil.rmtree(home)
    assert found(home, server) == expected


def test_no_server(home: Path) -> None:
    server = ChromaServer(f"http://127.0.0.1:{free_port()}", timeout=5)
    for use in (
        lambda: build_index(home, Corpus(passages(3)), HashEncoder(), server=server),
        lambda: open_index(home, HashEncoder(), server=server),
        lambda: list_indexes(home, server=server),
        lambda: drop_index(home, "x", server=server),
    ):
        with pytest.raises(IndexServerError, match="does not answer") as caught:
            use()
        assert "\n" not in str(caught.value)
        assert "--chroma-url" in caught.value.remedy


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host", "http://", "not an address"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(BadInputError, match="address"):
        ChromaServer(url)


def test_something_else_answers_there(home: Path, proxy: Proxy) -> None:
    proxy.onward.base_url = f"{proxy.target}/elsewhere"
    with pytest.raises(IndexServerError):
        open_index(home, HashEncoder(), server=ChromaServer(proxy.url, "s3cret"))


def test_a_server_that_breaks_off_in_the_middle_of_an_answer(home: Path, proxy: Proxy) -> None:
    server = ChromaServer(proxy.url, "s3cret")
    build_index(home, Corpus(passages(30)), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    proxy.cut = True
    with pytest.raises(IndexServerError, match="does not answer") as caught:
        index.search([0.25] * 16, 3)
    assert "\n" not in str(caught.value)
    proxy.cut = False
    assert len(index.search([0.25] * 16, 3)) == 3
    index.close()


def test_a_server_that_hangs(home: Path, chroma: Chroma) -> None:
    server = ChromaServer(chroma.url, timeout=1)
    build_index(home, Corpus(passages(30)), HashEncoder(), server=ChromaServer(chroma.url))
    index = open_index(home, HashEncoder(), server=ChromaServer(chroma.url, timeout=1))
    assert chroma.process
    chroma.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(IndexServerError, match="does not answer"):
            index.search([0.25] * 16, 3)
        with pytest.raises(IndexServerError, match="does not answer"):
            open_index(home, HashEncoder(), server=server)
    finally:
        chroma.process.send_signal(signal.SIGCONT)
    index.close()


def test_a_server_that_dies_in_a_build(home: Path, chroma: Chroma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_ROWS", 8)
    server = ChromaServer(chroma.url)
    build_index(home, Corpus(passages(3, start=90)), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    add, added, killed = Store.add, list[str](), list[bool]()

    def add_twice(self: Store, some: Sequence[Passage], vectors: Vectors) -> None:
        if len(added) == 16 and not killed:
            killed.append(True)
            chroma.kill()
        add(self, some, vectors)
        added.extend(passage.id for passage in some)

    monkeypatch.setattr(Store, "add", add_twice)
    with pytest.raises(IndexServerError, match="does not answer"):
        build_index(home, Corpus(passages(40)), HashEncoder(), server=server)
    with pytest.raises(IndexServerError, match="does not answer"):
        index.search([0.25] * 16, 3)
    chroma.start()
    assert [passage.id for passage, _ in index.search([0.25] * 16, 3)]
    index.close()
    assert open_index(home, HashEncoder(), server=server).passages() == passages(3, start=90)
    states = {one.state: one for one in list_indexes(home, server=server)}
    assert states["half-written"].count == 40
    added.clear()
    build_index(home, Corpus(passages(40)), encoder := HashEncoder(), server=server)
    assert (encoder.encoded, len(added)) == ([], 24)
    assert open_index(home, encoder, server=server).passages() == passages(40)
    assert not list(home.rglob("vectors.npy"))


def test_an_index_that_somebody_removed(home: Path, chroma: Chroma) -> None:
    server = ChromaServer(chroma.url)
    build_index(home, Corpus(passages(9)), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    chroma.clear()
    with pytest.raises(RaderError) as caught:
        index.search([0.25] * 16, 3)
    assert "another index by now" in str(caught.value)
    index.close()
