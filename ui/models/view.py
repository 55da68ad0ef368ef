"""Models: what is pulled, trained, promoted and indexed; promoting and rolling back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from retriever.errors import RaderError
from retriever.registry import Registry
from retriever.trained.release import Kind
from ui.models import render
from ui.models.shelf import Shelf, card_of, look
from ui.page.frame import QUIET
from ui.retrieval import Retrieval
from ui.trained import promote, rollback

TICK_SECONDS = 0.5
_FOCUS = "() => setTimeout(() => document.querySelector('#rd-models-%s')?.focus(), 100)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Switch:
    """What a visitor is asked to confirm: promoting ``name``, or rolling it back."""

    name: str
    kind: Kind
    back: bool = False


@dataclass(frozen=True)
class Page:
    """The parts that change."""

    asked: gr.State
    serving: gr.HTML
    chosen: gr.Radio
    version: gr.HTML
    promote: gr.Button
    back: gr.Button
    confirm: gr.Column
    question: gr.HTML
    yes: gr.Button
    no: gr.Button
    told: gr.HTML
    weights: gr.HTML
    indexes: gr.HTML
    history: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """What `Models._show` fills, in its order."""
        parts = [self.serving, self.chosen, self.version, self.promote, self.back, self.confirm]
        return [*parts, self.weights, self.indexes, self.history]


class Models:
    """See what there is and choose what serves.

    Args:
        retrieval: What searches; the next question asks what is promoted then.
        may_change: Off, the page only shows.
    """

    name = "Models"
    path = "models"
    tagline = "What is trained, pulled and indexed, and which retriever answers."
    wide = False

    def __init__(self, retrieval: Retrieval, *, may_change: bool = True) -> None:
        self._retrieval = retrieval
        self._may_change = may_change

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the view out and wire it."""
        page = _lay_out()
        blocks.load(self._open, None, [page.told, *page.shown], **QUIET)
        page.chosen.input(self._show, page.chosen, page.shown, **QUIET)
        page.no.click(self._show, page.chosen, page.shown, **QUIET).then(
            None, None, None, js=_FOCUS % "promote", **QUIET
        )
        asking = [page.asked, page.confirm, page.question, page.told]
        for button, back in ((page.promote, False), (page.back, True)):
            button.click(partial(self._ask, back=back), page.chosen, asking, **QUIET).then(
                None, None, None, js=_FOCUS % "no", **QUIET
            )
        page.yes.click(self._switch, page.asked, [page.told, page.confirm], **QUIET).then(
            self._show, page.chosen, page.shown, **QUIET
        )

    def _open(self, request: gr.Request) -> tuple[Any, ...]:
        """The view as a link asks for it: ``?name=VERSION``."""
        name = request.query_params.get("name", "")
        shelf = look(self._retrieval)
        missing = bool(name) and shelf.find(name) is None
        told = f"There is no trained model {name!r}. Choose one of the list." if missing else ""
        return render.problem(told) if told else "", *self._filled(shelf, name)

    def _show(self, name: str | None) -> tuple[Any, ...]:
        return self._filled(look(self._retrieval), name or "")

    def _filled(self, shelf: Shelf, name: str) -> tuple[Any, ...]:
        names = [row.version.name for row in shelf.trained]
        first = shelf.serving("retriever")
        name = name if name in names else first.version.name if first else next(iter(names), "")
        row = shelf.find(name)
        kind = row.version.release.kind if row else "retriever"
        promotable = row is not None and row.state in ("kept", "promoted before")
        top = shelf.promoted.get(kind)
        choices: list[Any] = [(render.choice(each), each.version.name) for each in shelf.trained]
        return (
            render.serving(shelf),
            gr.Radio(choices, value=name or None, visible=bool(names)),
            render.version(row, card_of(row)) if row else render.note(render.NOTHING),
            gr.Button(f"Let {name} serve", visible=promotable and self._may_change),
            gr.Button(f"Roll back {top}", visible=top is not None and self._may_change),
            gr.Column(visible=False),
            render.weights(shelf.weights),
            render.indexes(shelf),
            render.history(shelf.history),
        )

    def _ask(self, name: str, *, back: bool) -> tuple[Any, ...]:
        """Ask before anything is switched."""
        shelf = look(self._retrieval)
        row = shelf.find(name)
        if row is None:
            gone = render.problem(f"There is no trained model {name!r} any more. Choose another.")
            return None, gr.Column(visible=False), "", gone
        kind = row.version.release.kind
        switch = Switch(shelf.promoted.get(kind, "") if back else name, kind, back)
        return switch, gr.Column(visible=True), render.question(shelf, switch.name, kind, back=back), ""

    async def _switch(self, asked: Switch | None) -> AsyncIterator[tuple[str, Any]]:
        """Do what was confirmed; an index that has to be built first is told of as it grows."""
        if asked is None or not self._may_change:
            return
        progress = ["Switching"]

        def watch(what: str, done: int, total: int) -> None:
            progress[:] = [f"{what}: {done:,} of {total:,}" if total else what]

        work = asyncio.create_task(asyncio.to_thread(self._do, asked, watch))
        while not work.done():
            yield render.told(progress[0].capitalize()), gr.Column(visible=False)
            await asyncio.wait({work}, timeout=TICK_SECONDS)
        yield work.result(), gr.Column(visible=False)

    def _do(self, asked: Switch, watch: Any) -> str:
        """Switch; one line that tells how it ended."""
        settings = self._retrieval.settings
        try:
            if asked.back:
                version, note = rollback(settings, asked.kind, of=asked.name)
                name = version.name if version else f"no trained {asked.kind}"
                return render.told(f"{asked.name} is rolled back: {name} serves now. {note}".strip())
            promote(self._retrieval, Registry(settings.home).named(asked.name), watch)
            return render.told(f"{asked.name} serves now, from the next question on.")
        except RaderError as error:
            return render.problem(str(error))
        except Exception as error:
            log.exception("a switch failed")
            return render.problem(f"Something went wrong ({type(error).__name__}). The log has the details.")


def _lay_out() -> Page:
    serving = gr.HTML(elem_id="rd-models-serving")
    told = gr.HTML(elem_id="rd-models-told")
    chosen = gr.Radio([], label="Trained models", elem_id="rd-models-chosen")
    version = gr.HTML(elem_id="rd-models-version")
    with gr.Row():
        promoting = gr.Button("Let it serve", variant="primary", visible=False, elem_id="rd-models-promote")
        back = gr.Button("Roll back", visible=False, elem_id="rd-models-back")
    with gr.Column(visible=False, elem_id="rd-models-confirm") as confirm:
        question = gr.HTML()
        with gr.Row():
            yes = gr.Button("Yes, do it", variant="primary", elem_id="rd-models-yes")
            no = gr.Button("No, leave it", elem_id="rd-models-no")
    with gr.Accordion("Weights that can be pulled", open=False):
        weights = gr.HTML()
    with gr.Accordion("Indexes", open=False):
        indexes = gr.HTML()
    with gr.Accordion("What was promoted, and when", open=False):
        history = gr.HTML()
    return Page(
        asked=gr.State(None),
        serving=serving,
        chosen=chosen,
        version=version,
        promote=promoting,
        back=back,
        confirm=confirm,
        question=question,
        yes=yes,
        no=no,
        told=told,
        weights=weights,
        indexes=indexes,
        history=history,
    )
