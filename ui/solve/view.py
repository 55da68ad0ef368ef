"""Solve: the chat as a view of the app."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from ui.page.frame import QUIET
from ui.solve.chat import Chat, Conversation, MakeSolver
from ui.solve.layout import EXAMPLES, Page, lay_out, summary
from ui.solve.queue import Queue


class Solve:
    """Ask a problem and watch it being solved; nothing is loaded until a question is asked.

    Args:
        make_solver: Makes the solver of one run from its configuration; called in a thread, may block, may
            raise ``RaderError``, which is shown where the answer would be.
        defaults: Initial depth and hits, and everything that the page does not offer.
        about: What answers here (model, retriever, index), plain text under the settings.
        queue: Where questions wait for their turn; default one of their own.
    """

    name = "Solve"
    path = ""
    tagline = "Step by step, with the theorem that each step needs."
    wide = False

    def __init__(
        self, make_solver: MakeSolver, defaults: AgentConfig, about: str = "", queue: Queue | None = None
    ) -> None:
        self._chat = Chat(make_solver, defaults, queue)
        self._defaults = defaults
        self._about = about

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the chat out and wire it."""
        del blocks
        _wire(lay_out(self._defaults, self._about), self._chat)


def _wire(page: Page, chat: Chat) -> None:
    """Asking is three events: take the question in, stream its answer, give the box back."""
    state = page.conversation
    screen = [page.done, page.live, page.status]
    begun = [page.box, page.welcome, *screen]
    asks = [page.box.submit(partial(_ask, chat), [state, page.box], begun, **QUIET)]
    for button, (_, text) in zip(page.examples, EXAMPLES, strict=True):
        asks.append(button.click(partial(_ask, chat, text=text), [state], begun, **QUIET))
    for event in asks:
        event.then(
            chat.answer,
            [state, page.strategy, page.depth, page.hits],
            screen,
            concurrency_limit=None,
            trigger_mode="multiple",
            **QUIET,
        ).then(_give_back, [state, page.box], page.box, **QUIET)
    page.box.stop(_stop, [state], None, **QUIET)
    page.anew.click(_begin_anew, [state], begun, **QUIET)
    page.strategy.change(_name_strategy, page.strategy, page.settings, **QUIET)


def _ask(chat: Chat, conversation: Conversation, text: str) -> tuple[Any, ...]:
    taken = chat.ask(conversation, text)
    box = gr.Textbox(value="", submit_btn=False, stop_btn="Stop") if taken else gr.skip()
    return box, gr.Column(visible=not conversation.blocks), *conversation.screen()


def _give_back(conversation: Conversation, draft: str) -> Any:
    """The box when a run is over. What is being typed is never written over."""
    if conversation.run is not None:
        return gr.skip()
    if conversation.again and not draft:
        return gr.Textbox(conversation.again, submit_btn="Send", stop_btn=False)
    return gr.Textbox(submit_btn="Send", stop_btn=False)


# These touch a task of the event loop, so they run there and not in a thread.
async def _stop(conversation: Conversation) -> None:
    if conversation.run is not None:
        conversation.run.stop()


async def _begin_anew(conversation: Conversation) -> tuple[Any, ...]:
    conversation.clear()
    return gr.Textbox("", submit_btn="Send", stop_btn=False), gr.Column(visible=True), "", "", ""


def _name_strategy(strategy: Strategy) -> gr.Accordion:
    return gr.Accordion(label=summary(strategy))
