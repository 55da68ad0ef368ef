"""Models in a browser: promoted after a question, searched with from then on, rolled back; faults."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from retriever.registry import Registry
from tests.retriever.trained import damage, make_run
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.command import Rader
from ui.app import build_app, serve
from ui.models.view import Models
from ui.retrieval import Retrieval
from ui.settings import Settings

# PEFT asks transformers by a name that is going to change.
PEFT = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
pytestmark = [pytest.mark.browser, *GRADIO_LOOPS, PEFT]
ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> ![x](https://example.com/x.png) [l](javascript:0)"
)
CARD = f"# A card\n\n{ATTACK}\n\n| set | n |\n| --- | --- |\n| x | 1 |\n\n## Leakage\n\nNone of 7.\n"
ROWS = [
    {"id": "a", "title": "Prime", "text": "the sum of a prime number"},
    {"id": "b", "title": "Circle", "text": "the area of a circle"},
    {"id": "c", "title": "Graph", "text": "a path with an edge"},
]


@pytest.fixture
def retrieval(tmp_path: Path, tiny_encoder_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retrieval:
    """A home with an index of three theorems and two trained retrievers; none ships or is promoted."""
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "nothing")
    rader = Rader(tmp_path / "home", tiny_encoder_path)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    assert rader("index", str(corpus), "--no-shipped").returncode == 0
    registry = Registry(rader.home)
    for seed in (1, 2):
        run = make_run(tmp_path / f"run{seed}", tiny_encoder_path, seed)
        registry.add(run, card=lambda _name: CARD, scores={"steps": {"ndcg@10": 46.61, "n": 30}})
    return Retrieval(Settings(home=rader.home, encoder=str(tiny_encoder_path)))


class First(Models):
    """The view as the only one."""

    path = ""


@pytest.fixture
def url(retrieval: Retrieval) -> Iterator[str]:
    """The view, served."""
    app = build_app([First(retrieval)])
    yield serve(app, port=0)
    app.close(verbose=False)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab."""
    page = context.new_page()
    yield page
    page.close()


def scores(retrieval: Retrieval) -> dict[str, float]:
    found = retrieval.retriever_for("rader").search("the sum of a path", 3)
    return {hit.passage.id: hit.score for hit in found.hits}


def choose(page: Page, name: str) -> None:
    page.get_by_label(f"{name}: retriever").check()
    expect(page.locator(".rd-model-name")).to_contain_text(name)


def told(page: Page, text: str) -> None:
    expect(page.locator("#rd-models-told")).to_contain_text(text)


