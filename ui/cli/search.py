"""``rader search``: the contract of DESIGN on standard output."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli import options
from ui.output import JsonFlag, Reporter


def search(
    text: Annotated[str, typer.Argument(help='The query; "-" reads standard input.')],
    k: Annotated[int, typer.Option("-k", "--hits", help="How many hits.", min=1, max=1000)] = 10,
    retriever: options.Retriever = None,
    reranker: options.Reranker = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only passages of this kind, such as theorem; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only passages with this tag; may be repeated.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only passages of this source; may be repeated.")
    ] = None,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Find theorems and code for a question or a step of reasoning."""
    from ui.assemble import Studio, writable
    from ui.settings import load_settings, with_agent
    from ui.terminal import hits_table

    reporter = Reporter(as_json)
    settings = load_settings(
        config, reranker=reranker, llm_url=llm_url, llm_model=llm_model, chroma_url=chroma_url, home=home
    )
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(with_agent(settings, retriever=retriever), watch)
        found = studio.retriever
        if found.name != "bm25":
            found.encoder.load()
    try:
        result = found.search(
            options.text_of(text), k, kinds=kind or (), tags=tag or (), sources=source or ()
        )
    finally:
        studio.close()
    reporter.result(result.to_json(), hits_table(result))
