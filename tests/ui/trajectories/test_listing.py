"""The list and what is open: everything shown is inert, and each row leads to where it says."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qsl

from tests.training.samples import write
from tests.ui.trajectories.samples import HOSTILE, run, search
from ui.trajectories.catalogue import PAGE, Catalogue, Page
from ui.trajectories.desk import place_of
from ui.trajectories.filters import ALL, Filter
from ui.trajectories.listing import listing
from ui.trajectories.logs import OWN, Logs
from ui.trajectories.opened import heading, passage_ids, transcript


def page_of(home: Path, *asked: Filter, number: int = 1) -> Page:
    catalogue = Catalogue(Logs(home), home / "cache.sqlite")
    list(catalogue.update())
    page = catalogue.page(*(asked or (ALL,)), number)
    catalogue.close()
    return page


def links(shown: str) -> list[dict[str, str]]:
    found = re.findall(r'href="trajectories\??([^"]*)"', shown)
    return [dict(parse_qsl(html.unescape(query))) for query in found]


def tags(shown: str) -> set[str]:
    return set(re.findall(r"<(\w+)", shown))


def test_rows_lead_to_their_trajectories(home: Path) -> None:
    write(home, [run(1), run(2)])
    asked = Filter(words="what & why?", strategy="steps")
    shown = listing(page_of(home)._replace(number=2), asked, "run-1", OWN)
    assert [place_of(link)[0] for link in links(shown)][1:] == [
        place_of({"words": asked.words, "strategy": "steps", "page": "2", "id": name, "in": OWN})[0]
        for name in ("run-2", "run-1")
    ]
    assert shown.count('aria-current="true"') == 1
    assert 'run-1&amp;in=own" aria-current="true"' in shown


def test_pages_lead_on_and_back(home: Path) -> None:
    write(home, [run(number) for number in range(2 * PAGE + 1)])
    shown = [listing(page_of(home, number=number), ALL) for number in (1, 2, 3)]
    turns = [[link.get("page") for link in links(each) if "id" not in link] for each in shown]
    assert turns == [["2"], [None, "3"], ["2"]]
    assert "51 to 100 of 101" in shown[1]


def test_nothing_says_what_to_do(home: Path) -> None:
    empty = page_of(home)
    assert "No trajectory yet." in listing(empty, ALL)
    shown = listing(empty, Filter(words="<b>"))
    assert "Nothing matches" in shown
    assert links(shown) == [{}]


def test_hostile_text_is_shown_and_does_nothing(home: Path) -> None:
    bad = run(
        1, id=f'"><img src=x>{HOSTILE}', problem=HOSTILE, strategy=HOSTILE, answer=HOSTILE, gold=HOSTILE,
        problem_id=HOSTILE, created="<script>", feedback={f"hit:{HOSTILE}": HOSTILE},
    )  # fmt: skip
    write(home, [bad])
    shown = listing(page_of(home), ALL)
    assert tags(shown) == {"div", "p", "span", "ul", "li", "a"}
    assert links(shown)[0]["id"] == bad.id
    opened = "".join([*heading(bad, HOSTILE), *transcript(bad, {})])
    assert tags(opened) & {"script", "img", "a"} == set()
    assert "&lt;script&gt;alert(1)" in opened
    assert re.findall(r"\u2063[(\[][^\u2063]*href", shown + opened) == []  # no formula commands a link


def test_a_transcript_is_the_run_as_it_was_watched() -> None:
    blocks = transcript(run(1), {})
    assert [re.findall(r"rd-block rd-(\w+)", block) for block in blocks] == [
        ["thought"],
        ["lookup"],
        ["thought"],
        ["result"],
        [],
    ]
    assert "does not hold" in blocks[0]
    assert "AM-GM" not in "".join(blocks)  # samples have ids alone
    assert all("\n" not in block for block in blocks)
    assert passage_ids(run(1)) == ["am-gm", "vieta"]


def test_of_a_tree_the_transcript_is_the_way_to_the_answer() -> None:
    shown = "".join(transcript(search(), {}))
    assert "Another way" in shown
    assert "Then" not in shown
