"""A comparison as HTML that can do nothing, and its chart."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from tests.ui.compare.test_ranks import column, compared
from tests.ui.conftest import PASSAGES
from ui.compare.chart import HINT, chart
from ui.compare.ranks import Column, Comparison
from ui.compare.render import results, status
from ui.compare.steps import Query

HARMLESS = "article section div p span h2 h3 ol li details summary b strong code"
DRAWN = "figure svg g path polyline text table caption thead tbody tfoot tr th td"


class Tags(HTMLParser):
    """All elements and attributes of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def words(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)


def test_each_query_is_one_line_with_its_columns() -> None:
    one, two = column("bm25", "abcd", "ab"), column("base", "ba", "b")
    shown = results(compared(one, two, gold="d")).split("\n\n")
    assert len(shown) == 2
    assert all("\n" not in line for line in shown)
    assert "bm25gold at 4" in words(shown[0])
    assert "4 Dgold" in words(shown[0])
    assert "basegold not in the first 100" in words(shown[0])
    assert "bm25gold not in the first 100" in words(shown[1])
    assert "1 Aonly here" in words(shown[1])


def test_a_failed_a_waiting_and_an_empty_column_say_so() -> None:
    comparison = compared(column("bm25", ""), Column("base"), Column("rader", error="no index. Build one"))
    (shown,) = map(words, results(comparison).split("\n\n"))
    assert "bm25Nothing was found." in shown
    assert "baseSearching…" in shown
    assert "raderno index. Build one" in shown
    assert "Searching for 1 query." in status(comparison, "?problem=p")


def test_a_complete_comparison_says_what_is_missing() -> None:
    comparison = compared(column("bm25", "a"), Column("rader", error="no"))
    assert words(status(comparison, "")) == (
        "1 query, 2 retrievers; rader could not search; too long for a link."
    )


def test_a_script_in_step_or_theorem_is_text() -> None:
    hostile = PASSAGES[1]
    found = column("bm25", ["x"])
    assert found.results is not None
    (hit,) = found.results[0].hits
    hits = [hit.model_copy(update={"passage": hostile})]
    bad = Column("bm25", (found.results[0].model_copy(update={"hits": hits, "note": hostile.title}),))
    failed = Column("base", error=hostile.title)
    query = Query("Step 1", f"{hostile.text} \\(\\href{{javascript:alert(1)}}{{x}}\\)", "q")
    comparison = Comparison((query,), (bad, failed), frozenset({hostile.id}))
    tags = Tags(results(comparison) + chart(comparison))
    assert tags.tags <= {*HARMLESS.split(), *DRAWN.split()}
    assert not any(name.startswith("on") or name in ("href", "src", "style") for name in tags.attributes)


def test_the_chart_says_what_to_do_without_gold() -> None:
    assert HINT in chart(compared(column("bm25", "a")))


def test_the_chart_draws_a_line_a_column_and_tells_the_ranks() -> None:
    one, two = column("bm25", "ab", "b", "a"), column("rader", "ba", "", "b")
    drawn = ElementTree.fromstring(chart(compared(one, two, Column("base"), gold="b")))  # noqa: S314 - ours
    lines = drawn.findall(".//polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [3, 3]
    heights = [[float(point.split(",")[1]) for point in line.attrib["points"].split()] for line in lines]
    assert heights[0][0] > heights[1][0]  # rank 2 lies below rank 1
    assert heights[0][2] == heights[1][1] > heights[0][0]  # what was not found lies lowest
    table = [["".join(cell.itertext()) for cell in row] for row in drawn.iter("tr")]
    assert table == [
        ["", "bm25", "rader"],
        ["Step 1", "2", "1"],
        ["Step 2", "1", "over 100"],
        ["Step 3", "over 100", "1"],
        ["Mean of 1/rank", "0.50", "0.67"],
    ]
