"""Solve in headless Chromium, the network blocked but for the page's own server."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from agent.state import AgentConfig
from tests.scripted import Script, ScriptedServer
from tests.ui import scripts
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.conftest import HOSTILE, SolverFor
from ui.app import build_app, serve
from ui.solve.choices import Offer
from ui.solve.conversations import Conversations
from ui.solve.layout import EXAMPLES
from ui.solve.view import Solve

ATTACK = (
    "Let $x=1$. <script>alert(1)</script> <img src=x onerror=alert(2)> [a](javascript:alert(3))"
    r" $\href{javascript:alert(4)}{y}$"
)
LONG = "word " * 600
pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]


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
def url(
    server: ScriptedServer, solver_for: SolverFor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app, served; a run goes on for ten seconds while no page shows it."""
    kept = Conversations(tmp_path_factory.mktemp("solve") / "conversations.sqlite")
    offer = Offer(models=("scripted", "<b>other</b>"), sources=("", "elsewhere"))
    view = Solve(
        solver_for(server),
        kept,
        AgentConfig(),
        offer=lambda: offer,
        about="Model: <b>scripted</b>",
        grace=10.0,
    )
    app = build_app([view])
    yield serve(app, port=0)
    app.close(verbose=False)


@pytest.fixture
def site(context: BrowserContext, url: str, server: ScriptedServer) -> Iterator[Site]:
    """A fresh tab with a new conversation."""
    page = context.new_page()
    page.goto(url)
    page.locator("#rd-question textarea").wait_for()
    yield Site(server, page)
    page.close()


def another_tab(site: Site, url: str) -> Page:
    """The same browser, once more."""
    page = site.page.context.new_page()
    page.goto(url)
    page.locator("#rd-question textarea").wait_for()
    return page


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
    page.get_by_role("radio", name="No look-up: solves").check()
    expect(page.locator("#rd-settings")).to_contain_text("How to solve: no look-up")
    expect(page.get_by_text("Model: <b>scripted</b>")).to_be_visible()
    site.ask("Anew")
    expect(page.locator(".rd-result")).to_have_count(1)
    assert len(site.server.requests[-1]["messages"]) == 2


def test_nothing_can_be_chosen_before_the_page_knows_who_asks(site: Site) -> None:
    page = site.page
    held: list[Route] = []
    page.route("**/queue/join?*", lambda route: held.append(route))  # noqa: PLW0108
    page.reload()
    page.locator("#rd-settings button").first.click()
    expect(page.get_by_role("radio", name="No look-up: solves")).to_be_disabled()
    expect(page.get_by_label("Retriever", exact=True)).to_be_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/queue/join?*")
    page.get_by_role("radio", name="No look-up: solves").check()
    expect(page.locator("#rd-settings")).to_contain_text("How to solve: no look-up")


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
    assert site.server.dropped.wait(60)


def test_an_error_is_one_line_with_the_next_step(site: Site) -> None:
    page = site.page
    site.ask("  ")
    expect(page.locator(".rd-notice")).to_contain_text("the problem is empty")
    site.says(["one two three four"])
    site.server.break_after = 3
    site.ask("My question")
    expect(page.locator(".rd-error")).to_be_visible()
    expect(page.locator(".rd-thought")).to_contain_text("one two three")
    expect(page.locator(".rd-notice")).to_have_count(0)
    site.server.break_after = None
    site.says(scripts.solve)
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.locator(".rd-error")).to_have_count(0)
    expect(page.get_by_role("button", name="Go on", exact=True)).to_be_hidden()


def test_a_reload_in_mid_answer_joins_the_run(site: Site) -> None:
    page = site.page
    site.says([LONG[:400] + r"\boxed{1}"], delay=0.05)
    page.locator("#rd-settings button").first.click()
    page.get_by_role("radio", name="No look-up: solves").check()
    site.ask("A long one")
    expect(page.locator("#rd-live")).to_contain_text("word word")
    asked = len(site.server.requests)
    page.reload()
    expect(page.locator("#rd-live")).to_contain_text("word word")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator(".rd-question")).to_have_count(1)
    assert len(site.server.requests) == asked
    page.reload()  # and what was chosen is chosen still
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.locator("#rd-settings")).to_contain_text("How to solve: no look-up")


