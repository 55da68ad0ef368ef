"""Compare in headless Chromium, over a real index and a scripted model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from agent.state import AgentConfig
from retriever.errors import IndexMissingError
from retriever.search import MODES, Mode, Retriever
from tests.scripted import ScriptedServer
from tests.ui.browser import GRADIO_LOOPS, findings
from tests.ui.conftest import HOSTILE, SolverFor
from ui.app import build_app, serve
from ui.compare.examples import examples
from ui.compare.layout import HINT
from ui.compare.view import THERE_ALREADY, Compare
from ui.solve.conversations import Conversations
from ui.solve.view import Solve

pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]

PROBLEM = r"How large can \(ab\) be?"
STEPS = "Step 1: The inequality of means bounds the product.\n\nStep 2: Take a theorem on roots: $x^2 = 1$."
WRITTEN = "First the inequality.\n\nThen the roots. \\boxed{2}"


class Retrievers:
    """One retriever for all modes, each ``slower`` than the last; those in ``broken`` have no index."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self.broken: set[Mode] = set()
        self.slower = 0.0  # seconds

    def __call__(self, mode: Mode) -> Retriever:
        time.sleep(self.slower * MODES.index(mode))
        if mode in self.broken:
            raise IndexMissingError(f"no index for {mode}", "Run: rader index")
        return self.retriever


class Site:
    """The view, as one visitor sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problem = page.get_by_label("Problem", exact=True)
        self.steps = page.get_by_label("Steps", exact=True)
        self.status = page.locator("#rd-compared")
        self.table = page.locator("#rd-chart table")

    def compare(self) -> None:
        self.page.get_by_role("button", name="Compare", exact=True).click()

    def column(self, step: int, mode: Mode) -> Locator:
        """What a retriever found for the step of that place, counted from 0."""
        column = self.page.locator("#rd-results .rd-step").nth(step).locator(".rd-col")
        return column.filter(has=self.page.get_by_role("heading", name=mode))

    def name_gold(self, name: str) -> None:
        box = self.page.get_by_label("Known to help (gold)")
        box.fill(name)
        box.press("Enter")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """The model's server."""
    with ScriptedServer([WRITTEN]) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def retrievers(retriever: Retriever) -> Retrievers:
    """What searches."""
    return Retrievers(retriever)


@pytest.fixture(scope="module")
def url(
    server: ScriptedServer,
    solver_for: SolverFor,
    retrievers: Retrievers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of the view, in an app with another one before it."""
    solver = solver_for(server)
    kept = Conversations(tmp_path_factory.mktemp("compare") / "conversations.sqlite")
    compare = Compare(retrievers, partial(solver, AgentConfig()))
    app = build_app([Solve(solver, kept, AgentConfig()), compare])
    yield f"{serve(app, port=0)}compare"
    app.close(verbose=False)


@pytest.fixture
def site(context: BrowserContext, url: str, server: ScriptedServer, retrievers: Retrievers) -> Iterator[Site]:
    """A fresh visit."""
    server.script, server.delay, server.break_after = [WRITTEN], 0.0, None
    server.dropped.clear()
    retrievers.broken.clear()
    retrievers.slower = 0.0
    yield from visit(context, url)


def visit(context: BrowserContext, url: str) -> Iterator[Site]:
    page = context.new_page()
    with page.expect_request("**/queue/join?*"):  # the page's own question: what its address asks for
        page.goto(url)
    page.locator("#rd-compare").wait_for()
    yield Site(page)
    page.close()


def settled(page: Page, selector: str) -> str:
    """A part's text once it has not changed for two seconds: columns are shown as they come."""
    text, since = "", 0
    while since < 10:
        page.wait_for_timeout(200)
        now = page.locator(selector).inner_text()
        text, since = now, since + 1 if now == text else 0
    return text


def test_steps_are_compared_and_a_reload_gives_the_same_again(site: Site) -> None:
    page = site.page
    expect(page.get_by_text(HINT)).to_be_visible()
    site.problem.fill(PROBLEM)
    site.steps.fill(STEPS)
    site.compare()
    expect(site.status).to_have_text("3 queries, 4 retrievers.")
    expect(page.get_by_text(HINT)).to_be_hidden()
    expect(page.locator(".rd-step h2")).to_have_text(["Problem", "Step 1", "Step 2"])
    expect(page.locator(".rd-step > .rd-text .katex")).to_have_count(2)
    expect(page.locator("#rd-chart")).to_contain_text("Name a passage")
    expect(site.column(1, "bm25").locator(".rd-title").first).to_have_text("AM-GM inequality")
    expect(site.column(1, "rader")).to_contain_text("no retriever has been promoted yet")

    site.name_gold("am-gm Inequality")
    expect(site.table).to_be_visible()
    expect(site.table.locator("tbody tr").nth(1).locator("td").first).to_have_text("1")
    expect(page.get_by_role("img", name="Rank of the gold passage by step")).to_be_visible()
    expect(site.column(1, "bm25").locator("h3")).to_contain_text("gold at 1")
    expect(site.column(1, "bm25").locator("li").first.locator(".rd-badge").first).to_have_text("gold")

    page.get_by_label("base: the untrained encoder").uncheck()
    page.get_by_label("rader: the trained encoder").uncheck()
    expect(site.status).to_have_text("3 queries, 2 retrievers.")
    page.get_by_label("the step alone").check()
    page.wait_for_url("**query=step*")
    site.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the link to this comparison").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url

    seen, table = settled(page, "#rd-results"), settled(page, "#rd-chart table")
    page.reload()
    expect(site.status).to_have_text("3 queries, 2 retrievers.")
    expect(site.problem).to_have_value(PROBLEM)
    expect(site.steps).to_have_value(STEPS)
    assert settled(page, "#rd-results") == seen
    assert settled(page, "#rd-chart table") == table


def test_every_wish_is_one_question_to_the_server(site: Site, retrievers: Retrievers) -> None:
    page = site.page
    retrievers.slower = 0.3  # so that every column comes by itself
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "queue/join" in request.url else None)
    site.problem.fill(PROBLEM)
    site.compare()
    expect(site.status).to_have_text("1 query, 4 retrievers.")
    site.name_gold("am-gm Inequality")
    expect(site.table).to_be_visible()
    page.get_by_label("the step alone").check()
    page.wait_for_url("**query=step*")
    settled(page, "#rd-results")
    assert len(asked) == 4, "three wishes, and the title's id in the box, which Gradio reports as a change"


