"""Solve: the chat as a view of the app. Its parts and what happens when they are used."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from retriever.errors import RaderError
from ui.page.frame import QUIET
from ui.solve.chat import Chat, Screen, Visit
from ui.solve.choices import MakeOffer, Offer, remembered, usual
from ui.solve.conversations import Conversations
from ui.solve.feedback import Feedback
from ui.solve.layout import EXAMPLES, Page, chosen, lay_out, offered, summary
from ui.solve.listing import listing
from ui.solve.queue import Queue
from ui.solve.runs import GRACE_SECONDS, MakeSolver, Runs
from ui.solve.transcript import editable, likely

Update = dict[Any, Any]

# The address names the conversation, so that a reload and a bookmark find it again.
_ADDRESS = """(id) => {
  const url = new URL(window.location);
  id ? url.searchParams.set("c", id) : url.searchParams.delete("c");
  window.history.replaceState(window.history.state, "", url);
}"""


class Solve:
    """Ask a problem and watch it being solved; nothing is loaded until a question is asked.

    Args:
        make_solver: Makes the solver of one run from what was chosen; called in a thread, may block, may
            raise ``RaderError``, which is shown where the answer would be.
        conversations: Where conversations are kept.
        defaults: Initial depth, hits and retriever, and limits.
        offer: Tells what there is to choose from; called in a thread whenever the page is loaded.
        about: What answers here (model, retriever, index), plain text under the choices.
        feedback: What people say of answers; None offers neither that nor files to save.
        queue: Where runs wait for their turn, shared with whoever else has runs.
        grace: Seconds that a run goes on while no page shows it.
    """

    name = "Solve"
    path = ""
    tagline = "Step by step, with the theorem that each step needs."
    wide = False

    def __init__(
        self,
        make_solver: MakeSolver,
        conversations: Conversations,
        defaults: AgentConfig,
        *,
        offer: MakeOffer = Offer,
        about: str = "",
        feedback: Feedback | None = None,
        queue: Queue | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._chat = Chat(Runs(make_solver, conversations, queue=queue, grace=grace), conversations, defaults)
        self._defaults = defaults
        self._offer = offer
        self._about = about
        self._feedback = feedback

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the chat out and wire it."""
        page = lay_out(self._defaults, self._about, self._feedback)
        _Wiring(page, self._chat, self._offer, self._defaults).wire(blocks)


