"""From what a person calls a passage to the passage, over a real index."""

from __future__ import annotations

from retriever.search import Retriever
from ui.compare.gold import find_gold


def test_a_passage_is_known_by_id_and_by_title(retriever: Retriever) -> None:
    gold = find_gold(retriever, ["vieta", " am-gm Inequality ", "am-gm", ""])
    assert [one.id for one in gold.passages] == ["vieta", "am-gm"]
    assert gold.problems == ()
    assert gold.names == ("vieta", "am-gm")


def test_an_unknown_name_is_one_line_that_says_what_may_be_meant(retriever: Retriever) -> None:
    gold = find_gold(retriever, ["vieta", "roots polynomial"])
    assert gold.problems == ("No passage is called “roots polynomial”. Did you mean: Vieta (vieta)?",)
    assert [one.id for one in gold.offers] == ["vieta"]
    assert gold.names == ("vieta", "roots polynomial")


def test_a_name_like_no_other_says_what_to_do(retriever: Retriever) -> None:
    gold = find_gold(retriever, ["zzz"])
    assert gold.problems == ("No passage is called “zzz”. Name a passage by its id or its title.",)
