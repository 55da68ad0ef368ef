"""Trajectories in headless Chromium: browsed, judged, exported; a collection started and found again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from agent.feedback import FeedbackLog
from agent.log import TrajectoryLog
from agent.state import AgentConfig
from retriever.search import Retriever
from tests.scripted import ScriptedServer
from tests.training.samples import step, write
from tests.ui.browser import GRADIO_LOOPS, TIMEOUT_MS, findings
from tests.ui.conftest import HOSTILE as HOSTILE_THEOREM
from tests.ui.conftest import SolverFor
from tests.ui.trajectories.samples import FOUND, HOSTILE, run, search
from ui.app import build_app, serve
from ui.jobs import Jobs
from ui.settings import environment, load_settings
from ui.solve.conversations import Conversations
from ui.solve.view import Solve
from ui.trajectories.desk import GONE
from ui.trajectories.view import Trajectories

pytestmark = [pytest.mark.browser, *GRADIO_LOOPS]

HARD = "collections/hard"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with logs of its own and of a collection."""
    home = tmp_path_factory.mktemp("trajectories") / "home"
    found = FOUND.model_copy(update={"id": "hostile", "title": HOSTILE_THEOREM, "reason": HOSTILE})
    steps = [step(1, "query", HOSTILE), step(2, "retrieve", "", found), step(3, "reflect", "", found)]
    hostile = run(90, problem=HOSTILE, answer=HOSTILE, gold=HOSTILE, steps=tuple(steps), strategy="<b>x</b>")
    write(home, [*(run(number, strategy="rag" if number % 2 else "steps") for number in range(60)), hostile])
    write(home / HARD, [search(problem="A tree of $y^2$", created="2026-12-01T00:00:00"), run(91)])
    return home


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """The model that collections ask."""
    with ScriptedServer(["word " * 30 + "\\boxed{1}"]) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def url(folder: Path, server: ScriptedServer, solver_for: SolverFor, retriever: Retriever) -> Iterator[str]:
    """The view's address."""
    jobs = Jobs(folder, environment(load_settings(home=folder, llm_url=server.url, slots=1)))
    view = Trajectories(folder, lambda ids: {each.id: each for each in retriever.index.get(ids)}, jobs)
    first = Solve(solver_for(server), Conversations(folder / "conversations.sqlite"), AgentConfig())
    app = build_app([first, view])
    yield f"{serve(app, port=0)}trajectories"
    app.close(verbose=False)


@pytest.fixture
def page(context: BrowserContext, url: str) -> Iterator[Page]:
    """The view, just opened."""
    page = context.new_page()
    opened(page, url)
    yield page
    page.close()


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("#rd-listing p").first.wait_for()


def rows(page: Page) -> list[str]:
    return page.locator(".rd-rows .rd-problem").all_inner_texts()


