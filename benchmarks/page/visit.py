"""One visitor in Chromium: how soon the page can be used, what it weighs, how an answer streams."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.page.script import MARK

OBSERVE = """(selector) => {
  const seen = window.seen = [];
  let last = 0;
  new MutationObserver(() => {
    const place = document.querySelector(selector);
    const now = place ? place.textContent.length : 0;
    if (now > last) seen.push(performance.now());
    last = now;
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


class Kind(NamedTuple):
    """Where the question goes and the answer comes, as CSS selectors."""

    box: str
    answers: str


OURS = Kind("#rd-question textarea", "#rd-transcript")
PEER = Kind("textarea", ".bubble-wrap, [role=log]")


class Opened(NamedTuple):
    """Opening a page: seconds until its box takes text, cold and warm; bytes over the wire; requests."""

    cold: float
    warm: list[float]
    bytes: int
    requests: int


class Streamed(NamedTuple):
    """An answer: seconds from the question to its end, and the times between updates."""

    seconds: float
    gaps: list[float]

    @property
    def updates(self) -> float:
        """A second, from the first to the last."""
        return len(self.gaps) / sum(self.gaps)


def opened(browser: Browser, url: str, kind: Kind, times: int) -> Opened:
    """Open a page in a fresh browser profile, then again."""
    context = browser.new_context()
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    cold = _until_usable(page, url, kind)
    page.wait_for_timeout(2000)
    weight, requests = sum(sizes), len(sizes)
    warm = [_until_usable(page, url, kind) for _ in range(times)]
    context.close()
    return Opened(cold, warm, weight, requests)


def _until_usable(page: Page, url: str, kind: Kind) -> float:
    page.goto(url, wait_until="commit")
    page.wait_for_selector(f"{kind.box}:enabled")
    return float(page.evaluate("performance.now()")) / 1000


def streamed(browser: Browser, url: str, kind: Kind, question: str) -> Streamed:
    """Ask one question and watch its answer grow."""
    context = browser.new_context()
    page = context.new_page()
    _until_usable(page, url, kind)
    _choose_cot(page, kind)
    page.evaluate(OBSERVE, kind.answers)
    start = page.evaluate("performance.now()")
    _ask(page, kind, question)
    seen = page.evaluate("window.seen")
    context.close()
    gaps = [(after - before) / 1000 for before, after in pairwise(seen)]
    return Streamed((seen[-1] - start) / 1000, gaps)


def grown(browser: Browser, url: str, kind: Kind, answers: int) -> dict[str, float]:
    """Megabytes of JavaScript's heap and nodes of the document, before and after many answers."""
    context = browser.new_context()
    page = context.new_page()
    _until_usable(page, url, kind)
    _choose_cot(page, kind)
    before = _memory(page)
    for number in range(answers):
        _ask(page, kind, f"What is {number} + {MARK + number}?")
    after = _memory(page)
    context.close()
    return {
        f"{name} {when}": each[name] for when, each in (("before", before), ("after", after)) for name in each
    }


def _memory(page: Page) -> dict[str, float]:
    session: Any = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return {"heap": metrics["JSHeapUsedSize"] / 1e6, "nodes": metrics["Nodes"]}


def _choose_cot(page: Page, kind: Kind) -> None:
    """Where there are strategies, the one that a plain chat has."""
    if kind is OURS:
        page.locator("#rd-settings button").first.click()
        page.locator("#rd-settings input[value=cot]").check()


def _ask(page: Page, kind: Kind, question: str) -> None:
    """Ask, and wait for the end of the answer."""
    ended = page.get_by_text("That is all.")
    before = ended.count()
    page.fill(kind.box, question)
    page.press(kind.box, "Enter")
    ended.nth(before).wait_for()
    page.wait_for_selector(f"{kind.box}:enabled")
