"""The page: its views as one Gradio app, and serving it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from agent.log import TrajectoryLog
from ui.compare.view import Compare
from ui.jobs import Jobs
from ui.models.view import Models
from ui.offer import offer_of
from ui.page import theme
from ui.page.frame import View, head
from ui.ports import free_port
from ui.serving.access import Access
from ui.serving.tools import Tools, publish
from ui.settings import environment
from ui.solve.conversations import Conversations
from ui.solve.feedback import Feedback
from ui.solve.queue import Queue
from ui.solve.view import Solve
from ui.trajectories.view import Trajectories

if TYPE_CHECKING:
    from ui.assemble import Studio

ONLY_HERE = Access()
_SIGN_IN = "<title>RaDeR Studio</title>RaDeR Studio"  # Gradio's page to sign in has no title of its own


def build_app(views: Sequence[View], tools: Tools | None = None) -> gr.Blocks:
    """The app; every view has an address of its own, the first that of the app.

    Args:
        views: What people see, in the order of the navigation.
        tools: What programs may ask for over the HTTP API.
    """
    # Else Gradio works out statistics that nobody looks at, with pandas, after every single event.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    first, *others = views
    app = gr.Blocks(title="RaDeR Studio", analytics_enabled=False, fill_width=True)
    with app:
        head(first, first.name)
        first.build(app)
        if tools is not None:
            publish(tools)
    for view in others:
        with app.route(view.name, view.path) as blocks:
            head(view, first.name)
            view.build(blocks)
    app.queue(default_concurrency_limit=None)
    return app


def views(studio: Studio, queue: Queue) -> list[View]:
    """All views over one installation, in the order of the navigation; runs wait their turn in ``queue``."""
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
            queue=queue,
        ),
        Compare(
            studio.retriever_for,
            partial(studio.solver, retrieves=False),
            settings.agent.without,
            queue=queue,
        ),
        Trajectories(
            settings.home,
            studio.passages,
            Jobs(settings.home, environment(settings)),
            may_run=os.name == "posix" and not settings.without_auth,
        ),
        Models(studio, may_change=not settings.without_auth),
    ]


def tools_of(studio: Studio, queue: Queue) -> Tools:
    """What programs may ask of one installation."""
    return Tools(studio.retriever_for, studio.solver, studio.settings.agent, queue)


def _about(studio: Studio) -> str:
    settings = studio.settings
    return f"{settings.llm_url or settings.model}, passages encoded by {studio.encoder.name}"


def launch(
    app: gr.Blocks,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    access: Access = ONLY_HERE,
    tools: Tools | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve ``app`` until the process is interrupted.

    Args:
        app: From `build_app`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        access: Who may come in, and by which way.
        tools: What other agents may ask for over MCP.
        on_ready: Called with the page's address once it is served.

    Raises:
        BadInputError: As `serve`.
    """
    url = serve(app, host=host, port=port, access=access, tools=tools)
    try:
        if on_ready is not None:
            on_ready(url)
        while app.is_running:
            time.sleep(0.2)
    finally:
        app.close(verbose=False)


def serve(
    app: gr.Blocks,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    access: Access = ONLY_HERE,
    tools: Tools | None = None,
) -> str:
    """Serve ``app`` in the background and return its address; ``app.close()`` ends it.

    Raises:
        BadInputError: The port is in use or may not be listened on, or others could reach it unasked.
    """
    access.check(host)
    _, url, _ = app.launch(
        server_name=host,
        server_port=free_port(host, port),
        root_path=access.root_path,
        auth=access.users.knows if access.users else None,
        auth_message=_SIGN_IN,
        app_kwargs=_beside(tools, access) if tools else None,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        inbrowser=False,
        ssr_mode=False,
        max_file_size="50mb",
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        theme=theme.theme(),
        css=theme.css(),
        js=theme.script(),
    )
    return url


def _beside(tools: Tools, access: Access) -> dict[str, Any]:
    """What is served beside the page, as FastAPI wants it."""
    from ui.serving.mcp import endpoint

    app = endpoint(tools, access)
    return {"routes": app.routes, "lifespan": app.router.lifespan_context}