class _Wiring:
    """What happens when a part of the page is used. Handlers run on the event loop, where the runs are."""

    def __init__(self, page: Page, chat: Chat, offer: MakeOffer, defaults: AgentConfig) -> None:
        self.page, self.chat, self.offer = page, chat, offer
        self.default = usual(defaults)

    def wire(self, blocks: gr.Blocks) -> None:
        """Connect every part."""
        page, visit = self.page, self.page.visit
        everything = [*self._around(), page.browser, page.chooser.panel, *page.chooser.inputs]
        self._stream(blocks.load(self._arrive, [visit, page.browser], everything, **QUIET))
        asked = [visit, page.browser, page.box, *page.chooser.inputs]
        self._stream(page.box.submit(self._ask, asked, everything, **QUIET))
        for button, (_, text) in zip(page.examples, EXAMPLES, strict=True):
            example = gr.State(text)
            self._stream(button.click(self._ask, [*asked[:2], example, *asked[3:]], everything, **QUIET))
        self._stream(page.go_on.click(self._go_on, [visit], self._around(), **QUIET))
        self._wire_editor()
        self._wire_desk()
        if page.teaching and page.saving:
            page.teaching.wire(visit, page.status)
            page.saving.wire(visit, page.status)
        page.box.stop(self._stop, [visit], None, **QUIET)
        shown = page.chooser.strategy, page.chooser.retriever, page.chooser.model
        for part in shown:
            part.change(_summarise, list(shown), page.chooser.panel, **QUIET)

    def _wire_editor(self) -> None:
        page, editor = self.page, self.page.editor
        editor.step.input(self._pick, [page.visit, editor.step], editor.text, **QUIET)
        inputs = [page.visit, editor.step, editor.text]
        self._stream(editor.button.click(self._revise, inputs, self._around(), **QUIET))

    def _wire_desk(self) -> None:
        page, desk = self.page, self.page.desk
        address: dict[str, Any] = {"fn": None, "inputs": [page.address], "js": _ADDRESS, **QUIET}
        page.anew.click(self._begin_anew, [page.visit], self._around(), **QUIET).then(**address)
        desk.title.submit(self._rename, [page.visit, desk.title], self._around(), **QUIET)
        desk.delete.click(lambda: gr.Row(visible=True), None, desk.sure, **QUIET)
        desk.keep.click(lambda: gr.Row(visible=False), None, desk.sure, **QUIET)
        desk.confirm.click(self._delete, [page.visit], self._around(), **QUIET).then(**address)

    def _stream(self, begun: Any) -> None:
        """After an event that may have begun a run: name the conversation, show its screens, tidy up."""
        page = self.page
        begun.then(None, [page.address], None, js=_ADDRESS, **QUIET)
        screens = [page.done, page.live, page.tree, page.status]
        streamed = begun.then(self.chat.watch, [page.visit], screens, trigger_mode="multiple", **QUIET)
        streamed.then(self._after, [page.visit], self._around(), **QUIET)

    # What a handler may change: everything but the choices

    def _around(self) -> list[Any]:
        page, desk, editor = self.page, self.page.desk, self.page.editor
        return [
            page.listing, page.address, page.anew, page.welcome, page.done, page.live, page.tree, page.status,
            page.go_on, page.box, desk.panel, desk.title, desk.sure, editor.panel, editor.step, editor.text,
            *([page.teaching.said] if page.teaching else []),
        ]  # fmt: skip

    async def _now(self, visit: Visit) -> Update:
        """The page around the screen as it should look now."""
        page, chat, here = self.page, self.chat, visit.conversation
        running = chat.running(visit) is not None
        listed = await chat.listed(visit)
        screen = chat.screen(visit)
        return {
            page.listing: listing(listed, here.id),
            page.address: here.id,
            page.anew: gr.Button(visible=bool(here.id)),
            page.welcome: gr.Column(visible=not screen.done),
            page.go_on: gr.Button(visible=chat.unfinished(visit)),
            page.box: self._box(running=running),
            page.desk.panel: gr.Accordion(visible=bool(here.id)),
            page.desk.title: here.title,
            page.desk.sure: gr.Row(visible=False),
            **self._editor_now(visit, running=running),
            **(await page.teaching.now(visit) if page.teaching else {}),
            **self._screen(screen),
        }

    @staticmethod
    def _box(*, running: bool, **value: Any) -> gr.Textbox:
        return gr.Textbox(
            submit_btn=not running and "Send", stop_btn=running and "Stop", interactive=True, **value
        )

    def _screen(self, screen: Screen) -> Update:
        page = self.page
        return dict(zip((page.done, page.live, page.tree, page.status), screen, strict=True))

    def _editor_now(self, visit: Visit, *, running: bool) -> Update:
        editor, last = self.page.editor, visit.last
        lines = editable(last.steps) if last and not running else []
        if not lines or last is None:
            return {editor.panel: gr.Accordion(visible=False)}
        n = likely(last.steps) or lines[-1][1]
        return {
            editor.panel: gr.Accordion(visible=True, open=False),
            editor.step: gr.Dropdown(lines, value=n),
            editor.text: _text_of(visit, n),
        }

    # Handlers

    async def _arrive(self, visit: Visit, browser: Any, request: gr.Request) -> Update:
        visit.secret = str(_kept(browser).get("secret") or secrets.token_hex(16))
        visit.owner = owner(request.username, visit.secret)
        if conversation := request.query_params.get("c", ""):
            await self.chat.open(visit, conversation)
        offer = await self._offered(visit)
        live = self.chat.running(visit)
        here = live.exchange if live else visit.last
        choices = remembered(here.choices if here else _kept(browser).get("choices"), offer, self.default)
        update = await self._now(visit)
        if question := request.query_params.get("q", ""):
            update[self.page.box] = self._box(running=False, value=question)
        update[self.page.browser] = {**_kept(browser), "secret": visit.secret}
        return update | offered(self.page.chooser, offer, choices)

    async def _offered(self, visit: Visit) -> Offer:
        try:
            return await asyncio.to_thread(self.offer)
        except RaderError as error:  # what can be offered without looking can still be asked with
            visit.notice = visit.notice or str(error)
            return Offer()

    async def _ask(self, visit: Visit, browser: Any, text: str, *choices: Any) -> Update:
        wanted = chosen(*choices)
        taken = await self.chat.ask(visit, text, wanted)
        update = await self._now(visit)
        if taken:
            remembered_now = {"secret": visit.secret, "choices": wanted.model_dump(mode="json")}
            update[self.page.box] = self._box(running=True, value="")
            update[self.page.browser] = _kept(browser) | remembered_now
        return update

    async def _after(self, visit: Visit) -> Update:
        return await self._now(visit)

    async def _go_on(self, visit: Visit) -> Update:
        await self.chat.go_on(visit)
        return await self._now(visit)

    async def _revise(self, visit: Visit, n: int | None, text: str) -> Update:
        await self.chat.revise(visit, n or 0, text)
        return await self._now(visit)

    async def _pick(self, visit: Visit, n: int | None) -> str:
        return _text_of(visit, n or 0)

    async def _stop(self, visit: Visit) -> None:
        self.chat.stop(visit)

    async def _begin_anew(self, visit: Visit) -> Update:
        self.chat.leave(visit)
        return await self._now(visit)

    async def _rename(self, visit: Visit, title: str) -> Update:
        await self.chat.rename(visit, title)
        return await self._now(visit)

    async def _delete(self, visit: Visit) -> Update:
        await self.chat.delete(visit)
        return await self._now(visit)


def _kept(browser: Any) -> dict[str, Any]:
    """What a browser remembers; it may say anything."""
    return browser if isinstance(browser, dict) else {}


def owner(username: str | None, secret: str) -> str:
    """Whose conversations a tab may see: those of who has logged in, else those of its browser.

    Hashed, so that the file of conversations opens nobody's.
    """
    whose = f"user {username}" if username else f"browser {secret}"
    return hashlib.sha256(whose.encode()).hexdigest()


def _text_of(visit: Visit, n: int) -> str:
    steps = visit.last.steps if visit.last else ()
    return next((step.text for step in steps if step.n == n), "")


def _summarise(strategy: Strategy, retriever: str, model: str | None) -> gr.Accordion:
    return gr.Accordion(label=summary(strategy, retriever, model))
