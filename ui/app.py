"""The page: its views as one Gradio app, and serving it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import gradio as gr

from agent.log import TrajectoryLog
from ui.offer import offer_of
from ui.page import theme
from ui.page.frame import View, head
from ui.ports import free_port
from ui.solve.conversations import Conversations
from ui.solve.feedback import Feedback
from ui.solve.view import Solve

if TYPE_CHECKING:
    from ui.assemble import Studio


def build_app(views: Sequence[View]) -> gr.Blocks:
    """The app; every view has an address of its own, the first that of the app."""
    # Else Gradio works out statistics that nobody looks at, with pandas, after every single event.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    first, *others = views
    app = gr.Blocks(title="RaDeR Studio", analytics_enabled=False, fill_width=True)
    with app:
        head(first, first.name)
        first.build(app)
    for view in others:
        with app.route(view.name, view.path) as blocks:
            head(view, first.name)
            view.build(blocks)
    app.queue(default_concurrency_limit=None)
    return app


def views(studio: Studio) -> list[View]:
    """All views over one installation, in the order of the navigation."""
    settings = studio.settings
    kept = Conversations(settings.home / "conversations.sqlite")
    log = TrajectoryLog(settings.home / "trajectories.jsonl")
    return [
        Solve(
            studio.solver_for,
            kept,
            settings.agent,
            offer=partial(offer_of, studio),
            about=_about(studio),
            feedback=Feedback(log, lambda: studio.retriever),
        ),
    ]


def _about(studio: Studio) -> str:
    settings = studio.settings
    return f"{settings.llm_url or settings.model}, passages encoded by {studio.encoder.name}"


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
