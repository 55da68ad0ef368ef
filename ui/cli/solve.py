"""``rader chat`` and ``rader solve``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retriever.errors import RaderError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from agent.events import Event
    from agent.records import Trajectory


def chat(
    port: Annotated[int | None, typer.Option(help="Port of the page.", show_default="7860")] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; one that other machines reach needs --auth.", show_default="127.0.0.1"
        ),
    ] = None,
    auth: Annotated[
        Path | None,
        typer.Option(help="File of user:password lines, readable by you alone: only they come in."),
    ] = None,
    without_auth: Annotated[
        bool | None,
        typer.Option(
            "--without-auth", help="Let anyone in who reaches --host; models cannot be switched then."
        ),
    ] = None,
    root_path: Annotated[
        str | None, typer.Option(help="What a proxy in front takes off every path, such as /rader.")
    ] = None,
    model: options.Model = None,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    reranker: options.Reranker = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Serve the page on http://127.0.0.1:7860; missing weights are pulled, a missing index is built.

    Programs use it too: over HTTP (gradio_client) and, as MCP tools, at /mcp.
    """
    from ui.app import build_app, launch, tools_of, views
    from ui.assemble import Studio, writable
    from ui.ports import free_port
    from ui.serving.access import Access
    from ui.settings import load_settings
    from ui.solve.queue import Queue

    settings = load_settings(
        config, port=port, host=host, auth=auth, without_auth=without_auth, root_path=root_path, model=model,
        llm_url=llm_url, llm_model=llm_model, reranker=reranker, chroma_url=chroma_url, home=home,
    )  # fmt: skip
    access = Access.of(settings)
    access.check(settings.host)
    free_port(settings.host, settings.port)
    writable(settings.home)
    reporter = Reporter(as_json=False)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        studio.prepare()
    queue = Queue(settings.places)
    tools = tools_of(studio, queue)
    page = build_app(views(studio, queue), tools)
    studio.warm_up()
    try:
        launch(
            page,
            host=settings.host,
            port=settings.port,
            access=access,
            tools=tools,
            on_ready=lambda url: reporter.say(_welcome(url)),
        )
    finally:
        studio.close()


def _welcome(url: str) -> str:
    return f"RaDeR Studio is at {url} (stop it with Ctrl-C)"


def solve(
    text: Annotated[str, typer.Argument(help='The problem; "-" reads standard input.')],
    strategy: options.Strategy = "steps",
    answer: Annotated[str | None, typer.Option(help="The gold answer, to grade the result.")] = None,
    depth: Annotated[int | None, typer.Option(help="Most steps of thought.")] = None,
    hits: Annotated[int | None, typer.Option(help="Passages retrieved for a query.")] = None,
    retriever: options.Retriever = None,
    reranker: options.Reranker = None,
    preset: options.Preset = None,
    rollouts: Annotated[int | None, typer.Option(help="Rollouts of the tree search (mcts).")] = None,
    seed: options.Seed = 0,
    resume: Annotated[str | None, typer.Option(help="Id of a run that was killed, to go on with it.")] = None,
    model: options.Model = None,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Solve one problem, showing every thought and every theorem found."""
    from agent.solve import new_problem
    from ui.assemble import Studio, writable
    from ui.settings import load_settings, with_agent, with_search

    reporter = Reporter(as_json)
    settings = load_settings(
        config, model=model, llm_url=llm_url, llm_model=llm_model,
        reranker=reranker, chroma_url=chroma_url, home=home,
    )  # fmt: skip
    settings = with_agent(settings, depth=depth, hits=hits, retriever=retriever)
    settings = with_search(settings, preset=preset, rollouts=rollouts)
    problem = new_problem(options.text_of(text), answer=answer, limit=settings.agent.problem_chars)
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        solver = studio.solver(retrieves=options.retrieves(strategy))
    try:
        events = solver.solve(problem, strategy, seed=seed, run_id=resume or "")
        trajectory = asyncio.run(_follow(events, reporter))
    finally:
        studio.close()
    reporter.result(trajectory.to_record(), _closing_line(trajectory))
    if trajectory.error:
        raise RaderError(trajectory.error)


async def _follow(events: AsyncGenerator[Event], reporter: Reporter) -> Trajectory:
    """Show each event; the trajectory at the end."""
    from agent.events import Finished
    from ui.terminal import describe

    async with aclosing(events) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                return event.trajectory
            reporter.say(describe(event), newline=False)
    raise RaderError("the run ended without a result", "Please report this")


def _closing_line(trajectory: Trajectory) -> str:
    graded = f" ({trajectory.grade})" if trajectory.grade else ""
    usage = trajectory.usage
    answer = trajectory.answer or "none was boxed"
    return f"\nAnswer: {answer}{graded}\n{usage.seconds:.0f} s, {usage.completion_tokens} tokens written"
