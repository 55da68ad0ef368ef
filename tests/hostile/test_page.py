"""All of it on one page, in Chromium: nothing runs, nothing is fetched, nothing is said to the console."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import gradio as gr
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.hostile.inputs import TEXTS
from tests.hostile.test_rendering import shown
from tests.ui.browser import GRADIO_LOOPS, browser, context
from ui.app import build_app, serve
from ui.page import markup

__all__ = ["browser", "context"]

pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]

MOST = 3000  # characters of an input: a page of longer ones takes minutes to lay out
END = "This is the end."
ALIVE = "script, img, a, iframe, object, embed, form, input, style, link, meta, base, video, audio, textarea"


class Hostile:
    """Every input at every place, as the views show them."""

    name = "Hostile"
    path = ""
    tagline = "All of it."
    wide = True

    def build(self, blocks: gr.Blocks) -> None:
        """One Markdown of blocks, with the settings of the chat's."""
        del blocks
        short = [given.text for given in TEXTS if len(given.text) < MOST]
        made = [one for text in short for one in islice(shown(text), 0, 4, 3)]  # a thought, a look-up
        value = "\n\n".join([*made, f'<p class="rd-footer">{END}</p>'])
        gr.Markdown(value, elem_id="rd-hostile", latex_delimiters=markup.DELIMITERS, sanitize_html=True)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The page, served."""
    app = build_app([Hostile()])
    yield serve(app, port=0)
    app.close(verbose=False)


def test_nothing_runs(context: BrowserContext, url: str) -> None:
    """What pops up, fails or reaches outside fails in the fixture."""
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.goto(url)
    text = page.locator("#rd-hostile")
    expect(text.get_by_text(END)).to_be_visible()
    expect(text.locator(".katex").first).to_be_attached()
    expect(text.locator(ALIVE)).to_have_count(0)
    handlers = "all => all.flatMap(one => one.getAttributeNames()).filter(name => name.startsWith('on'))"
    assert text.locator("*").evaluate_all(handlers) == []
    assert page.title() == "RaDeR Studio"
    assert [line for line in said if line.startswith("error")] == []
    assert not any("hello" in line for line in said)  # what \message says
    page.close()
