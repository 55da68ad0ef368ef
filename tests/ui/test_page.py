"""The page in headless Chromium, the network blocked but for the page's own server."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from agent.state import AgentConfig
from retriever.errors import BadInputError
from tests.scripted import Script, ScriptedServer
from tests.ui import scripts
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.conftest import HOSTILE, SolverFor
from ui.app import build_app, launch, serve
from ui.solve.layout import EXAMPLES
from ui.solve.view import Solve

ATTACK = (
    "Let $x=1$. <script>alert(1)</script> <img src=x onerror=alert(2)> [a](javascript:alert(3))"
    r" $\href{javascript:alert(4)}{y}$"
)
LONG = "word " * 600
browser_test = pytest.mark.browser

pytestmark = GRADIO_LOOPS


class Site:
    """A page of the app, and the scripted server behind it."""

    def __init__(self, server: ScriptedServer, page: Page) -> None:
        self.server, self.page = server, page
        self.box = page.locator("#rd-question textarea")
        server.break_after = None
        server.dropped.clear()
        self.says(scripts.solve)

    def says(self, script: Script, delay: float = 0.0) -> None:
        """What the model answers from now on."""
        self.server.script, self.server.delay = script, delay

    def ask(self, text: str) -> None:
        """Type a question and press Enter."""
        self.box.fill(text)
        self.box.press("Enter")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """The model's server, one for all tests of this file."""
    with ScriptedServer(scripts.solve) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def url(server: ScriptedServer, solver_for: SolverFor) -> Iterator[str]:
    """The app, served."""
    app = build_app([Solve(solver_for(server), AgentConfig(), "Model: <b>scripted</b>")])
    yield serve(app, port=0)
    app.close(verbose=False)


@pytest.fixture
def site(context: BrowserContext, url: str, server: ScriptedServer) -> Iterator[Site]:
    """A fresh page: a visitor of its own."""
    page = context.new_page()
    page.goto(url)
    page.locator("#rd-question textarea").wait_for()
    yield Site(server, page)
    page.close()


@browser_test
def test_a_problem_is_solved_in_sight(site: Site) -> None:
    page = site.page
    expect(page.get_by_role("heading", name="What shall we solve?")).to_be_visible()
    site.says(scripts.solve, delay=0.08)
    site.ask(ATTACK)
    expect(page.locator("#rd-live")).to_contain_text("The sum is")
    first = page.locator("#rd-live").inner_text()
    expect(page.locator("#rd-status [role=status]")).to_have_text("Thinking")
    expect(page.locator("#rd-transcript")).to_contain_text("it costs $5 and $7.")
    expect(page.locator("#rd-transcript")).to_contain_text("whatever they are.")
    assert "whatever" not in first  # it grew before our eyes

    expect(page.locator(".rd-result .katex .boxpad")).to_have_text("42")
    expect(page.locator(".rd-thought .katex").first).to_be_visible()
    expect(page.locator(".rd-query")).to_have_text(scripts.QUERY)
    relevant = page.locator("details.rd-relevant")
    expect(relevant.locator(".rd-badge")).to_have_text("Relevant")
    expect(relevant.locator(".rd-reason")).to_have_text(scripts.REASON)
    expect(relevant.locator(".rd-scores")).to_contain_text(re.compile(r"score.*dense.*BM25"))
    expect(page.locator("details.rd-irrelevant").first).not_to_have_attribute("open", "")
    expect(page.locator(".rd-recall .katex")).to_be_visible()
    expect(page.locator(".rd-footer")).to_contain_text("1 look-up")
    expect(page.locator("#rd-question textarea")).to_have_value("")

    question = page.locator(".rd-question")
    expect(question).to_contain_text("<script>alert(1)</script> <img src=x onerror=alert(2)>")
    expect(question).to_contain_text(r"\href{javascript:alert(4)}{y}")
    expect(question.locator(".katex")).to_have_count(1)
    expect(page.locator("#rd-transcript").get_by_text(HOSTILE).first).to_be_visible()
    expect(page.locator("#rd-transcript").locator("script, img, a, iframe")).to_have_count(0)


