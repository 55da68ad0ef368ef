"""In headless Chromium: saying what helped, watching a tree grow, saving a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from agent.feedback import FeedbackLog, beside
from agent.log import TrajectoryLog
from agent.records import Trajectory
from agent.state import AgentConfig
from retriever.search import Retriever
from tests.agent.search_helpers import SearchMind, cycle
from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.conftest import HOSTILE, SolverFor
from ui.app import build_app, serve
from ui.solve.choices import Choices
from ui.solve.conversations import Conversations
from ui.solve.feedback import Feedback
from ui.solve.view import Solve

pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """The model's server."""
    with ScriptedServer(scripts.solve) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def log(server: ScriptedServer, solver_for: SolverFor) -> TrajectoryLog:
    """Where the page's runs are logged."""
    log = solver_for(server)(Choices()).log
    assert log is not None
    return log


@pytest.fixture(scope="module")
def url(
    server: ScriptedServer,
    solver_for: SolverFor,
    log: TrajectoryLog,
    retriever: Retriever,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The app, served."""
    kept = Conversations(tmp_path_factory.mktemp("teaching") / "conversations.sqlite")
    feedback = Feedback(log, lambda: retriever)
    app = build_app([Solve(solver_for(server), kept, AgentConfig(), feedback=feedback)])
    yield serve(app, port=0)
    app.close(verbose=False)


@pytest.fixture
def page(context: BrowserContext, url: str, server: ScriptedServer) -> Iterator[Page]:
    """A fresh tab with a new conversation."""
    server.script, server.delay = scripts.solve, 0.0
    page = context.new_page()
    page.goto(url)
    page.locator("#rd-question textarea").wait_for()
    yield page
    page.close()


def ask(page: Page, text: str, results: int = 1) -> None:
    """Ask, and wait for the answer to be over."""
    page.locator("#rd-question textarea").fill(text)
    page.locator("#rd-question textarea").press("Enter")
    expect(page.locator(".rd-result")).to_have_count(results)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def newest(log: TrajectoryLog) -> Trajectory:
    return list(log.read())[-1]


def test_what_helped_is_said_by_keyboard_and_kept(page: Page, log: TrajectoryLog) -> None:
    ask(page, "What is $a+b$?")
    right = page.get_by_role("button", name="Right", exact=True)
    expect(right).to_have_attribute("aria-pressed", "false")
    right.focus()
    page.keyboard.press("Enter")
    expect(right).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#rd-thanks [role=status]")).to_have_text("Noted.")
    page.get_by_role("button", name="Wrong", exact=True).click()
    expect(right).to_have_attribute("aria-pressed", "false")
    card = page.locator("details.rd-irrelevant summary").filter(has_text="theorem")
    card.click()
    unhelpful = page.get_by_role("button", name=f"Did not help ({HOSTILE})")
    unhelpful.click()
    expect(unhelpful).to_have_attribute("aria-pressed", "true")
    assert newest(log).feedback == {"answer": "down", "hit:hostile": "down"}

    page.reload()
    card.click()
    expect(unhelpful).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Wrong", exact=True).click()
    expect(page.locator("#rd-thanks [role=status]")).to_have_text("Taken back.")
    expect(page.get_by_role("button", name="Wrong", exact=True)).to_have_attribute("aria-pressed", "false")
    assert newest(log).feedback == {"hit:hostile": "down"}


def test_the_right_theorem_is_searched_for(page: Page, log: TrajectoryLog) -> None:
    ask(page, "What is $a+b$?")
    opener = page.get_by_role("button", name="The right one is")
    opener.click()
    search = page.get_by_label("Search the library")
    expect(search).to_be_focused()
    expect(search).to_have_value(scripts.QUERY)
    page.get_by_role("button", name="This is the right one").click()
    expect(page.locator("#rd-teach [role=alert]")).to_contain_text("nothing is chosen")
    search.fill(" ")
    search.press("Enter")
    expect(page.locator("#rd-teach [role=alert]")).to_contain_text("empty")
    search.fill("product of the roots of a polynomial")
    search.press("Enter")
    expect(page.locator("#rd-teach [role=alert]")).to_have_count(0)
    page.get_by_role("radio", name="Vieta").check()
    page.get_by_role("button", name="This is the right one").click()
    expect(page.locator(".rd-said")).to_have_text("The right one: Vieta")
    expect(page.locator("#rd-teach")).to_be_hidden()
    expect(opener).to_be_focused()
    assert newest(log).feedback == {"right:2": "vieta"}


def test_a_forged_button_and_a_stranger_are_refused(
    page: Page, url: str, browser: Browser, log: TrajectoryLog
) -> None:
    ask(page, "What is $a+b$?")
    before = FeedbackLog(beside(log.path)).read()
    forge = "([button, name]) => { button.name = name; button.click(); }"
    right = page.get_by_role("button", name="Right", exact=True).element_handle()
    run = newest(log).id
    for name in (f"{run} hit:vieta-and-more", "another answer", f"{run} training", ""):
        page.evaluate(forge, [right, name])
        expect(page.locator(".rd-notice")).to_contain_text("nothing like that")
    stranger = browser.new_context()
    other = stranger.new_page()
    other.goto(url)
    ask(other, "Mine")
    mine = other.get_by_role("button", name="Right", exact=True).element_handle()
    other.evaluate(forge, [mine, f"{run} answer"])
    expect(other.locator(".rd-notice")).to_contain_text("nothing like that")
    stranger.close()
    assert FeedbackLog(beside(log.path)).read() == before


def test_a_tree_grows_in_sight_and_stays_folded(page: Page, server: ScriptedServer) -> None:
    server.script, server.delay = SearchMind(complete=cycle("5", "6")), 0.02
    page.locator("#rd-settings button").first.click()
    page.get_by_role("radio", name="Tree search").check()
    page.locator("#rd-settings button").first.click()
    page.locator("#rd-question textarea").fill("How large is $x$?")
    page.locator("#rd-question textarea").press("Enter")
    tree = page.locator("#rd-tree .rd-tree")
    expect(tree).to_contain_text("Answer 1")
    expect(tree).to_contain_text("1 of 3 rollouts")
    expect(page.locator("#rd-status")).to_contain_text("of 3")
    expect(page.locator(".rd-result .boxpad")).to_have_text("5")
    expect(tree).to_have_count(0)
    fold = page.locator(".rd-fold > summary").filter(has_text="Search tree")
    fold.focus()
    page.keyboard.press("Enter")
    finished = page.locator("#rd-done .rd-tree")
    expect(finished.locator(".rd-wins")).to_contain_text("2 of 3")
    expect(finished).to_contain_text("All rollouts were made.")
    expect(finished.locator(".rd-chosen").first).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size({"width": 1280, "height": 860})


def test_a_conversation_is_saved_in_three_formats(page: Page, log: TrajectoryLog) -> None:
    ask(page, "What is $a+b$? <script>alert(1)</script>")
    ask(page, "And why?", results=2)
    page.locator("#rd-tidy button").first.click()
    saved: dict[str, str] = {}
    for label in ("Markdown", "LaTeX", "JSON", "Markdown"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save as {label}").click()
        path = Path(download.value.path())
        saved[download.value.suggested_filename] = path.read_text(encoding="utf-8")
    markdown, latex, lines = (
        saved[f"what-is-a-b-script-alert-1-script.{end}"] for end in ("md", "tex", "jsonl")
    )
    assert "What is $a+b$? &lt;script>" in markdown
    assert markdown.count("# Question") == 2
    assert r"So $x^{2} = 16$ and the answer is $\boxed{42}$." in latex
    logged = [json.loads(one.to_json()) for one in list(log.read())[-2:]]
    assert [json.loads(line) for line in lines.splitlines()] == logged
