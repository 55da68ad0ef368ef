"""The page as a Gradio app, and serving it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from ui import theme
from ui.chat import Chat, Conversation, MakeSolver
from ui.layout import EXAMPLES, Page, lay_out, summary
from ui.ports import free_port

RUNS = 8  # at once, over all visitors; more wait in line
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build_app(make_solver: MakeSolver, *, defaults: AgentConfig, about: str = "") -> gr.Blocks:
    """The app; nothing is loaded until a question is asked.

    Args:
        make_solver: Makes the solver of one run from its configuration; called in a thread, may block, may
            raise ``RaderError``, which is shown where the answer would be.
        defaults: Initial depth and hits, and everything that the page does not offer.
        about: What answers here (model, retriever, index), plain text under the settings.
    """
    # Else Gradio works out statistics that nobody looks at, with pandas, after every single event.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    app = gr.Blocks(title="RaDeR Studio", analytics_enabled=False, fill_width=True)
    with app:
        _wire(lay_out(defaults, about), Chat(make_solver, defaults))
    app.queue(default_concurrency_limit=None)
    return app


def launch(
    app: gr.Blocks,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve ``app`` until the process is interrupted.

    Args:
        app: From `build_app`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        on_ready: Called with the page's address once it is served.

    Raises:
        BadInputError: the port is in use or may not be listened on.
    """
    url = serve(app, host=host, port=port)
    try:
        if on_ready is not None:
            on_ready(url)
        while app.is_running:
            time.sleep(0.2)
    finally:
        app.close(verbose=False)


def serve(app: gr.Blocks, *, host: str = "127.0.0.1", port: int = 7860) -> str:
    """Serve ``app`` in the background and return its address; ``app.close()`` ends it."""
    port = free_port(host, port)
    _, url, _ = app.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        inbrowser=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        theme=theme.theme(),
        css=theme.css(),
        js=theme.script(),
    )
    return url


def _wire(page: Page, chat: Chat) -> None:
    """Asking is three events: take the question in, stream its answer, give the box back."""
    state = page.conversation
    screen = [page.done, page.live, page.status]
    begun = [page.box, page.welcome, *screen]
    asks = [page.box.submit(partial(_ask, chat), [state, page.box], begun, **_QUIET)]
    for button, (_, text) in zip(page.examples, EXAMPLES, strict=True):
        asks.append(button.click(partial(_ask, chat, text=text), [state], begun, **_QUIET))
    for event in asks:
        event.then(
            chat.answer,
            [state, page.strategy, page.depth, page.hits],
            screen,
            concurrency_limit=RUNS,
            concurrency_id="answer",
            trigger_mode="multiple",
            **_QUIET,
        ).then(_give_back, [state, page.box], page.box, **_QUIET)
    page.box.stop(_stop, [state], None, **_QUIET)
    page.anew.click(_begin_anew, [state], begun, **_QUIET)
    page.strategy.change(_name_strategy, page.strategy, page.settings, **_QUIET)


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
