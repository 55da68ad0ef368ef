"""Headless Chromium for the tests of the page, the network blocked but for the page's own server.

A test file of a view says ``pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]`` and asks for ``context``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 60_000  # a busy machine is no defect
# gradio.utils.safe_get_lock opens an event loop for each lock outside of a loop, and never closes it
GRADIO_LOOPS = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    path = Path(os.environ.get("RADER_CHROMIUM", "/usr/bin/chromium"))
    if not path.exists():
        pytest.skip(f"no Chromium at {path}: install it, or name it in RADER_CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(path), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile that reaches nothing but loopback; no page may try to, pop up or fail."""
    outside: list[str] = []
    alarms: list[str] = []

    def refuse(route: Route) -> None:
        outside.append(route.request.url)
        route.abort()

    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(TIMEOUT_MS)
    context.route(re.compile(r"^(?!(?:http|ws)://127\.0\.0\.1[:/])"), refuse)
    context.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    context.on("weberror", lambda error: alarms.append(str(error.error)))
    yield context
    context.close()
    assert outside == []
    assert alarms == []


def findings(page: Page) -> list[tuple[str, str, list[Any]]]:
    """What axe calls serious or critical: rule, help, where."""
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], one["help"], [node["target"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
