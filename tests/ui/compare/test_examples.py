"""The ready examples: what their labels claim is true of the retrievers and the library that ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from retriever.search import Mode
from retriever.sources import default_corpus
from ui.assemble import Studio
from ui.compare.examples import Example, example, examples
from ui.compare.ranks import reciprocal
from ui.compare.search import Search
from ui.settings import Settings

Ranks = dict[Mode, list[int | None]]


def beats(leader: Mode, *others: Mode) -> Callable[[Ranks], bool]:
    """Whether the mean reciprocal rank of one is above those of others."""
    return lambda ranks: all(reciprocal(ranks[leader]) > reciprocal(ranks[other]) for other in others)


def first_step_decides(ranks: Ranks) -> bool:
    """Whether nobody has it first before the first step is told, and all but one have it first then."""
    before, after = ([each[n] for each in ranks.values()] for n in (0, 1))
    return 1 not in before and after.count(1) == len(after) - 1


def nobody_in_three(ranks: Ranks) -> bool:
    return all(rank is None or rank > 3 for each in ranks.values() for rank in each)


CLAIMS: dict[str, Callable[[Ranks], bool]] = {
    "river": first_step_decides,
    "diagnosis": beats("rader", "bm25", "base"),
    "toys": beats("rader", "bm25", "base", "hybrid"),
    "letters": beats("rader", "bm25", "base"),
    "gloves": beats("bm25", "base", "rader"),
    "bags": beats("bm25", "base", "rader", "hybrid"),
    "dominoes": beats("base", "bm25", "rader", "hybrid"),
    "dice": nobody_in_three,
}


def test_every_example_has_a_claim_and_a_theorem_that_ships() -> None:
    shipped = {passage.id for passage in default_corpus()}
    assert [each.name for each in examples()] == list(CLAIMS)
    for each in examples():
        assert set(each.gold) <= shipped
        assert each.asked.link()


def test_an_unknown_example_is_one_line() -> None:
    assert example("river").name == "river"
    with pytest.raises(BadInputError, match="no example is called 'x'"):
        example("x")


@pytest.fixture(scope="module")
def search(shipped_home: Path) -> Iterator[Search]:
    """The retrievers that ship, over the library that ships."""
    settings = Settings(home=shipped_home)
    studio = Studio(settings)
    yield Search(studio.retriever_for, settings.agent.without)
    studio.close()


@pytest.mark.slow
@pytest.mark.parametrize("shown", examples(), ids=lambda each: each.name)
async def test_what_a_label_claims_is_true(search: Search, shown: Example) -> None:
    gold = await search.gold(shown.asked.gold)
    *_, last = [comparison async for comparison in search.compare(shown.asked, gold)]
    ranks = {column.mode: last.ranks(column) for column in last.columns}
    assert all(column.results for column in last.columns)
    assert CLAIMS[shown.name](ranks), ranks
