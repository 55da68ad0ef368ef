"""Many people at once: what each waits beside one who is alone, errors, and whose answer each gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

from gradio_client import Client
from playwright.sync_api import Browser, Page, TimeoutError

from benchmarks.page.script import MARK, marks

PATIENCE_MS = 300_000
THEMES = ("the sum of two primes", "a bound of the product", "roots of a polynomial", "an angle in a circle")


class Crowd(NamedTuple):
    """Seconds of each, of one alone before; what failed; how often somebody got what another asked for."""

    alone: float
    seconds: list[float]
    errors: list[str]
    crossed: int


class Done(NamedTuple):
    """How an answer is known to be complete: an element by its CSS selector, with this text in it."""

    selector: str
    text: str = ""


def question(n: int) -> str:
    """What person ``n`` asks, with his mark."""
    return f"What follows about {THEMES[n % len(THEMES)]} if it is {MARK + n}?"


def searching(url: str, people: int) -> Crowd:
    """Programs that search, each by a client of its own; what comes back is what one alone got."""
    clients = [Client(url, verbose=False) for _ in range(people)]

    def ask(n: int) -> tuple[float, Any]:
        start = time.perf_counter()
        found = clients[n].predict(question(n), api_name="/search")
        return time.perf_counter() - start, (found["query"], [hit["id"] for hit in found["hits"]])

    expected = [ask(n) for n in range(people)]
    with ThreadPoolExecutor(people) as pool:
        futures = [pool.submit(ask, n) for n in range(people)]
    errors = [str(error) for future in futures if (error := future.exception())]
    given = {n: future.result() for n, future in enumerate(futures) if not future.exception()}
    crossed = sum(each[1] != expected[n][1] for n, each in given.items())
    alone = sorted(seconds for seconds, _ in expected)[people // 2]
    return Crowd(alone, [seconds for seconds, _ in given.values()], errors, crossed)


def comparing(browser: Browser, url: str, people: int) -> Crowd:
    """People at Compare, each in a browser profile of his own."""

    def ask(page: Page, n: int) -> None:
        page.fill("#rd-problem textarea", question(n))
        page.click("#rd-compare")

    done = Done("#rd-compared", "4 retrievers")
    return _crowd(browser, f"{url}compare", people, ask, done, "#rd-results")


def solving(browser: Browser, url: str, people: int) -> Crowd:
    """People at Solve, each in a browser profile of his own."""

    def ask(page: Page, n: int) -> None:
        page.fill("#rd-question textarea", question(n))
        page.press("#rd-question textarea", "Enter")

    return _crowd(browser, url, people, ask, Done(".rd-result"), "#rd-transcript")


def _crowd(
    browser: Browser, url: str, people: int, ask: Callable[[Page, int], None], done: Done, place: str
) -> Crowd:
    with ExitStack() as stack:
        pages = []
        for _ in range(people + 1):
            context = browser.new_context()
            stack.callback(context.close)
            pages.append(context.new_page())
            pages[-1].goto(url)
            pages[-1].wait_for_selector(":is(#rd-problem, #rd-question) textarea:enabled")
        alone, _, _ = _asked(pages[-1:], ask, done, place, first=people)
        seconds, errors, crossed = _asked(pages[:-1], ask, done, place, first=0)
    return Crowd(alone[0], seconds, errors, crossed)


def _asked(
    pages: list[Page], ask: Callable[[Page, int], None], done: Done, place: str, *, first: int
) -> tuple[list[float], list[str], int]:
    """All ask; then each is looked at until he has his answer, which his own page timed."""
    for page in pages:
        page.evaluate(TIMED, list(done))
    for n, page in enumerate(pages, first):
        ask(page, n)
        page.evaluate("window.asked = performance.now()")
    seconds, errors, crossed = [], [], 0
    for n, page in enumerate(pages, first):
        try:
            page.wait_for_function("window.answered", timeout=PATIENCE_MS)
        except TimeoutError:
            errors.append(f"no answer after {PATIENCE_MS / 1000:.0f} s")
            continue
        seconds.append(float(page.evaluate("(window.answered - window.asked) / 1000")))
        errors += page.locator("[role=alert]:visible").all_inner_texts()
        crossed += marks(page.inner_text(place)) != {MARK + n}
    return seconds, errors, crossed


TIMED = """([selector, text]) => {
  const look = () => {
    const there = [...document.querySelectorAll(selector)];
    if (there.some((one) => one.textContent.includes(text))) window.answered = performance.now();
    else setTimeout(look, 20);
  };
  look();
}"""