def test_a_script_in_a_theorem_or_a_step_is_text(site: Site) -> None:
    page = site.page
    site.problem.fill(f"Find the {HOSTILE}")
    site.name_gold("hostile")
    site.compare()
    expect(site.status).to_have_text("1 query, 4 retrievers.")
    card = site.column(0, "bm25").locator("details").filter(has_text="gold")
    card.locator("summary").click()
    expect(card).to_contain_text("<img src=x onerror=alert(3)>")
    results = page.locator("#rd-results, #rd-chart, #rd-compared")
    expect(results.get_by_text(HOSTILE).first).to_be_visible()
    expect(results.locator("script, img, a, iframe")).to_have_count(0)


def test_an_example_fills_the_form_and_is_compared(site: Site) -> None:
    first, last = examples()[0], examples()[-1]
    for one in (first, last):
        if one is last:
            site.page.get_by_role("button", name="Ready examples").click()
        site.page.get_by_role("button", name=one.shows).click()
        expect(site.problem).to_have_value(one.problem)
        expect(site.steps).to_have_value("\n\n".join(one.steps))
        expect(site.status).to_have_text("4 queries, 4 retrievers.")
        # The tiny library of the tests does not hold its theorem.
        expect(site.page.locator("#rd-chart")).to_contain_text(f"No passage is called “{one.gold[0]}”")


def test_a_link_names_an_example_and_changes_it(context: BrowserContext, url: str, site: Site) -> None:
    for other in visit(context, f"{url}?example=dice&columns=bm25,hybrid&gold=vieta"):
        expect(other.status).to_have_text("4 queries, 2 retrievers.")
        expect(other.problem).to_have_value(examples()[-1].problem)
        expect(other.table.locator("thead")).to_contain_text("hybrid")
    for other in visit(context, f"{url}?example=none"):
        expect(other.status).to_contain_text("no example is called 'none'. There are: river")
        assert other.page.url.endswith("?example=none")
    for other in visit(context, f"{url}?problem=p&columns=tfidf"):
        expect(other.status).to_contain_text(
            "columns cannot be 'tfidf'. Choose from bm25, base, rader, hybrid"
        )


def test_errors_stand_where_they_happened_and_lose_nothing(site: Site, retrievers: Retrievers) -> None:
    page = site.page
    site.compare()
    expect(site.status).to_have_text(
        "there is nothing to search for. Paste a problem or steps, or try an example"
    )
    retrievers.broken.add("base")
    site.problem.fill("The product of the roots?")
    site.name_gold("roots of it")
    site.compare()
    expect(site.status).to_have_text("1 query, 4 retrievers; base could not search.")
    expect(site.column(0, "base")).to_contain_text("no index for base. Run: rader index")
    expect(site.column(0, "hybrid").locator("li").first).to_be_visible()
    unknown = page.locator("#rd-chart [role=alert]")
    expect(unknown).to_have_text("No passage is called “roots of it”. Did you mean: Vieta (vieta)?")
    page.get_by_label("Known to help (gold)").press("Backspace")
    site.name_gold("vieta")
    expect(unknown).to_have_count(0)
    expect(site.table).to_be_visible()
    retrievers.broken.clear()
    site.compare()
    expect(site.status).to_have_text("1 query, 4 retrievers.")


