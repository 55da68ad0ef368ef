"""What a comparison is asked for, and its link."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.errors import BadInputError
from retriever.search import MODES
from ui.compare.asked import LINK_CHARS, Asked

texts = st.text(max_size=80)
names = st.text(min_size=1, max_size=20).filter(lambda name: name == name.strip() and "\n" not in name)
asks = st.builds(
    Asked,
    problem=texts,
    steps=texts,
    gold=st.lists(names, max_size=3).map(tuple),
    columns=st.lists(st.sampled_from(MODES), min_size=1, unique=True).map(tuple),
    query=st.sampled_from(["cot", "step"]),
    code=st.booleans(),
    shown=st.integers(1, 20),
)


def followed(link: str) -> Asked:
    parameters = dict(parse_qsl(link.removeprefix("?"), keep_blank_values=True, errors="surrogatepass"))
    return Asked().changed_by(parameters)


@given(asks)
def test_a_link_asks_for_the_same_again(asked: Asked) -> None:
    assert followed(asked.link()) == asked


def test_a_link_says_only_what_is_not_usual() -> None:
    assert Asked(problem="1+1?").link() == "?problem=1%2B1%3F"
    assert Asked(problem="p", gold=("a", "b"), columns=("rader", "bm25")).link() == (
        "?problem=p&gold=a%2Cb&columns=bm25%2Crader"
    )


def test_a_title_with_a_comma_stays_whole() -> None:
    asked = Asked(gold=("Rate, Time and Distance",))
    assert followed(asked.link()) == asked


def test_what_is_too_long_for_an_address_has_no_link() -> None:
    assert Asked(problem="p" * LINK_CHARS).link() == ""


def test_a_link_changes_an_example() -> None:
    asked = Asked(problem="p", steps="s").changed_by(
        {"columns": "bm25, rader", "__theme": "dark", "code": "1"}
    )
    assert asked == Asked(problem="p", steps="s", columns=("bm25", "rader"), code=True)


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"columns": "bm25,tfidf"}, r"columns cannot be 'tfidf'\. Choose from bm25, base, rader, hybrid"),
        ({"columns": ""}, r"no retriever is chosen\. Choose one or more of bm25"),
        ({"query": "llm"}, r"query cannot be 'llm'\. Choose from cot, step"),
        ({"shown": "0"}, r"shown cannot be '0'\. Give a number from 1 to 20"),
        ({"shown": "many"}, "shown cannot be 'many'"),
        ({"code": "perhaps"}, r"code cannot be 'perhaps'\. Give 0 or 1"),
    ],
)
def test_a_bad_link_is_one_line(parameters: dict[str, str], line: str) -> None:
    with pytest.raises(BadInputError, match=line):
        Asked().changed_by(parameters)
