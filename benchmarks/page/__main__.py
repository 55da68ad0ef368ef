"""What the page costs a browser and how it bears many people, beside a plain Gradio chat in the same run.

    .venv/bin/python -m benchmarks.page [--times 7] [--tokens 3000] [--answers 20] [--people 20] [--solving 5]

A scripted model (a real server whose answers are written down) serves both, so that nothing but the page is
measured: the answer's tokens come at ``--rate`` a second. Beside it: Gradio's ChatInterface over LangChain's
ChatOpenAI. Needs Chromium (RADER_CHROMIUM names the binary; default /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.page import people, script, served, visit
from tests.scripted import ScriptedServer
from tests.ui.browser import FLAGS

WORK = Path(__file__).parents[2] / "build" / "page"


def main() -> None:
    """Measure, print, write."""
    options = _options()
    with sync_playwright() as playwright:
        chromium = os.environ.get("RADER_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        home = served.home(options.work)
        report: dict[str, Any] = {
            "settings": {key: value for key, value in vars(options).items() if isinstance(value, int | float)}
        }
        with ScriptedServer([script.long_answer(options.tokens)]) as model:
            with served.page(home, model.url) as url:
                report["ours"] = _alone(browser, url, visit.OURS, model, options)
            with served.peer(model.url) as url:
                report["peer"] = _alone(browser, url, visit.PEER, model, options)
        with ScriptedServer(script.answering) as model, served.page(home, model.url) as url:
            report["people"] = {
                "search": people.searching(url, options.people)._asdict(),
                "Compare": people.comparing(browser, url, options.people)._asdict(),
                "Solve": people.solving(browser, url, options.solving)._asdict(),
            }
        browser.close()
    print(json.dumps(report, indent=2))
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _alone(
    browser: Browser, url: str, kind: visit.Kind, model: ScriptedServer, options: argparse.Namespace
) -> dict[str, Any]:
    """One visitor."""
    long = model.script
    opened = visit.opened(browser, url, kind, options.times)
    model.delay = 1 / options.rate
    streamed = visit.streamed(browser, url, kind, "Say all that you know.")
    model.script, model.delay = [script.long_answer(200)], 0.0
    grown = visit.grown(browser, url, kind, options.answers)
    model.script = long
    return {
        "opened": {**opened._asdict(), "warm": statistics.median(opened.warm)},
        "streamed": {
            "seconds": streamed.seconds,
            "updates a second": streamed.updates,
            "longest gap": max(streamed.gaps),
        },
        "memory": grown,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=7, help="warm loads")
    parser.add_argument("--tokens", type=int, default=3000, help="of the long answer")
    parser.add_argument(
        "--rate", type=float, default=300, help="tokens a second that the model sends at most"
    )
    parser.add_argument(
        "--answers", type=int, default=20, help="in one conversation, then memory is looked at"
    )
    parser.add_argument("--people", type=int, default=20, help="at once on search, and on Compare")
    parser.add_argument("--solving", type=int, default=5, help="at once on Solve")
    parser.add_argument("--work", type=Path, default=WORK, help="where the index is kept for the next run")
    parser.add_argument("--out", type=Path, help="JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
