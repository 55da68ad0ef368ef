"""The page as a Gradio app, and serving it."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from retriever.errors import BadInputError
from ui import markup, theme
from ui.chat import Chat, Conversation, MakeSolver, Screen

STRATEGIES: dict[Strategy, tuple[str, str]] = {
    "steps": ("Step by step", "thinks one step at a time and looks a theorem up when a step calls for one"),
    "rag": ("Look up first", "searches the library with the whole question, then solves it in one go"),
    "cot": ("No look-up", "solves it in one go from what the model knows"),
}

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("Algebra", r"The numbers $r$ and $s$ solve $2x^2 - 9x + 5 = 0$. What is $r^2 + s^2$?"),
    ("Number theory", r"What is the remainder when $3^{100}$ is divided by $7$?"),
    (
        "Probability",
        "A drawer holds 4 red and 6 blue socks. Two are drawn blindly. How likely is it that they match?",
    ),
    ("Geometry", r"A triangle has sides $13$, $14$ and $15$. What is the radius of its inscribed circle?"),
    ("Calculus", r"What is the area between the curves $y = x^2$ and $y = 2x$?"),
)
RUNS = 8  # at once, over all visitors; more wait in line

TAGLINE = "Solves mathematics step by step, and looks up the theorem that a step needs."
HINT = "Ask a problem below, or try one of these. Formulas may be LaTeX, such as $x^2$."
KEYS = "Enter sends, Shift+Enter begins a new line."


@dataclass
class _Page:
    """The parts of the page that handlers touch."""

    conversation: gr.State
    welcome: gr.Column
    examples: list[gr.Button]
    done: gr.Markdown
    live: gr.Markdown
    status: gr.HTML
    box: gr.Textbox
    anew: gr.Button
    settings: gr.Accordion
    strategy: gr.Radio
    depth: gr.Slider
    hits: gr.Slider


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
        page = _lay_out(defaults, about)
        _wire(page, Chat(make_solver, defaults))
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
    port = _free(host, port)
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


def _free(host: str, port: int) -> int:
    """``port`` if it can be listened on (a free one for 0); Gradio would say nothing of use if it cannot."""
    if not 0 <= port <= 65535:
        raise BadInputError(f"there is no port {port}", "Choose one from 1024 to 65535")
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = f"Stop the other program or run: rader chat --port {port + 1}"
            raise BadInputError(f"port {port} is in use", other) from error
        reason = (error.strerror or str(error)).lower()
        raise BadInputError(
            f"cannot listen on {host} port {port}: {reason}", "Choose another with --host or --port"
        ) from error


def _lay_out(defaults: AgentConfig, about: str) -> _Page:
    conversation = gr.State(Conversation())
    with gr.Row(elem_id="rd-header"):
        gr.HTML(f"<h1>RaDeR Studio</h1><p>{TAGLINE}</p>", elem_id="rd-name")
        anew = gr.Button("New conversation", size="sm", scale=0, min_width=150, elem_id="rd-new")
    with gr.Column(elem_id="rd-welcome") as welcome:
        gr.HTML(f"<h2>What shall we solve?</h2><p>{HINT} {KEYS}</p>")
        examples = [
            gr.Button(f"{topic}: {_spoken(text)}", elem_classes="rd-example") for topic, text in EXAMPLES
        ]
    latex: dict[str, Any] = {"latex_delimiters": markup.DELIMITERS, "sanitize_html": True}
    with gr.Column(elem_id="rd-transcript"):
        done = gr.Markdown(elem_id="rd-done", **latex)
        live = gr.Markdown(elem_id="rd-live", **latex)
    with gr.Column(elem_id="rd-composer"):
        status = gr.HTML(elem_id="rd-status")
        box = _lay_out_box()
        settings = _lay_out_settings(defaults, about)
    return _Page(conversation, welcome, examples, done, live, status, box, anew, *settings)


def _lay_out_box() -> gr.Textbox:
    return gr.Textbox(
        label="Your question",
        placeholder="Ask a problem or a follow-up",
        lines=1,
        max_lines=8,
        submit_btn="Send",
        elem_id="rd-question",
    )


def _lay_out_settings(
    defaults: AgentConfig, about: str
) -> tuple[gr.Accordion, gr.Radio, gr.Slider, gr.Slider]:
    with gr.Accordion(_summary("steps"), open=False, elem_id="rd-settings") as settings:
        choices: list[Any] = [(f"{name}: {text}", key) for key, (name, text) in STRATEGIES.items()]
        strategy = gr.Radio(choices, value="steps", label="Strategy")
        with gr.Row():
            depth = gr.Slider(
                1, max(16, defaults.depth), defaults.depth, step=1, label="Most thoughts", min_width=240
            )
            hits = gr.Slider(
                1, max(10, defaults.hits), defaults.hits, step=1, label="Theorems per look-up", min_width=240
            )
        if about:
            gr.HTML(f'<p class="rd-about">{markup.escape(markup.clean(about))}</p>')
    return settings, strategy, depth, hits


def _summary(strategy: Strategy) -> str:
    """What the folded settings say."""
    return f"How to solve: {STRATEGIES[strategy][0].lower()}"


def _wire(page: _Page, chat: Chat) -> None:
    """Asking is three events: take the question in, stream its answer, give the box back."""
    screen = [page.done, page.live, page.status]
    begun = [page.box, page.welcome, *screen]

    def ask(conversation: Conversation, text: str) -> tuple[Any, ...]:
        taken = chat.ask(conversation, text)
        box = gr.Textbox(value="", submit_btn=False, stop_btn="Stop") if taken else gr.skip()
        return box, gr.Column(visible=not conversation.blocks), *conversation.screen()

    async def answer(
        conversation: Conversation, strategy: Strategy, depth: int, hits: int
    ) -> AsyncIterator[Screen]:
        async for shown in chat.answer(conversation, strategy, depth, hits):
            yield shown

    def end(conversation: Conversation, draft: str) -> Any:
        if conversation.run is not None:
            return gr.skip()
        send = {"submit_btn": "Send", "stop_btn": False}
        # What is being typed is never written over.
        return (
            gr.Textbox(**send) if draft or not conversation.again else gr.Textbox(conversation.again, **send)
        )

    async def stop(conversation: Conversation) -> None:
        if conversation.run is not None:
            conversation.run.stop()

    async def anew(conversation: Conversation) -> tuple[Any, ...]:
        conversation.clear()
        return gr.Textbox(value="", submit_btn="Send", stop_btn=False), gr.Column(visible=True), "", "", ""

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    state = page.conversation
    asks = [page.box.submit(ask, [state, page.box], begun, **quiet)]
    for button, (_, text) in zip(page.examples, EXAMPLES, strict=True):
        asks.append(button.click(partial(_example, ask, text), [state], begun, **quiet))
    for event in asks:
        event.then(
            answer,
            [state, page.strategy, page.depth, page.hits],
            screen,
            concurrency_limit=RUNS,
            concurrency_id="answer",
            trigger_mode="multiple",
            **quiet,
        ).then(end, [state, page.box], page.box, **quiet)
    page.box.stop(stop, [state], None, **quiet)
    page.strategy.change(
        lambda chosen: gr.Accordion(label=_summary(chosen)), page.strategy, page.settings, **quiet
    )
    page.anew.click(anew, [state], begun, **quiet)


def _example(ask: Callable[..., tuple[Any, ...]], text: str, conversation: Conversation) -> tuple[Any, ...]:
    return ask(conversation, text)


def _spoken(text: str) -> str:
    """An example as a button can show it: without delimiters and commands."""
    return text.replace("$", "").replace("^{100}", "¹⁰⁰").replace("^2", "²")
