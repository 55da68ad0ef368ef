"""The index, in a folder and on a server: built, opened, searched, updated, for several encoders at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.errors import BadInputError, IndexMismatchError, IndexMissingError
from retriever.index import ChromaServer, Index, build_index, open_index
from retriever.passage import Passage
from tests.retriever.chroma import Chroma, chroma_server
from tests.retriever.stubs import HashEncoder, passages


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@pytest.fixture(params=["folder", "server"])
def server(request: pytest.FixtureRequest) -> ChromaServer | None:
    """None, and an empty Chroma server: every test here runs over both."""
    if request.param == "folder":
        return None
    running: Chroma = request.getfixturevalue("chroma")
    running.clear()
    return ChromaServer(running.url)


def marked(count: int) -> list[Passage]:
    """Passages with sources and tags."""
    return [
        passage.model_copy(
            update={"source": f"book {i % 3}", "tags": ("all", f"by {i % 5}", "é 'x'")[: 1 + i % 3]}
        )
        for i, passage in enumerate(passages(count))
    ]


def found_ids(index: Index, text: str, k: int, where: dict[str, list[str]] | None = None) -> list[str]:
    vector = HashEncoder().encode_queries([text])[0]
    return [passage.id for passage, _ in index.search(vector, k, where)]


def test_built_and_searched(home: Path, server: ChromaServer | None) -> None:
    encoder, corpus = HashEncoder(), Corpus(passages(30))
    seen: list[tuple[int, int]] = []
    info = build_index(home, corpus, encoder, lambda done, total: seen.append((done, total)), server=server)
    assert seen[-1] == (30, 30)
    assert (info.count, info.encoded, info.reused) == (30, 30, 0)
    assert info.kinds == {"code": 15, "theorem": 15}
    index = open_index(home, encoder, server=server)
    assert index.info == info
    vector = encoder.encode_queries([corpus.passages[7].content])[0]
    (best, cosine), *_ = found = index.search(vector, 10)
    assert (best, len(found)) == (corpus.passages[7], 10)
    assert cosine == pytest.approx(1, abs=1e-5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert index.cosines(vector, [p.id for p, _ in found] + ["none"]) == pytest.approx(
        {p.id: s for p, s in found}, abs=1e-5
    )
    assert index.passages() == list(corpus)
    assert index.get(["t/003", "none", "t/001"]) == [corpus.passages[3], corpus.passages[1]]
    assert len(index.search(vector, 99)) == len(index) == 30
    assert index.lexical.search("w7x", 3) == index.lexical.search("w7x", 1)
    index.close()


def test_exact_search_is_possible(home: Path, server: ChromaServer | None) -> None:
    encoder, corpus = HashEncoder(), Corpus(reversed(passages(40)))
    build_index(home, corpus, encoder, server=server)
    index = open_index(home, encoder, server=server)
    ids, matrix = index.vectors()
    assert ids == [passage.id for passage in passages(40)]
    assert matrix.shape == (40, encoder.dim)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, encoder.encode_passages(passages(40)), atol=1e-6)


def test_filters(home: Path, server: ChromaServer | None) -> None:
    corpus, encoder = marked(30), HashEncoder()
    info = build_index(home, Corpus(corpus), encoder, server=server)
    assert info.sources == {"book 0": 10, "book 1": 10, "book 2": 10}
    assert info.tags == {"all": 30, "by 0": 4, "by 1": 4, "by 2": 4, "by 3": 4, "by 4": 4, "é 'x'": 10}
    index = open_index(home, encoder, server=server)
    for where in (
        {"kind": ["code"]},
        {"kind": ["code", "poem"], "source": ["book 1"]},
        {"tags": ["by 1"]},
        {"tags": ["by 1", "é 'x'", "none"], "kind": ["theorem"], "source": ["book 1", "book 2"]},
    ):
        fits = {p.id for p in corpus if passes(p, where)}
        assert fits
        assert index.ids(where) == fits
        assert set(found_ids(index, "prime number", 30, where)) == fits
        best = found_ids(index, "prime number", 30)
        assert found_ids(index, "prime number", 2, where) == [key for key in best if key in fits][:2]
    for nothing in ({"tags": ["none"]}, {"kind": []}, {"source": ["book 1"], "tags": []}):
        assert found_ids(index, "prime number", 5, nothing) == []
        assert index.ids(nothing) == frozenset()
    assert len(found_ids(index, "prime number", 5, {})) == 5
    with pytest.raises(BadInputError, match="colour"):
        index.ids({"colour": ["red"]})


def passes(passage: Passage, where: dict[str, list[str]]) -> bool:
    values = {"kind": {passage.kind}, "source": {passage.source}, "tags": set(passage.tags)}
    return all(values[field] & set(wanted) for field, wanted in where.items())


def test_building_again_does_nothing_and_changes_encode_what_changed(
    home: Path, server: ChromaServer | None
) -> None:
    encoder = HashEncoder()
    first = build_index(home, Corpus(marked(20)), encoder, server=server)
    again = build_index(home, Corpus(reversed(marked(20))), encoder, server=server)
    assert (again, len(encoder.encoded)) == (first, 20)
    changed = [*marked(19), *passages(3, start=40)]
    changed[4] = changed[4].model_copy(update={"text": "something else"})
    changed[5] = changed[5].model_copy(update={"kind": "lemma", "tags": ()})  # not read by the encoder
    info = build_index(home, Corpus(changed), encoder, server=server)
    assert (info.reused, info.encoded) == (18, 4)
    assert sorted(encoder.encoded[20:]) == ["t/004", "t/040", "t/041", "t/042"]
    index = open_index(home, encoder, server=server)
    assert index.passages() == changed
    assert index.ids({"kind": ["lemma"]}) == {"t/005"}
    assert "t/005" not in index.ids({"tags": ["all"]})
    expected = encoder.encode_queries([passage.content for passage in changed])
    for vector, passage in zip(expected, changed, strict=True):
        assert index.cosines(vector, [passage.id])[passage.id] == pytest.approx(1, abs=1e-5)
        assert index.search(vector, 1)[0][1] == pytest.approx(1, abs=1e-5)


def test_many_small_updates_stay_right(home: Path, server: ChromaServer | None) -> None:
    encoder = HashEncoder()
    for start in range(6):
        build_index(home, Corpus(passages(40, start=start)), encoder, server=server)
    assert len(encoder.encoded) == 45
    index = open_index(home, encoder, server=server)
    assert index.store.ids() == {passage.id for passage in passages(40, start=5)}
    for passage in passages(40, start=5):
        assert found_ids(index, passage.content, 1) == [passage.id]


def test_only_the_index_and_the_one_before_are_kept(home: Path, server: ChromaServer | None) -> None:
    marks = [
        build_index(home, Corpus(passages(count)), HashEncoder(), server=server).fingerprint
        for count in (5, 6, 7)
    ]
    assert {path.parent.name for path in home.rglob("lexical")} == set(marks[1:])
    back = build_index(home, Corpus(passages(6)), encoder := HashEncoder(), server=server)
    assert (back.fingerprint, encoder.encoded) == (marks[1], [])
    assert len(open_index(home, encoder, server=server)) == 6


def test_an_index_that_was_replaced_while_it_is_open(home: Path) -> None:
    build_index(home, Corpus(passages(5)), HashEncoder())
    old = open_index(home, HashEncoder())
    build_index(home, Corpus(passages(6)), HashEncoder())
    before = found_ids(old, "prime number", 5)
    assert len(before) == 5  # the one before stays
    build_index(home, Corpus(passages(7)), HashEncoder())
    try:
        after: object = found_ids(old, "prime number", 5)  # as long as Chroma keeps the files open
    except IndexMissingError as error:
        after = error.remedy
    assert after in (before, "Start again")


def test_every_encoder_has_its_own_index(home: Path, server: ChromaServer | None) -> None:
    base, trained, third = (HashEncoder(seed) for seed in range(3))
    one = build_index(home, Corpus(passages(8)), base, server=server)
    two = build_index(home, Corpus(passages(9)), trained, server=server)
    with pytest.raises(IndexMismatchError, match="another encoder") as caught:
        open_index(home, third, server=server)
    assert caught.value.remedy == "Run: rader index"
    assert open_index(home, base, server=server).info == one
    assert open_index(home, trained, server=server).info == two
    for count in (10, 11):
        build_index(home, Corpus(passages(count)), trained, server=server)
    assert open_index(home, base, server=server).info == one
    assert len(open_index(home, trained, server=server)) == 11
    encoded = len(base.encoded)
    build_index(home, Corpus(passages(8)), base, server=server)
    assert len(base.encoded) == encoded


def test_ties_are_broken_by_id(home: Path, server: ChromaServer | None) -> None:
    twins = [passage.model_copy(update={"title": "", "text": "the same"}) for passage in passages(40)]
    build_index(home, Corpus(reversed(twins)), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    assert found_ids(index, "the same", 40) == [passage.id for passage in twins]
    assert found_ids(index, "the same", 5, {"kind": ["code"]}) == [f"t/{i:03}" for i in range(0, 10, 2)]


def test_no_index_and_nothing_to_index(home: Path, server: ChromaServer | None) -> None:
    with pytest.raises(IndexMissingError, match="no index yet") as caught:
        open_index(home, HashEncoder(), server=server)
    assert caught.value.remedy == "Run: rader index"
    with pytest.raises(BadInputError, match="empty"):
        build_index(home, Corpus([]), HashEncoder(), server=server)


def test_where_the_passages_came_from_is_recorded(home: Path, server: ChromaServer | None) -> None:
    info = build_index(
        home, Corpus(passages(5)), HashEncoder(), corpora={"shipped": 3, "mine.jsonl": 2}, server=server
    )
    assert info.corpora == {"shipped": 3, "mine.jsonl": 2}
    counted = Corpus(passages(4), counts={"a.jsonl": 4})
    assert build_index(home, counted, HashEncoder(), server=server).corpora == {"a.jsonl": 4}
    assert open_index(home, HashEncoder(), server=server).info.built is not None


def test_odd_ids_and_long_texts(home: Path, server: ChromaServer | None) -> None:
    odd = [Passage(id=key, text="x") for key in ("a b", "é", "'; drop--", "数", "{}", "a" * 500)]
    odd.append(Passage(id="long", text="prime " * 160_000, tags=("t" * 1000,)))
    build_index(home, Corpus(odd), HashEncoder(), server=server)
    index = open_index(home, HashEncoder(), server=server)
    assert index.get([passage.id for passage in odd]) == odd
    assert index.ids({"tags": ["t" * 1000]}) == {"long"}
    assert set(found_ids(index, "x", 99)) == {passage.id for passage in odd}
