"""Several retrievers asked at once, over a real index."""

from __future__ import annotations

import threading

import pytest

from retriever.errors import BadInputError, IndexMissingError
from retriever.passage import Passage
from retriever.search import Mode, Retriever
from ui.compare.asked import Asked
from ui.compare.gold import Gold
from ui.compare.ranks import Comparison
from ui.compare.search import Search

AM_GM = Gold(passages=(Passage(id="am-gm", text="t"),))


async def screens(search: Search, asked: Asked, gold: Gold = AM_GM) -> list[Comparison]:
    return [comparison async for comparison in search.compare(asked, gold)]


async def test_every_step_is_asked_of_every_column(retriever: Retriever) -> None:
    search = Search(lambda _: retriever)
    first, *_, last = await screens(
        search, Asked(problem="inequality", steps="the product of roots", shown=1)
    )
    assert not first.complete
    assert last.complete
    assert [column.mode for column in last.columns] == ["bm25", "base", "rader", "hybrid"]
    for column in last.columns:
        assert column.results is not None
        assert [result.retriever for result in column.results] == [column.mode, column.mode]
        expected = retriever.search("inequality\nthe product of roots", 100, column.mode)
        assert column.results[1].hits == expected.hits
    assert last.ranks(last.columns[0])[0] == 1
    assert last.shown == 1


async def test_kinds_that_the_agent_leaves_out_are_left_out_unless_asked_for(retriever: Retriever) -> None:
    search = Search(lambda _: retriever, without=["formula"])
    for code, there in ((False, False), (True, True)):
        last = (await screens(search, Asked(problem="product of the roots", code=code)))[-1]
        found = {hit.passage.id for column in last.columns for hit in (column.results or ())[0].hits}
        assert ("vieta" in found) is there


async def test_a_column_that_fails_says_why_and_leaves_the_others(
    retriever: Retriever, caplog: pytest.LogCaptureFixture
) -> None:
    def retriever_for(mode: Mode) -> Retriever:
        if mode == "base":
            raise IndexMissingError("nothing is indexed", "Run rader index")
        if mode == "rader":
            raise ZeroDivisionError("secret")
        return retriever

    last = (await screens(Search(retriever_for), Asked(problem="inequality")))[-1]
    assert last.complete
    assert [column.error for column in last.columns] == [
        "", "nothing is indexed. Run rader index",
        "Something went wrong (ZeroDivisionError). The log has the details.", "",
    ]  # fmt: skip
    assert "a search by rader failed" in caplog.text
    assert last.columns[0].results
    assert last.columns[3].results


async def test_columns_come_as_they_are_found(retriever: Retriever) -> None:
    words_are_there = threading.Event()

    def retriever_for(mode: Mode) -> Retriever:
        if mode == "base":
            assert words_are_there.wait(30)
        return retriever

    seen = []
    async for comparison in Search(retriever_for).compare(
        Asked(problem="product", columns=("bm25", "base")), Gold()
    ):
        seen.append([column.results is not None for column in comparison.columns])
        if seen[-1][0]:
            words_are_there.set()
    assert seen == [[False, False], [True, False], [True, True]]


async def test_a_gold_passage_is_found_in_a_thread(retriever: Retriever) -> None:
    assert (await Search(lambda _: retriever).gold(["vieta"])).names == ("vieta",)


async def test_nothing_to_search_for_is_one_line(retriever: Retriever) -> None:
    with pytest.raises(BadInputError, match="nothing to search for"):
        await screens(Search(lambda _: retriever), Asked())