def test_filter_open_decide_and_export(page: Page, folder: Path, tmp_path: Path) -> None:
    expect(page.locator(".rd-pages [role=status]").first).to_have_text("1 to 50 of 63, newest first")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".rd-pages [role=status]").first).to_have_text("51 to 63 of 63, newest first")
    page.get_by_label("Words of the problem").fill("problem 42:")
    expect(page.locator(".rd-rows li")).to_have_count(1)
    expect(page.locator(".rd-problem .katex")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?words=problem\+42%3A$"))

    page.locator(".rd-rows a").press("Enter")  # by keyboard alone
    expect(page.locator("#rd-opened .rd-question")).to_contain_text("Problem 42:")
    expect(page.locator("#rd-opened .rd-question .katex")).to_be_visible()
    expect(page.locator("#rd-opened .rd-lookup")).to_contain_text("words the search used")
    expect(page.locator("#rd-opened details.rd-relevant")).to_contain_text("AM-GM inequality")
    expect(page.locator("#rd-opened details.rd-relevant .katex").first).to_be_visible()
    expect(page.locator("#rd-opened .rd-fails .katex")).to_be_visible()
    expect(page.locator("#rd-opened .rd-result .boxpad")).to_have_text("8")
    expect(page.locator("#rd-opened")).to_be_focused()
    expect(page).to_have_url(re.compile(r"words=problem\+42%3A&id=run-42&in=own$"))

    page.get_by_role("radio", name="Approve").check()
    expect(page.locator(".rd-rows .rd-training")).to_have_text("approved")
    assert FeedbackLog(folder / "feedback.jsonl").read()["run-42"] == {"training": "approved"}
    page.reload()
    expect(page.get_by_role("radio", name="Approve")).to_be_checked()
    expect(page.get_by_label("Words of the problem")).to_have_value("problem 42:")

    page.get_by_role("button", name="Export what is listed").click()
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download trajectories.jsonl")).click()
    download.value.save_as(tmp_path / "trajectories.jsonl")
    [one] = TrajectoryLog(tmp_path / "trajectories.jsonl").read(skip_bad=False)
    assert (one.id, one.feedback) == ("run-42", {"training": "approved"})

    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#rd-opened")).to_be_hidden()
    page.go_back()
    expect(page.locator("#rd-opened .rd-question")).to_contain_text("Problem 42:")


def test_nothing_can_be_filtered_before_the_page_has_read_its_address(page: Page) -> None:
    held: list[Route] = []
    page.route("**/queue/join?*", lambda route: held.append(route))  # noqa: PLW0108
    page.reload()
    words = page.get_by_label("Words of the problem")
    expect(words).to_be_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/queue/join?*")
    words.fill("problem 42:")
    expect(page.locator(".rd-rows li")).to_have_count(1)


def test_a_search_is_a_tree_and_a_transcript(page: Page, url: str) -> None:
    opened(page, f"{url}?strategy=mcts&id=search")
    expect(page.locator("#rd-run-transcript")).to_contain_text("Another way")
    expect(page.get_by_label("Strategy").first).to_have_value("mcts")
    page.get_by_role("tab", name="Tree").click()
    expect(page.locator("#rd-run-tree .rd-node")).to_have_count(3)
    expect(page.locator("#rd-run-tree")).to_contain_text("value 1/1")


def test_hostile_text_does_nothing(page: Page, url: str) -> None:
    opened(page, f"{url}?id=run-90&words={'%3Cscript%3E'}")
    expect(page.locator("#rd-opened .rd-question")).to_contain_text("<script>alert(1)</script>")
    card = page.locator("#rd-opened details.rd-relevant")
    expect(card).to_contain_text("<img src=x onerror=alert(3)>")
    page.get_by_role("tab", name="Tree").click()
    expect(page.locator("#rd-run-tree")).to_contain_text(HOSTILE_THEOREM)
    expect(page.locator("#rd-split").locator("script, img, iframe")).to_have_count(0)
    strange = page.locator("#rd-split a:not(.rd-link)")
    expect(strange).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?id=no-such", GONE),
        ("?id=run-3&in=collections/nothing", GONE),
        ("?grade=superb&page=-5", "Left out of the filter: grade is one of"),
        ("?since=3000-01-01", "Nothing matches"),
    ],
)
def test_links_to_what_is_not_there(page: Page, url: str, query: str, says: str) -> None:
    opened(page, url + query)
    expect(page.get_by_text(says)).to_be_visible()
    expect(page.locator("#rd-opened")).to_be_hidden()


def test_what_another_tab_removed(page: Page, url: str, folder: Path) -> None:
    gone = write(folder / "collections" / "passing", [run(70, id="passing")])
    opened(page, f"{url}?id=passing")
    expect(page.locator("#rd-opened .rd-question")).to_be_visible()
    (gone / "trajectories.jsonl").unlink()
    page.get_by_role("radio", name="Reject").check()
    expect(page.get_by_text(GONE)).to_be_visible()
    expect(page.locator("#rd-opened")).to_be_hidden()
    assert not (gone / "feedback.jsonl").exists()
    expect(page.locator(".rd-rows li").first).to_be_visible()