def test_the_model_writes_the_steps_and_they_are_compared(site: Site, server: ScriptedServer) -> None:
    write = site.page.get_by_role("button", name="Let the model write them")
    write.click()
    expect(site.page.locator("#rd-written")).to_contain_text("the problem is empty")
    site.problem.fill(PROBLEM)
    write.click()
    expect(site.steps).to_have_value(WRITTEN)
    expect(site.page.locator(".rd-step h2")).to_have_text(["Problem", "Step 1", "Step 2"])
    expect(site.page.locator("#rd-written")).to_have_text("")
    assert server.requests[-1]["messages"][-1]["content"] == PROBLEM
    write.click()
    expect(site.page.locator("#rd-written")).to_have_text(THERE_ALREADY)


def test_a_model_that_fails_in_mid_stream_leaves_what_it_wrote(site: Site, server: ScriptedServer) -> None:
    server.break_after = 3
    site.problem.fill(PROBLEM)
    site.page.get_by_role("button", name="Let the model write them").click()
    expect(site.page.locator("#rd-written [role=alert]")).to_contain_text("What was written is kept")
    expect(site.steps).to_have_value("First the inequality.\n\nThen")
    expect(site.steps).to_be_editable()
    expect(site.page.locator(".rd-step")).to_have_count(0)
    site.compare()
    expect(site.status).to_have_text("3 queries, 4 retrievers.")


def test_stop_and_a_closed_tab_stop_the_model(site: Site, server: ScriptedServer) -> None:
    server.script, server.delay = ["word " * 600], 0.03
    write = site.page.get_by_role("button", name="Let the model write them")
    stop = site.page.get_by_role("button", name="Stop", exact=True)
    site.problem.fill(PROBLEM)
    write.click()
    expect(stop).to_be_enabled()
    site.page.wait_for_function("document.querySelector('#rd-steps textarea').value.startsWith('word word')")
    stop.click()
    assert server.dropped.wait(15)
    expect(stop).to_be_disabled()
    expect(site.steps).to_be_editable()
    assert site.steps.input_value().startswith("word word")
    expect(site.page.locator(".rd-step")).to_have_count(0)

    server.dropped.clear()
    site.steps.fill("")
    write.click()
    site.page.wait_for_function("document.querySelector('#rd-steps textarea').value.startsWith('word word')")
    site.page.close()
    assert server.dropped.wait(30)


def test_two_visitors_do_not_meet(site: Site, browser: Browser, url: str) -> None:
    other_context = browser.new_context()
    for other in visit(other_context, url):
        site.problem.fill("The inequality?")
        other.problem.fill("The roots?")
        site.compare()
        other.compare()
        for one, text in ((site, "The inequality?"), (other, "The roots?")):
            expect(one.status).to_have_text("1 query, 4 retrievers.")
            expect(one.page.locator(".rd-step > .rd-text")).to_have_text(text)
        other.page.get_by_label("hybrid: encoder and words").uncheck()
        expect(other.status).to_have_text("1 query, 3 retrievers.")
        expect(site.page.locator(".rd-col")).to_have_count(4)
    other_context.close()


def test_a_keyboard_is_enough(site: Site) -> None:
    page = site.page
    site.problem.focus()
    page.keyboard.type("The product of the roots")
    page.keyboard.press("Shift+Enter")
    expect(site.status).to_have_text("1 query, 4 retrievers.")
    first = page.locator("#rd-results summary").first
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rd-results details").first).to_have_attribute("open", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, scheme: Any, retrievers: Retrievers) -> None:
    page = site.page
    page.emulate_media(color_scheme=scheme)
    retrievers.broken.add("base")
    site.problem.fill(PROBLEM)
    site.steps.fill(STEPS)
    site.name_gold("vieta")
    site.name_gold("nobody knows it")
    site.compare()
    expect(site.status).to_contain_text("base could not search")
    expect(site.table).to_be_visible()
    page.locator("#rd-results summary").first.click()
    page.wait_for_timeout(500)  # what is unfolded moves
    assert findings(page) == []


def test_a_phone_needs_no_sideways_scrolling_of_the_page(site: Site) -> None:
    page = site.page
    page.set_viewport_size({"width": 390, "height": 800})
    site.problem.fill(rf"So \({'x+' * 200}1\) and {'y' * 300}.")
    site.name_gold("vieta")
    site.compare()
    expect(site.status).to_have_text("1 query, 4 retrievers.")
    expect(site.table).to_be_visible()
    settled(page, "#rd-results")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert (site.column(0, "bm25").bounding_box() or {})["width"] > 260