def test_promoted_by_keyboard_it_answers_the_next_question_and_rolled_back_it_does_not(
    retrieval: Retrieval, url: str, page: Page
) -> None:
    before = scores(retrieval)
    page.goto(f"{url}?name=rader-2")
    expect(page.locator(".rd-model-name")).to_contain_text("rader-2")
    expect(page.locator(".rd-serving")).to_have_text(
        "Searches are answered by the untrained base encoder over 3 passages."
    )
    expect(page.get_by_role("cell", name="46.6")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back")).to_be_hidden()

    page.get_by_role("button", name="Let rader-2 serve").press("Enter")
    expect(page.locator(".rd-asked")).to_contain_text("Let rader-2 serve?")
    no = page.get_by_role("button", name="No, leave it")
    expect(no).to_be_focused()
    no.press("Enter")
    expect(no).to_be_hidden()
    assert scores(retrieval) == before

    page.get_by_role("button", name="Let rader-2 serve").press("Enter")
    expect(no).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    told(page, "rader-2 serves now, from the next question on.")
    expect(page.locator(".rd-serving")).to_contain_text("answered by rader-2")
    expect(page.locator(".rd-model-name")).to_contain_text("serves")
    after = scores(retrieval)
    assert after.keys() == before.keys()
    assert after != before

    page.reload()  # ?name=rader-2
    page.get_by_role("button", name="Roll back rader-2").click()
    expect(page.locator(".rd-asked")).to_contain_text("Roll back rader-2")
    page.get_by_role("button", name="Yes, do it").click()
    told(page, "rader-2 is rolled back: no trained retriever serves now.")
    assert scores(retrieval) == before
    page.get_by_role("button", name="What was promoted, and when").click()
    expect(page.locator(".rd-history li")).to_have_count(2)


def test_a_card_is_shown_and_can_do_nothing(url: str, page: Page) -> None:
    page.goto(f"{url}?name=rader-1")
    page.locator("summary", has_text="Model card").click()
    card = page.locator(".rd-document", has_text="Model card")
    expect(card.get_by_role("table")).to_be_visible()
    expect(card).to_contain_text("<script>alert(1)</script>")
    expect(card).to_contain_text("![x](https://example.com/x.png) [l](javascript:0)")
    expect(card.locator("script, img, a")).to_have_count(0)
    page.locator("summary", has_text="Leakage").click()
    expect(page.get_by_text("None of 7.").first).to_be_visible()


def test_what_another_tab_did_is_one_line(retrieval: Retrieval, url: str, context: BrowserContext) -> None:
    here, there = context.new_page(), context.new_page()
    registry = Registry(retrieval.settings.home)
    for page in (here, there):
        page.goto(url)
        choose(page, "rader-1")
        page.get_by_role("button", name="Let rader-1 serve").click()
        expect(page.get_by_role("button", name="Yes, do it")).to_be_visible()
    here.get_by_role("button", name="Yes, do it").click()
    told(here, "rader-1 serves now")
    registry.promote("rader-2")
    here.get_by_role("button", name="Roll back").click()
    expect(here.locator(".rd-asked")).to_contain_text("Roll back rader-2")
    registry.rollback()
    here.get_by_role("button", name="Yes, do it").click()
    told(here, "rader-2 is not promoted last any more: rader-1 is.")

    registry.rollback()
    registry.remove("rader-1")
    there.get_by_role("button", name="Yes, do it").click()
    told(there, "there is no trained model 'rader-1'.")
    expect(there.get_by_label("rader-1: retriever")).to_have_count(0)
    for page in (here, there):
        page.close()


def test_damaged_gone_and_unknown_versions_say_what_to_do(retrieval: Retrieval, url: str, page: Page) -> None:
    registry = Registry(retrieval.settings.home)
    for name in ("rader-1", "rader-2"):
        registry.promote(name)
    damage(registry.named("rader-1"))
    shutil.rmtree(registry.named("rader-2").path)
    page.goto(f"{url}?name=<b>none</b>")
    told(page, "There is no trained model '<b>none</b>'. Choose one of the list.")
    expect(page.locator("#rd-models-serving .rd-defect")).to_contain_text("its folder is gone")
    choose(page, "rader-1")
    expect(page.locator(".rd-model .rd-defect")).to_contain_text(
        "adapter_model.safetensors has changed. Let another serve"
    )
    expect(page.get_by_role("button", name="Let rader-1 serve")).to_be_hidden()
    choose(page, "rader-2")
    expect(page.locator(".rd-model .rd-defect")).to_contain_text("its folder is gone")


def test_with_nothing_trained_it_says_how_to_begin(
    tmp_path: Path, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "nothing")
    app = build_app([First(Retrieval(Settings(home=tmp_path, encoder=str(tmp_path))), may_change=False)])
    page.goto(serve(app, port=0))
    expect(page.get_by_text("Nothing is trained yet.")).to_be_visible()
    page.get_by_role("button", name="Weights that can be pulled").click()
    expect(page.get_by_text("Run: rader models pull all-minilm-l6-v2")).to_be_visible()
    page.get_by_role("button", name="Indexes").click()
    expect(page.get_by_text("There is no index yet.")).to_be_visible()
    app.close(verbose=False)


def test_who_may_only_look_finds_no_button(retrieval: Retrieval, page: Page) -> None:
    app = build_app([First(retrieval, may_change=False)])
    page.goto(serve(app, port=0))
    choose(page, "rader-1")
    expect(page.get_by_role("button", name="serve")).to_have_count(0)
    app.close(verbose=False)