def test_conversations_are_kept_renamed_and_deleted(site: Site, url: str) -> None:
    page = site.page
    title = f"<b>{secrets.token_hex(4)}</b>"
    site.ask(title)
    expect(page.locator(".rd-result")).to_have_count(1)
    link = page.get_by_role("link", name=title)
    expect(link).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile(r"[?]c=[0-9a-f]{32}$"))
    address = page.url

    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".rd-result")).to_have_count(0)
    expect(page).to_have_url(url)
    page.get_by_role("link", name=title).click()
    expect(page.locator(".rd-question")).to_contain_text(title)
    page.locator("#rd-tidy button").first.click()
    page.get_by_label("Title").fill("Better")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("link", name="Better")).to_be_visible()

    other = another_tab(site, address)
    expect(other.locator(".rd-result")).to_have_count(1)
    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Delete for good")).to_be_hidden()
    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator(".rd-result")).to_have_count(0)
    expect(page.get_by_role("link", name="Better")).to_have_count(0)

    other.locator("#rd-question textarea").fill("And why?")
    other.locator("#rd-question textarea").press("Enter")
    expect(other.locator(".rd-notice")).to_contain_text("there is no such conversation")
    expect(other.locator("#rd-question textarea")).to_have_value("And why?")
    other.goto(f"{url}?c=nonsense%3Cscript%3E")
    expect(other.locator(".rd-notice")).to_contain_text("begin a new one")
    other.goto(f"{url}?q=What%20is%20%24x%24%3F")
    expect(other.locator("#rd-question textarea")).to_have_value("What is $x$?")
    other.close()


def test_two_browsers_see_nothing_of_each_other(site: Site, url: str, browser: Browser) -> None:
    site.says(scripts.solve, delay=0.05)
    elsewhere = browser.new_context()
    page = elsewhere.new_page()
    page.goto(url)
    expect(page.locator("#rd-question textarea")).to_be_visible()
    mine, theirs = (f"secret {secrets.token_hex(4)}" for _ in range(2))
    site.ask(mine)
    page.locator("#rd-question textarea").fill(theirs)
    page.locator("#rd-question textarea").press("Enter")
    for each, own, others in ((site.page, mine, theirs), (page, theirs, mine)):
        expect(each.locator(".rd-result")).to_have_count(1, timeout=60_000)
        expect(each.locator("body")).to_contain_text(own)
        expect(each.locator("body")).not_to_contain_text(others)
    page.goto(site.page.url)
    expect(page.locator(".rd-notice")).to_contain_text("there is no such conversation")
    expect(page.locator("body")).not_to_contain_text(mine)
    elsewhere.close()


def test_a_step_is_changed_with_the_keyboard_alone(site: Site) -> None:
    page = site.page
    site.ask("Q")
    expect(page.locator(".rd-result")).to_have_count(1)
    fold = page.get_by_role("button", name="Change a step and go on from there")
    fold.focus()
    fold.press("Enter")
    step = page.get_by_label("Step", exact=True)
    expect(step).to_have_value(re.compile("^1. Thought: The sum"))
    text = page.get_by_label("What it shall say")
    step.focus()
    step.press("ArrowUp")  # from the first to the last
    step.press("Enter")
    expect(text).to_have_value(scripts.LAST)
    step.press("ArrowDown")
    step.press("Enter")
    expect(text).to_have_value(scripts.FIRST)
    text.fill("<img src=x> Let us square it.")
    go = page.get_by_role("button", name="Go on from here")
    go.focus()
    go.press("Enter")
    expect(page.locator(".rd-thought").first).to_contain_text("changed by you")
    expect(page.locator(".rd-thought").first).to_contain_text("<img src=x> Let us square it.")
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.locator(".rd-question")).to_have_count(1)


def test_a_search_shows_its_attempts_and_its_tree(site: Site) -> None:
    page = site.page
    site.says(scripts.solve, delay=0.02)
    page.locator("#rd-settings button").first.click()
    page.get_by_role("radio", name="Tree search: ").check()
    site.ask("Q")
    expect(page.locator("#rd-tree .rd-tree")).to_be_visible()
    expect(page.locator(".rd-fold")).to_have_count(5)  # three attempts, the best, the tree
    expect(page.get_by_text("Attempt 3 of 3", exact=True)).to_be_visible()
    expect(page.locator(".rd-result")).to_have_count(1)
    expect(page.locator("#rd-tree .rd-tree")).to_have_count(0)
    page.locator(".rd-fold > summary").filter(has_text="Search tree").click()
    expect(page.locator(".rd-fold .rd-tree .rd-vote")).to_be_visible()
    assert page.locator("#rd-transcript").locator("script, img, a, iframe").count() == 0


def test_a_phone_needs_no_sideways_scrolling(site: Site) -> None:
    page = site.page
    page.set_viewport_size({"width": 390, "height": 800})
    site.says([rf"So \({'x+' * 200}1\) and {'y' * 300}. \boxed{{1}}"])
    site.ask("Q" * 300)
    expect(page.locator(".rd-result")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("#rd-question textarea")).to_be_in_viewport()