@browser_test
def test_a_follow_up_sees_the_conversation_and_a_new_one_does_not(site: Site) -> None:
    page = site.page
    page.locator(".rd-example").first.click()
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.locator(".rd-example").first).to_be_hidden()
    site.ask("And why?")
    expect(page.locator(".rd-result")).to_have_count(2)
    sent = [message["content"] for message in site.server.requests[-1]["messages"]]
    assert EXAMPLES[0][1] in sent
    assert f"{scripts.FIRST}\n\n{scripts.LAST}" in sent
    assert "And why?" in sent

    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".rd-block")).to_have_count(0)
    expect(page.locator(".rd-example").first).to_be_visible()
    page.locator("#rd-settings button").first.click()
    page.get_by_role("radio", name="No look-up").check()
    expect(page.locator("#rd-settings")).to_contain_text("How to solve: no look-up")
    expect(page.get_by_text("Model: <b>scripted</b>")).to_be_visible()
    site.ask("Anew")
    expect(page.locator(".rd-result")).to_have_count(1)
    assert len(site.server.requests[-1]["messages"]) == 2


@browser_test
def test_stop_and_a_closed_tab_stop_the_model(site: Site) -> None:
    page = site.page
    site.says([LONG], delay=0.03)
    site.ask("Q")
    expect(page.locator("#rd-live")).to_contain_text("word word")
    site.ask("Another meanwhile")
    expect(page.locator("#rd-status")).to_contain_text("One question at a time")
    page.get_by_role("button", name="Stop", exact=True).click()
    assert site.server.dropped.wait(15)
    expect(page.locator(".rd-footer")).to_have_text("Stopped. The steps so far are kept.")
    expect(page.locator("#rd-done")).to_contain_text("word word")
    expect(page.locator("#rd-question textarea")).to_have_value("Another meanwhile")

    site.server.dropped.clear()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#rd-live")).to_contain_text("word word")
    page.close()
    assert site.server.dropped.wait(30)


@browser_test
def test_an_error_is_one_line_and_loses_nothing(site: Site) -> None:
    page = site.page
    site.ask("  ")
    expect(page.locator(".rd-notice")).to_contain_text("the problem is empty")
    site.says(["one two three four"])
    site.server.break_after = 3
    site.ask("My question")
    expect(page.locator(".rd-error")).to_be_visible()
    expect(page.locator(".rd-thought")).to_contain_text("one two three")
    expect(page.locator("#rd-question textarea")).to_have_value("My question")
    expect(page.locator(".rd-notice")).to_have_count(0)
    site.server.break_after = None
    site.says(scripts.solve)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".rd-result")).to_have_count(1)


@browser_test
def test_a_phone_needs_no_sideways_scrolling(site: Site) -> None:
    page = site.page
    page.set_viewport_size({"width": 390, "height": 800})
    site.says([rf"So \({'x+' * 200}1\) and {'y' * 300}. \boxed{{1}}"])
    site.ask("Q" * 300)
    expect(page.locator(".rd-result")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("#rd-question textarea")).to_be_in_viewport()


def test_a_busy_port_is_one_line(solver_for: SolverFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ScriptedServer([""]) as server:
        port = taken.getsockname()[1]
        app = build_app([Solve(solver_for(server), AgentConfig())])
        with pytest.raises(BadInputError) as caught:
            launch(app, port=port)
    assert str(caught.value) == (f"port {port} is in use. Stop the other program, or add: --port {port + 1}")


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 99999), ("203.0.113.1", 7860), ("no.such.host.", 1)]
)
def test_an_impossible_address_is_one_line(solver_for: SolverFor, host: str, port: int) -> None:
    with ScriptedServer([""]) as server:
        app = build_app([Solve(solver_for(server), AgentConfig())])
        with pytest.raises(BadInputError):
            serve(app, host=host, port=port)


def test_launch_tells_its_address_and_ends_with_the_process(solver_for: SolverFor) -> None:
    told: list[str] = []

    def ready(url: str) -> None:
        told.append(url)
        raise KeyboardInterrupt

    with ScriptedServer([""]) as server:
        app = build_app([Solve(solver_for(server), AgentConfig())])
        with pytest.raises(KeyboardInterrupt):
            launch(app, port=0, on_ready=ready)
    assert told[0].startswith("http://127.0.0.1:")
    assert not app.is_running
