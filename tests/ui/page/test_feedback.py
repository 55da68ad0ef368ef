"""Buttons of feedback: inert, named by run and key, with a name that a screen reader can tell apart."""

from __future__ import annotations

from html.parser import HTMLParser

from agent.records import StepHit
from retriever.passage import Passage
from tests.agent.test_records import trajectory
from ui.page import feedback, render
from ui.page.render import Lookup


class Buttons(HTMLParser):
    """Every button's name, value and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str | None, str]] = []
        self.tags: set[str] = set()
        self.within = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "button":
            given = dict(attrs)
            assert given["type"] == "button"
            self.found.append((given["name"], given["value"], ""))
            self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = self.within and tag != "button"

    def handle_data(self, data: str) -> None:
        if self.within:
            name, value, text = self.found[-1]
            self.found[-1] = name, value, text + data


def test_an_answer_and_a_look_up_can_be_spoken_of() -> None:
    assert Buttons(feedback.answered("r1")).found == [
        ("r1 answer", "up", "Right"),
        ("r1 answer", "down", "Wrong"),
    ]
    assert Buttons(feedback.right("r1", 4)).found == [("r1 right:4", "", "The right one is … (look-up 4)")]


def test_a_card_asks_where_its_run_is_known() -> None:
    hit = StepHit(id="a b", title="Vieta", score=1.0)
    [card] = render.cards([hit], {"a b": Passage(id="a b", title="Vieta", text="x")})
    assert Buttons(render.card(card)).found == []
    assert Buttons(render.card(card, "r1")).found == [
        ("r1 hit:a b", "up", "Helped (Vieta)"),
        ("r1 hit:a b", "down", "Did not help (Vieta)"),
    ]


def test_a_look_up_asks_for_the_right_one_once_it_is_done() -> None:
    shown = Lookup("roots", cards=(), run="r1", n=2)
    assert Buttons(render.lookup(shown)).found == []
    shown.done = True
    assert [name for name, _, _ in Buttons(render.lookup(shown)).found] == ["r1 right:2"]


def test_a_closing_line_asks_about_the_answer() -> None:
    assert {name for name, _, _ in Buttons(render.closing(trajectory())).found} == {"r1 answer"}


def test_names_and_titles_become_no_markup() -> None:
    evil = '"><script>alert(1)</script>'
    html = feedback.helped(evil, evil, evil) + feedback.right(evil, 1) + feedback.answered(evil)
    parsed = Buttons(html)
    assert parsed.tags == {"p", "button", "span"}
    assert parsed.found[0][0] == f"{evil} hit:{evil}"