def test_a_phone_shows_one_thing_at_a_time(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.locator(".rd-rows a").first.click()
    expect(page.locator("#rd-opened .rd-question")).to_be_in_viewport()
    expect(page.locator("#rd-listed")).to_be_hidden()
    expect(page.locator("#rd-filter")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#rd-filter")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size({"width": 1280, "height": 860})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, url: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, f"{url}?id=run-90")
    expect(page.locator("#rd-opened details.rd-relevant")).to_contain_text("onerror")  # statements are there
    found = {"transcript": findings(page)}
    page.get_by_role("tab", name="Tree").click()
    page.get_by_role("button", name="Export what is listed").click()
    for tab in ("Browse", "Collect", "Retrain"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)  # what is unfolded moves
        found[tab] = findings(page)
    assert found == {name: [] for name in found}


def test_two_browsers_do_not_cross(page: Page, browser: Browser, url: str) -> None:
    other = browser.new_context().new_page()
    other.set_default_timeout(TIMEOUT_MS)
    opened(other, f"{url}?id=run-5")
    page.get_by_label("Words of the problem").fill("problem 43:")
    expect(page.locator(".rd-rows li")).to_have_count(1)
    page.locator(".rd-rows a").click()
    expect(page.locator("#rd-opened .rd-question")).to_contain_text("Problem 43:")
    other.get_by_role("radio", name="Reject").check()
    expect(other.locator("#rd-opened .rd-about-run")).to_contain_text("training: rejected")
    expect(other.locator("#rd-opened .rd-question")).to_contain_text("Problem 5:")
    expect(other.get_by_label("Words of the problem")).to_have_value("")
    expect(page.get_by_role("radio", name="Not decided")).to_be_checked()
    other.context.close()


def test_a_collection_is_started_watched_stopped_and_gone_on_with(
    page: Page, url: str, folder: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    wrong, problems = tmp_path / "picture.jsonl", tmp_path / "sums.jsonl"
    wrong.write_bytes(b"\x89PNG\r\n\x1a\n")
    lines = [{"id": f"p{n}", "problem": f"What is {n}+1?", "answer": "1"} for n in range(4)]
    problems.write_text("".join(json.dumps(line) + "\n" for line in lines))
    server.delay = 0.1
    page.get_by_role("tab", name="Collect").click()
    page.get_by_role("button", name="Collect").click()
    expect(page.get_by_text("no problems were chosen")).to_be_visible()
    page.locator("input[type=file]").set_input_files(wrong)
    expect(page.locator("#rd-collect-checked")).to_contain_text("not UTF-8")
    page.get_by_role("button", name="Clear").or_(page.get_by_label("Clear")).first.click()
    page.locator("input[type=file]").set_input_files(problems)
    expect(page.locator("#rd-collect-checked")).to_contain_text("4 problems, 4 with a gold answer.")
    page.get_by_label("Strategy").last.fill("cot")
    page.get_by_label("Strategy").last.press("Enter")
    page.get_by_role("button", name="Collect").click()
    job = page.locator("#rd-collect-job")
    expect(job).to_contain_text("Collection sums-cot, cot")
    expect(job).to_contain_text("of 4)")

    page.reload()
    page.get_by_role("tab", name="Collect").click()
    expect(job).to_contain_text("Running")
    expect(page.locator("#rd-collect")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(job).to_contain_text("Stopped")
    server.delay = 0
    page.get_by_role("button", name="Go on").click()
    expect(job).to_contain_text("4 of 4 attempts")
    assert len(list(TrajectoryLog(folder / "collections" / "sums-cot" / "trajectories.jsonl").read())) == 4
    opened(page, f"{url}?log=collections/sums-cot")
    expect(page.locator(".rd-rows li")).to_have_count(4)


def test_a_retraining_says_why_it_cannot_be_done(page: Page) -> None:
    page.get_by_role("tab", name="Retrain").click()
    page.get_by_role("button", name="Retrain").click()
    expect(page.get_by_text("no log was chosen")).to_be_visible()
    page.get_by_role("checkbox", name="hard").check()
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#rd-retrain-job")).to_contain_text("Retraining from 1 log")
    expect(page.locator("#rd-retrain-job .rd-notice")).not_to_be_empty()


def test_an_empty_home_says_what_to_do(
    context: BrowserContext, solver_for: SolverFor, server: ScriptedServer, tmp_path: Path
) -> None:
    view = Trajectories(tmp_path / "home", lambda ids: {}, Jobs(tmp_path / "home"), may_run=False)
    first = Solve(solver_for(server), Conversations(tmp_path / "conversations.sqlite"), AgentConfig())
    app = build_app([first, view])
    page = context.new_page()
    opened(page, f"{serve(app, port=0)}trajectories")
    expect(page.get_by_text("No trajectory yet.")).to_be_visible()
    expect(page.get_by_role("tab", name="Collect")).to_have_count(0)
    page.close()
    app.close(verbose=False)


def test_the_last_of_two_quick_moves_counts(page: Page) -> None:
    page.evaluate("document.querySelectorAll('.rd-rows a').forEach((link, at) => at < 5 && link.click())")
    expect(page.locator("#rd-opened .rd-question")).to_contain_text(rows(page)[4].split(":")[0])
    expect(page).to_have_url(re.compile("id=" + ids(page)[4]))
    page.evaluate("history.back(); setTimeout(() => history.back(), 20)")
    expect(page.locator("#rd-opened .rd-question")).to_contain_text(rows(page)[2].split(":")[0])
    expect(page).to_have_url(re.compile("id=" + ids(page)[2]))


def ids(page: Page) -> list[str]:
    links = page.locator(".rd-rows a")
    return [parse_qs(urlsplit(str(link.get_attribute("href"))).query)["id"][0] for link in links.all()]
