"""All views in a browser that reaches nothing but the app: loaded, looked at by axe, behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.browser import GRADIO_LOOPS, findings
from tests.ui.command import Rader
from tests.ui.proxy import stripping
from ui.app import build_app, serve, views
from ui.assemble import Studio
from ui.page.frame import View
from ui.serving.access import Access
from ui.serving.users import Users
from ui.settings import Settings
from ui.solve.queue import Queue

pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]


@pytest.fixture(scope="module")
def everything(rader: Rader, tiny_encoder_path: Path) -> Iterator[list[View]]:
    """All views over a home with a small index and a scripted model."""
    with ScriptedServer(scripts.solve) as server:
        settings = Settings(home=rader.home, encoder=str(tiny_encoder_path), llm_url=server.url)
        yield views(Studio(settings), Queue(1))


@pytest.fixture(scope="module")
def url(everything: list[View]) -> Iterator[str]:
    """The app, served."""
    app = build_app(everything)
    yield serve(app, port=0)
    app.close(verbose=False)


def is_there(page: Page, view: View) -> None:
    """The view is laid out and has settled."""
    expect(page.get_by_role("heading", level=1)).to_have_text(view.name)
    page.wait_for_timeout(1000)  # what is filled on loading; a connection stays open, so it is never idle


def test_every_view_has_an_address_and_links_to_the_others(
    context: BrowserContext, url: str, everything: list[View]
) -> None:
    page = context.new_page()
    page.goto(url)
    for view in everything:
        page.get_by_role("navigation").get_by_role("link", name=view.name, exact=True).click()
        is_there(page, view)
        assert page.url.rstrip("/") == f"{url}{view.path}".rstrip("/")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    context: BrowserContext, url: str, everything: list[View], scheme: Any
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    found = {}
    for view in everything:
        page.goto(f"{url}{view.path}")
        is_there(page, view)
        for summary in page.locator("button.label-wrap:visible").all():
            summary.click()
        page.wait_for_timeout(500)  # what is unfolded moves
        found[view.name] = findings(page)
    page.close()
    assert found == {view.name: [] for view in everything}


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("username").fill("ann")
    page.get_by_label("password").fill(password)
    page.get_by_role("button", name="Login").click()


def test_signing_in_behind_a_proxy_that_takes_off_a_prefix(browser: Browser, everything: list[View]) -> None:
    app = build_app(everything)
    upstream = serve(app, port=0, access=Access(Users({"ann": "one"}), root_path="/rader"))
    with stripping("/rader", upstream) as url:
        page = browser.new_context().new_page()
        page.goto(f"{url}{everything[-1].path}")
        sign_in(page, "two")
        expect(page.get_by_text("Incorrect")).to_be_visible()
        assert findings(page) == []
        sign_in(page, "one")
        is_there(page, everything[-1])
        for view in everything:
            page.get_by_role("navigation").get_by_role("link", name=view.name, exact=True).click()
            is_there(page, view)
            assert page.url.startswith(url)
        page.goto(url)
        page.get_by_label("Your question").fill("What is $a+b$?")
        page.get_by_label("Your question").press("Enter")
        expect(page.locator(".rd-result")).to_be_visible()
        page.context.close()
    app.close(verbose=False)
