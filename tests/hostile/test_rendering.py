"""Whatever is shown is inert: only tags of ours, only formulas of commands that draw."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice

import pytest

from agent.records import Check, StepHit
from retriever.passage import Passage
from tests.hostile.inputs import TEXTS, Input
from ui.page import markup, render
from ui.page.render import Lookup, Thought

pytestmark = pytest.mark.timeout(120)

TAGS = {"article", "h3", "span", "div", "p", "strong", "em", "code", "pre", "ul", "ol", "li", "br", "b"}
TAGS |= {"details", "summary"}
ATTRIBUTES = {"class", "open", "start", "role", "aria-hidden"}
STYLES = re.compile(r"rd-[a-z]+(?: rd-[a-z]+)?")
# Commands in these inputs that only draw. What else comes through has to be looked at, then added here.
# ruff: noqa: SIM905 - a list would be as long as the file
DRAW = set(
    r"""
    alert b begin binom bmod boxed cdot class color colorbox con cos csname cssId end endcsname
    expandafter frac gcd host hskip hspace huge infty input int kern le left lim log mathchoice
    mkern mskip noexpand openin operatorname pmb prod read right share sin sqrt style sum tag text
    textcolor to unicode vcenter verb vphantom win windows write x y
    """.split()
)
MARK = str(markup.DELIMITERS[0]["left"])[0]


class Seen(HTMLParser):
    """What a browser would make of markup."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.other: list[str] = []
        self.open: Counter[str] = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open[tag] += tag != "br"

    def handle_endtag(self, tag: str) -> None:
        self.open[tag] -= 1

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)


def shown(text: str) -> Iterator[str]:
    """The text at every place of the page that shows what others wrote."""
    yield render.thought(Thought("Step 1", text, done=True))
    yield render.thought(Thought("Step 1", text))
    yield render.result(text)
    passage = Passage.model_construct(id=text, title=text, text=text, kind="theorem", use_when=text)
    code = passage.model_copy(update={"kind": "code"})
    for verdict, each in (("relevant", passage), ("irrelevant", code)):
        hit = StepHit(id=text, title=text, score=1.0, verdict=verdict, reason=text)  # type: ignore[arg-type]
        cards = render.cards([hit], {text: each})
        yield render.lookup(Lookup(query=text, cards=cards, recall=text, recalled=text, done=True))
    failed = Check(claim=text, verdict="fails", span=(0, 1), reason=text)
    yield render.thought(Thought(text, "", done=True, seconds=1.0, checks=(failed,)))
    yield render.lookup(Lookup(query=text, recall=text))
    yield from (show(text) for show in (render.question, render.error, render.footer, render.notice))


@pytest.mark.parametrize("given", TEXTS, ids=lambda given: given.id)
def test_what_is_shown_is_inert_and_formulas_only_draw(given: Input) -> None:
    # Bombs are long, and what they are shown as is the same everywhere.
    for made in islice(shown(given.text), 3 if given.kind == "bombs" else None):
        seen = Seen(made)
        assert set(seen.tags) <= TAGS
        assert {name for name, _ in seen.attributes} <= ATTRIBUTES
        classes = [value or "" for name, value in seen.attributes if name == "class"]
        assert [value for value in classes if not STYLES.fullmatch(value)] == []
        assert seen.other == []
        assert not any(seen.open.values())
        assert "\n" not in made
        for formula in formulas(made):
            assert len(formula) < 5000
            commands = set(re.findall(r"\\([A-Za-z@]+)", formula))
            assert commands <= DRAW, commands - DRAW


def formulas(made: str) -> list[str]:
    """What the page hands to the typesetter: what stands between the delimiters, which no text can forge."""
    parts = made.split(MARK)
    assert len(parts) % 2 == 1
    assert all(part[0] in "([" for part in parts[1::2])
    assert all(part[0] in ")]" for part in parts[2::2])
    return [part[1:] for part in parts[1::2]]


def test_the_check_finds_what_it_looks_for() -> None:
    assert Seen("<p><script>1</script></p>").tags == ["p", "script"]
    assert Seen('<p onclick="x">').attributes == [("onclick", "x")]
    assert formulas(markup.inline(r"$\kern1em x$")) == [r"\kern1em x"]
    assert formulas(markup.inline(r"$\href{a}{b}$")) == []
