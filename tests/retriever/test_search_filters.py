"""What a search leaves out: by kind, tag and source and by id, before anything is ranked, on every side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.hybrid import interpolate
from retriever.index import build_index, open_index
from retriever.indexing.exact import exact_index
from retriever.passage import Passage
from retriever.search import MODES, Filters, Mode, Retriever
from tests.retriever.stubs import HashEncoder

QUERY = "prime number sum"
WORDS = ["prime number", "prime sum", "number sum of squares", "a graph", "prime", "sum of angles", "number"]
PASSAGES = [
    Passage(
        id=f"p{row:02}",
        text=f"{WORDS[row % 7]} case w{row}x",
        kind=("theorem", "definition", "code")[row % 3],
        source=("book", "wiki")[row % 2],
        tags=tuple(tag for tag, step in (("even", 2), ("fourth", 4), ("fifth", 5)) if row % step == 0),
    )
    for row in range(40)
]


@pytest.fixture(scope="module", params=["chroma", "exact"])
def retriever(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Retriever]:
    home, encoder = tmp_path_factory.mktemp("home"), HashEncoder()
    if request.param == "exact":
        yield Retriever(exact_index(Corpus(PASSAGES), encoder, home), encoder)
        return
    build_index(home, Corpus(PASSAGES), encoder)
    index = open_index(home, encoder)
    yield Retriever(index, encoder)
    index.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "filters",
    [
        Filters(kinds=["code"]),
        Filters(kinds=["code", "theorem"], without=["theorem"]),
        Filters(sources=["wiki"]),
        Filters(sources=["wiki", "book"]),
        Filters(tags=["fifth"]),
        Filters(tags=["fourth", "fifth"]),
        Filters(kinds=["theorem", "definition"], tags=["even"], sources=["book", "none"]),
    ],
)
def test_only_what_meets_every_condition(retriever: Retriever, mode: Mode, filters: Filters) -> None:
    expected = {passage.id for passage in PASSAGES if meets(passage, filters)}
    hits = retriever.search(QUERY, 40, mode, **filters).hits
    found = {hit.passage.id for hit in hits}
    assert found <= expected
    assert found == (expected if mode != "bm25" else {key for key in expected if shares_a_word(key)})
    few = retriever.search(QUERY, 3, mode, **filters).hits
    if mode != "hybrid":  # whose z-scores are over other candidates
        assert few == hits[:3]
    assert few


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "filters", [Filters(tags=["none"]), Filters(sources=["none"]), Filters(kinds=["none"])]
)
def test_conditions_that_nothing_meets(retriever: Retriever, mode: Mode, filters: Filters) -> None:
    assert retriever.search(QUERY, 5, mode, **filters).hits == []


@pytest.mark.parametrize("mode", MODES)
def test_excluded_passages_leave_room_for_others(retriever: Retriever, mode: Mode) -> None:
    everything = [hit.passage.id for hit in retriever.search(QUERY, 40, mode).hits]
    exclude = [*everything[:6], "unknown"]
    hits = retriever.search(QUERY, 5, mode, exclude=exclude).hits
    assert len(hits) == 5
    if mode != "hybrid":
        assert [hit.passage.id for hit in hits] == everything[6:11]
    assert retriever.search(QUERY, 5, mode, exclude=everything).hits == []


def test_excluded_passages_are_not_among_the_z_scores(retriever: Retriever) -> None:
    """The scores are those of an index that never held them."""
    exclude = {hit.passage.id for hit in retriever.search(QUERY, 4, "hybrid").hits}
    left = [passage.id for passage in PASSAGES if passage.id not in exclude]
    vector = retriever.encoder.encode_queries([QUERY])[0]
    dense = retriever.index.cosines(vector, left)
    lexical = retriever.index.lexical.scores(QUERY, left)
    expected = interpolate(dense, lexical, retriever.alpha)
    hits = retriever.search(QUERY, 40, "hybrid", exclude=exclude).hits
    assert [hit.passage.id for hit in hits] == [key for key, _ in expected]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-5)
    assert np.mean([hit.score for hit in hits]) == pytest.approx(0, abs=1e-6)


def test_a_hybrid_search_without_words_in_common_goes_by_the_encoder(retriever: Retriever) -> None:
    for filters in (Filters(), Filters(tags=["fifth"])):
        hybrid = retriever.search("zzz", 8, "hybrid", **filters).hits
        dense = retriever.search("zzz", 8, "base", **filters).hits
        assert [hit.passage.id for hit in hybrid] == [hit.passage.id for hit in dense]
        assert [hit.parts["bm25"] for hit in hybrid] == [0.0] * 8


def meets(passage: Passage, filters: Filters) -> bool:
    return (
        passage.kind in filters.get("kinds", [passage.kind])
        and passage.kind not in filters.get("without", [])
        and passage.source in filters.get("sources", [passage.source])
        and ("tags" not in filters or bool(set(passage.tags) & set(filters["tags"])))
    )


def shares_a_word(key: str) -> bool:
    return any(word in PASSAGES[int(key[1:])].text.split() for word in QUERY.split())
