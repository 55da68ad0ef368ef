"""The parts of the page with which a person says what helped, and which passage should have been found.

Theorem cards are inert HTML, so the buttons on them act through one component, whose script tells the server
which was pressed and marks what was said. What it tells is checked like anything that comes from outside.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from agent.transcript import cut
from retriever.errors import BadInputError, RaderError
from retriever.passage import Passage
from ui.page import markup, render, theme
from ui.page.frame import QUIET
from ui.solve.chat import Visit
from ui.solve.feedback import Feedback, query

LABEL_CHARS = 160
_FOCUS = """() => setTimeout(() => document.querySelector("#rd-teach textarea")?.focus(), 100)"""
_BACK = """() => document.querySelector(".rd-say[aria-expanded]")?.focus()"""

Update = dict[Any, Any]


@dataclass
class Lesson:
    """The look-up for which a person names the right passage."""

    run: str = ""
    key: str = ""


@dataclass
class Teaching:
    """The parts; made within a ``gr.Blocks``, where the panel is to stand."""

    feedback: Feedback
    said: gr.HTML = field(init=False)

    def __post_init__(self) -> None:
        script = theme.asset("feedback.js")
        template = '<p class="rd-unseen" role="status">${value}</p>'
        self.said = gr.HTML("", html_template=template, js_on_load=script, said={}, elem_id="rd-thanks")
        self._lesson = gr.State(Lesson())
        with gr.Column(visible=False, elem_id="rd-teach") as self._panel:
            self._about = gr.Markdown(latex_delimiters=markup.DELIMITERS, sanitize_html=True)
            self._search = gr.Textbox(label="Search the library", submit_btn="Search", lines=1, max_lines=3)
            self._found = gr.Radio([], label="What it holds")
            self._note = gr.HTML()
            with gr.Row():
                self._choose = gr.Button("This is the right one", size="sm", variant="primary")
                self._close = gr.Button("Close", size="sm")

    def wire(self, visit: gr.State, status: gr.HTML) -> None:
        """Connect the parts; ``status`` shows why something could not be said."""
        self._status = status
        panel = [self._panel, self._lesson, self._about, self._search, self._found, self._note]
        self.said.say(self._say, [visit], [self.said, status], **QUIET)
        opened = self.said.teach(self._open, [visit], [*panel, status], **QUIET)
        opened.then(None, None, None, js=_FOCUS, **QUIET)
        self._search.submit(self._look, [self._search], [self._found, self._note], **QUIET)
        inputs = [visit, self._lesson, self._found]
        done = self._choose.click(self._teach, inputs, [self.said, self._panel, self._note], **QUIET)
        done.success(None, None, None, js=_BACK, **QUIET)
        closed = self._close.click(lambda: gr.Column(visible=False), None, self._panel, **QUIET)
        closed.then(None, None, None, js=_BACK, **QUIET)

    async def now(self, visit: Visit) -> Update:
        """What was said of the conversation that a tab shows."""
        return {self.said: await self._shown(visit, "")}

    async def _shown(self, visit: Visit, thanks: str) -> gr.HTML:
        try:
            said = await asyncio.to_thread(self.feedback.said, visit.conversation.exchanges)
        except (RaderError, OSError):
            said = {}
        return gr.HTML(thanks, said=said)

    async def _say(self, visit: Visit, request: gr.Request, event: gr.EventData) -> Update:
        run, key, value = (str(getattr(event, name, "")) for name in ("run", "key", "value"))
        try:
            holds = await self._told(visit, run, key, value, request)
        except RaderError as error:
            return {self._status: render.notice(str(error))}
        thanks = "Noted." if holds else "Taken back."
        return {self.said: await self._shown(visit, thanks), self._status: render.notice(visit.notice)}

    async def _told(self, visit: Visit, run: str, key: str, value: str, request: gr.Request) -> bool:
        exchanges, by = visit.conversation.exchanges, request.username or ""
        return await asyncio.to_thread(self.feedback.say, exchanges, run, key, value, by=by)

    async def _open(self, visit: Visit, event: gr.EventData) -> Update:
        lesson = Lesson(str(getattr(event, "run", "")), str(getattr(event, "key", "")))
        exchange = next((one for one in visit.conversation.exchanges if one.id == lesson.run), None)
        asked = query(exchange, lesson.key.removeprefix("right:")) if exchange else None
        if asked is None:
            return {self._status: render.notice("There is no such look-up. Load the page again.")}
        about = (
            f"Which theorem should this look-up have found? {markup.inline(cut(asked, render.QUERY_CHARS))}"
        )
        return {
            self._panel: gr.Column(visible=True),
            self._lesson: lesson,
            self._about: f'<p class="rd-heading">{about}</p>',
            self._search: asked,
            **await self._look(asked),
        }

    async def _look(self, text: str) -> Update:
        try:
            found = await asyncio.to_thread(self.feedback.search, text)
        except RaderError as error:
            return {self._found: gr.Radio([], value=None), self._note: render.notice(str(error))}
        choices = [(_label(passage), passage.id) for passage in found]
        return {self._found: gr.Radio(choices, value=None), self._note: ""}

    async def _teach(self, visit: Visit, lesson: Lesson, passage: str | None, request: gr.Request) -> Update:
        try:
            if not passage:
                raise BadInputError("nothing is chosen", "Choose one of the list, or search for another")
            holds = await self._told(visit, lesson.run, lesson.key, passage, request)
        except RaderError as error:
            return {self._note: render.notice(str(error))}
        thanks = "Noted." if holds else "Taken back."
        return {self.said: await self._shown(visit, thanks), self._panel: gr.Column(visible=False)}


def _label(passage: Passage) -> str:
    """A passage as a line to choose."""
    title = passage.title or passage.id
    text = " ".join(markup.clean(passage.text).split())
    return cut(f"{markup.clean(title)}: {text}" if text else title, LABEL_CHARS)
