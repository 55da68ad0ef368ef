"""The exact index and the vectors that it keeps on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.encoding import vectors
from retriever.errors import BadInputError, StorageError
from retriever.index import build_index, open_index
from retriever.indexing.exact import ExactIndex, exact_index
from retriever.passage import Passage
from retriever.search import MODES, Mode, Retriever
from tests.retriever.stubs import HashEncoder, passages


def made(
    count: int, home: Path, encoder: Encoder | None = None, progress: Progress | None = None
) -> ExactIndex:
    index = exact_index(Corpus(passages(count)), encoder or HashEncoder(), home, progress)
    index.load()
    return index


@pytest.mark.parametrize("mode", MODES)
def test_the_retriever_finds_what_it_finds_in_the_product_s_index(home: Path, mode: Mode) -> None:
    corpus, encoder = Corpus(passages(40)), HashEncoder()
    build_index(home, corpus, encoder)
    stored = Retriever(open_index(home, encoder), encoder, mode)
    exact = Retriever(exact_index(corpus, encoder, home), encoder, mode)
    for query in ("graph path w8x", "the prime number theorem", "nothing of it"):
        for kinds in ((), ("code",)):
            theirs, ours = (each.search(query, 15, kinds=kinds).hits for each in (stored, exact))
            assert [hit.passage for hit in ours] == [hit.passage for hit in theirs]
            assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=1e-5)


def test_what_an_index_says_of_itself(home: Path) -> None:
    corpus, encoder = Corpus(passages(10)), HashEncoder()
    index, info = made(10, home), build_index(home, corpus, encoder)
    names = (
        "fingerprint",
        "encoder",
        "encoder_fingerprint",
        "corpus_sha256",
        "dim",
        "count",
        "kinds",
        "cut",
        "layout",
    )
    assert [getattr(index.info, name) for name in names] == [getattr(info, name) for name in names]
    assert len(index) == 10
    assert [passage.id for passage in index.get(["t/003", "none", "t/001"])] == ["t/003", "t/001"]
    assert index.passages() == passages(10)
    index.close()


def test_every_passage_is_looked_at_and_ties_come_by_id(home: Path) -> None:
    copies = [Passage(id=f"copy/{i}", title=p.title, text=p.text) for i, p in enumerate(passages(30))]
    corpus, encoder = Corpus([*reversed(passages(30)), *copies]), HashEncoder()
    index = exact_index(corpus, encoder, home)
    queries = encoder.encode_queries([f"triangle angle w{i}x" for i in range(9)])
    for query, found in zip(queries, index.search_many(queries, 60), strict=True):
        scores = {p.id: float(query @ encoder.encode_passages([p])[0]) for p in corpus}
        best = [passage.id for passage, _ in found]
        assert sorted(best) == sorted(scores)
        assert [score for _, score in found] == pytest.approx([scores[key] for key in best], abs=1e-6)
        pairs = list(zip(best[::2], best[1::2], strict=True))
        assert all(first == f"copy/{int(second[2:])}" for first, second in pairs)
        assert index.search(query, 7) == [
            (passage, pytest.approx(score, abs=1e-6)) for passage, score in found[:7]
        ]


def test_conditions_and_named_passages(home: Path) -> None:
    tagged = [
        Passage(id="a", text="prime sum", tags=("x", "y"), source="s"),
        Passage(id="b", text="prime sum", tags=("y",)),
        Passage(id="c", text="prime sum"),
    ]
    encoder = HashEncoder()
    index = exact_index(Corpus(tagged), encoder, home)
    query = encoder.encode_queries(["prime"])[0]
    assert index.ids({"tags": ["y", "z"]}) == {"a", "b"}
    assert index.ids({"tags": ["y"], "source": ["s"]}) == {"a"}
    assert [passage.id for passage, _ in index.search(query, 3, {"tags": ["y"]})] == ["a", "b"]
    assert index.search(query, 3, {"kind": ["poem"]}) == []
    assert index.cosines(query, ["c", "none"]) == {"c": pytest.approx(index.search(query, 3)[2][1], abs=1e-6)}


def test_a_search_by_words_encodes_nothing(home: Path) -> None:
    encoder = HashEncoder()
    index = exact_index(Corpus(passages(12)), encoder, home)
    assert Retriever(index, encoder, "bm25").search("graph path w8x").hits[0].passage.id == "t/008"
    assert (encoder.encoded, home.exists()) == ([], False)
    Retriever(index, encoder, "base").search("graph path w8x")
    assert len(encoder.encoded) == 12
    with pytest.raises(BadInputError, match="no vectors"):
        exact_index(Corpus(passages(12)), None, home).search(np.ones(16), 1)


def test_an_empty_corpus_is_refused(home: Path) -> None:
    with pytest.raises(BadInputError, match="empty"):
        exact_index(Corpus([]), HashEncoder(), home)


def test_only_what_is_new_is_encoded(home: Path) -> None:
    first, again, more, other = HashEncoder(), HashEncoder(), HashEncoder(), HashEncoder(seed=1)
    before, after = made(20, home, first), made(20, home, again)
    assert (len(first.encoded), len(again.encoded)) == (20, 0)
    assert found(before) == found(after)
    made(23, home, more)
    assert sorted(more.encoded) == ["t/020", "t/021", "t/022"]
    made(20, home, other)
    assert len(other.encoded) == 20


def test_passages_of_one_content_share_a_vector_and_all_are_counted(home: Path) -> None:
    twice = [Passage(id=key, text="a prime") for key in ("a", "b")]
    encoder, told = HashEncoder(), []
    for _ in range(2):
        index = exact_index(Corpus(twice), encoder, home, lambda done, total: told.append((done, total)))
        index.load()
    assert encoder.encoded == ["a"]
    assert (told[0], told[-1]) == ((0, 2), (2, 2))


class Killed(HashEncoder):
    """Is interrupted when it is given its third chunk."""

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        if len(self.encoded) >= 16:
            raise KeyboardInterrupt
        return super().encode_passages(passages, progress)


def test_a_run_that_was_stopped_goes_on_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 8)
    with pytest.raises(KeyboardInterrupt):
        made(30, home, Killed())
    told: list[tuple[int, int]] = []
    encoder = HashEncoder()
    index = made(30, home, encoder, lambda done, total: told.append((done, total)))
    assert len(encoder.encoded) == 14
    assert told[0] == (16, 30)
    assert told == sorted(told)
    assert found(index) == found(made(30, home.with_name("fresh")))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "draft"])
def test_damaged_files_are_made_anew(home: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 8)
    before = found(made(20, home))
    file = sorted(home.glob("vectors/*/*.npz"))[0]
    data = file.read_bytes()
    middle = len(data) // 2
    damaged = {
        "cut": data[:middle],
        "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "empty": b"",
        "text": b"no archive at all",
        "draft": data,
    }
    file.write_bytes(damaged[damage])
    if damage == "draft":  # written, and killed before it got its name
        file.rename(file.with_suffix(".tmp"))
    encoder = HashEncoder()
    assert found(made(20, home, encoder)) == before
    assert len(encoder.encoded) in {4, 8}  # the last of three chunks holds four
    encoder = HashEncoder()
    assert found(made(20, home, encoder)) == before
    assert encoder.encoded == []


def test_a_home_that_cannot_be_written_to(home: Path) -> None:
    home.write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError):
        made(3, home)


def test_passages_that_were_cut_are_counted_every_time(home: Path, tiny_encoder_path: Path) -> None:
    corpus = Corpus([Passage(id="long", text="prime number " * 60), *passages(3)])
    for _ in range(2):
        encoder = Encoder(tiny_encoder_path)
        index = exact_index(corpus, encoder, home)
        index.load()
        assert (index.info.cut, index.info.dim) == (1, 32)
    assert encoder.cut_passages == 0


def found(index: ExactIndex) -> list[list[tuple[Passage, float]]]:
    """What a few fixed queries find."""
    return index.search_many(HashEncoder().encode_queries(["prime number w7x", "graph path"]), 10)
