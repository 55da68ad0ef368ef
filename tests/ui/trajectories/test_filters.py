"""Filters: what an address may ask for, and that it comes back as it was."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.trajectories.filters import GRADES, SAID, Filter, address, filter_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(str.strip)


@given(TEXT, TEXT, st.sampled_from(["", *GRADES]), st.sampled_from(["", *SAID]), st.integers(1, 99))
def test_an_address_gives_the_filter_again(words: str, log: str, grade: str, said: str, page: int) -> None:
    asked = Filter(words=words, log=log, grade=grade, said=said, since="2026-02-28")
    written = dict(parse_qsl(address(asked, page=page).removeprefix("?")))
    assert filter_of(written) == (asked, "")
    assert written.get("page", "1") == str(page)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"grade": "great"}, "grade is one of correct, wrong"),
        ({"said": "maybe"}, "said is one of"),
        ({"since": "yesterday"}, "since is not YYYY-MM-DD"),
        ({"until": "2026-02-30"}, "until "),
        ({"words": "x" * 300}, "words "),
    ],
)
def test_what_cannot_be_used_is_left_out_and_told(given: dict[str, str], told: str) -> None:
    kept, notice = filter_of(given | {"strategy": "mcts", "unknown": "1"})
    assert kept == Filter(strategy="mcts")
    assert told in notice
    assert len(notice.splitlines()) == 1
