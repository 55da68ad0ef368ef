"""Text becomes HTML that can do nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui.page import markup

SAFE = {"p", "br", "strong", "em", "ul", "ol", "li", "pre", "code"}


class Tags(HTMLParser):
    """Collects the tags and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1)) ![x](https://example.com/x.png) <https://example.com>",
        "</article><iframe src=//example.com>",
        "`</code><script>alert(1)</script>`",
        "```html\n<script>alert(1)</script>\n```",
        "$a<script>alert(1)</script>$",
        "$</span><img src=x onerror=alert(1)>$",
        r"\(\text{<b onclick=alert(1)>}\)",
        "**<b>bold</b>**",
        "# <h1 onclick=x>",
        "&lt;script&gt;",
        "<!-- comment",
    ],
)
def test_markup_in_text_is_inert(text: str) -> None:
    for made in (markup.blocks(text), markup.inline(text), markup.plain(text)):
        seen = Tags(made)
        assert seen.tags <= SAFE
        assert seen.attributes <= {"class", "start"}
        assert "\n" not in made


@settings(max_examples=60, deadline=None, database=None)
@given(st.text())
def test_any_text_is_inert(text: str) -> None:
    for final in (True, False):
        made = markup.blocks(text, final=final)
        assert Tags(made).tags <= SAFE
        assert "\n" not in made


@settings(max_examples=60, deadline=None, database=None)
@given(st.text(alphabet="$\\()[]{}`*_<>&%ab \n-1.#\u2063\ue000\ue001"))
def test_any_notation_is_inert(text: str) -> None:
    for final in (True, False):
        made = markup.blocks(text, final=final)
        assert Tags(made).tags <= SAFE
        assert "\ue000" not in made
        assert made.count("\u2063") % 2 == 0


def test_delimiters_cannot_be_forged() -> None:
    left, right = markup.DELIMITERS[0]["left"], markup.DELIMITERS[0]["right"]
    assert markup.blocks(f"{left}x{right}") == "<p>(x)</p>"
    assert markup.blocks("%%%LATEX_BLOCK_0%%%").count("%") == 0
    assert "\ue000" not in markup.blocks("\ue0000\ue001")


def test_characters_that_reorder_or_hide_are_taken_out() -> None:
    assert markup.clean("a\u202eb\x00c\u2066d\r\ne\tf") == "abcd\ne\tf"


def test_formulas_leave_between_their_delimiters() -> None:
    assert markup.inline("$x<y & 50%$") == "\u2063(x< y &  50\\%\u2063)"
    assert markup.blocks("$$x$$") == "<p>\u2063[x\u2063]</p>"
    assert markup.typeset("a\nb") == "\u2063(a b\u2063)"


def test_simple_markdown_keeps_its_looks() -> None:
    text = "# Plan\n**Bold** and *slanted*, 2*3*4\nnext\n\n- one\n- `two`\n\n3. three\n4) four"
    assert markup.blocks(text) == (
        '<p class="rd-heading">Plan</p>'
        "<p><strong>Bold</strong> and <em>slanted</em>, 2*3*4<br>next</p>"
        "<ul><li>one</li><li><code>two</code></li></ul>"
        '<ol start="3"><li>three</li><li>four</li></ol>'
    )


def test_fences_stay_code() -> None:
    made = markup.blocks("Code:\n```python\nprint('$x$')\n\n\n# **no**\n```\nafter")
    code = "<pre><code>print(&#x27;&#36;x&#36;&#x27;)&#10;&#10;&#10;# **no**</code></pre>"
    assert made == f"<p>Code:</p>{code}<p>after</p>"
    assert "<pre>" in markup.blocks("```\nstill open", final=False)


def test_plain_keeps_lines_and_nothing_else() -> None:
    assert markup.plain(" **a**\n- $x$ ") == "**a**<br>- \u2063(x\u2063)"


def test_a_document_keeps_its_tables_and_loses_what_loads_or_leads_away() -> None:
    made = markup.document(
        "---\ntitle: x\n---\n# Card\n\n## Scores\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n"
        "![p](https://example.com/p.png) [l](javascript:0) <https://example.com> <img src=x>\n\n"
        '[r]: https://example.com\n\n```json\n{"k": "${1}"}\n```\n',
        heading=3,
    )
    assert "\n" not in made
    assert "title" not in made
    assert "<h3>Card</h3>" in made
    assert "<h4>Scores</h4>" in made
    assert "<table>" in made
    assert "<img" not in made
    assert "<a" not in made
    assert "![p](https://example.com/p.png) [l](javascript:0)" in made
    assert not set("${}") & set(made)  # Gradio's own templates
    assert "&#36;&#123;1&#125;" in made


NOTE = "<i>!</i>"


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("So 3 + 4 = 7, then.", 12, "<p>So 3 + 4 = 7<i>!</i>, then.</p>"),
        ("So $3+4=7$ it is.", 9, "<p>So \u2063(3+4=7\u2063)<i>!</i> it is.</p>"),
        ("So $a=b=c$ it is.", 7, "<p>So \u2063(a=b=c\u2063)<i>!</i> it is.</p>"),
        (r"So \[x=1\] it is.", 8, "<p>So \u2063[x=1\u2063]<i>!</i> it is.</p>"),
        ("**3=3** <b>", 5, "<p><strong>3=3<i>!</i></strong> &lt;b&gt;</p>"),
        ("`3=3` x", 3, "<p><code>3=3</code><i>!</i> x</p>"),
        ("a\x00\ue002\ue000b 1=1", 9, "<p>ab 1=1<i>!</i></p>"),
        ("1=1", 99, "<p>1=1<i>!</i></p>"),
    ],
)
def test_a_note_stands_behind_its_place_and_never_in_a_formula(text: str, place: int, shown: str) -> None:
    assert markup.blocks(text, notes=[(place, NOTE)]) == shown


def test_equal_notes_in_one_place_are_one_and_text_can_forge_none() -> None:
    notes = [(4, NOTE), (6, "<b>?</b>"), (6, NOTE)]
    assert markup.blocks("$a=b=c$ \ue0021\ue003", notes=notes) == (
        "<p>\u2063(a=b=c\u2063)<i>!</i><b>?</b> 1</p>"
    )


@settings(max_examples=60, deadline=None)
@given(st.text(), st.lists(st.integers(0, 60), max_size=4))
def test_notes_change_no_text(text: str, places: list[int]) -> None:
    shown = markup.blocks(text, notes=[(place, NOTE) for place in sorted(places)])
    assert Tags(shown).tags <= SAFE | {"i"}
    assert "\ue002" not in shown
