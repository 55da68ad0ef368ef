"""``rader index``: build, list, drop and verify."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from retriever.errors import BadInputError, RaderError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from retriever.corpus import Corpus
    from retriever.index import IndexInfo
    from ui.assemble import Studio


def index(
    corpus: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to add: JSONL corpora, NaturalProofs JSON, Markdown or LaTeX files, folders of them, "
            "bright:SPLIT."
        ),
    ] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(
            help="An installed Python package to add, such as networkx.algorithms; may be repeated."
        ),
    ] = None,
    shipped: Annotated[bool, typer.Option(help="The theorems and code that come with the product.")] = True,
    skip_bad: options.SkipBad = False,
    retriever: Annotated[
        str | None,
        typer.Option(help="base, rader, a preset, or the folder of an encoder.", show_default="rader"),
    ] = None,
    file_format: Annotated[
        Literal["passages", "naturalproofs", "latex", "markdown"] | None,
        typer.Option("--format", help="How files are written.", show_default="what they look like"),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the indexes instead.")] = False,
    drop: Annotated[str | None, typer.Option(help="Remove this index instead; see --list.")] = None,
    force: Annotated[bool, typer.Option(help="With --drop: also the index that serves.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the index that serves instead.")] = False,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Build the index: what ships, your own corpora and the functions of Python packages (never imported).

    Only passages that are new or changed are encoded; a build that was killed goes on where it was, and the
    index before serves until the new one is complete.
    """
    from ui.assemble import Studio, writable
    from ui.settings import load_settings, with_agent

    if show + verify + bool(drop) + bool(corpus or code) > 1:
        raise BadInputError("--list, --drop, --verify and a build exclude each other", "Choose one")
    reporter = Reporter(as_json)
    settings = with_agent(load_settings(config, chroma_url=chroma_url, home=home), retriever=retriever)
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        value: Any
        if show:
            value, text = _list(studio)
        elif drop:
            value, text = _drop(studio, drop, force)
        elif verify:
            value, text = _verify(studio)
        else:
            from retriever.sources import collect_corpus

            passages = collect_corpus(
                corpus or (), code or (), shipped=shipped, skip_bad=skip_bad, file_format=file_format
            )
            value, text = _build(studio, passages)
    reporter.result(value, text)
    if verify and value["faults"]:
        raise RaderError(f"the index is not sound: {value['faults'][0]}", "Drop it, then run: rader index")


def _build(studio: Studio, corpus: Corpus) -> tuple[dict[str, Any], str]:
    started = time.perf_counter()
    info = studio.build_index(corpus)
    seconds = round(time.perf_counter() - started, 1)
    summary = {
        "fingerprint": info.fingerprint,
        "passages": info.count,
        "kinds": info.kinds,
        "corpora": info.corpora,
        "encoded": info.encoded,
        "reused": info.reused,
        "cut": info.cut,
        "skipped": list(corpus.skipped),
        "notes": list(corpus.notes),
        "seconds": seconds,
    }
    return summary, _told(info, corpus, seconds)


def _told(info: IndexInfo, corpus: Corpus, seconds: float) -> str:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in info.kinds.items())
    lines = [f"{info.count:,} passages indexed ({counts}) in {seconds} s"]
    lines.append(f"{info.encoded:,} encoded, {info.reused:,} taken over from the index before")
    if info.cut:
        lines.append(f"{info.cut:,} were longer than the encoder reads: of those, only the beginning counts")
    if corpus.skipped:
        lines.append(f"{len(corpus.skipped)} bad lines left out, the first: {corpus.skipped[0]}")
    return "\n".join([*lines, *corpus.notes])


def _list(studio: Studio) -> tuple[list[dict[str, Any]], str]:
    from retriever.indexing.upkeep import list_indexes

    found = list_indexes(studio.settings.home, server=studio.chroma)
    lines = [
        f"{one.name[:12]}  {one.state:<12}{one.count:>9,} passages {one.bytes / 1e6:>9.1f} MB  {one.encoder}"
        for one in found
    ]
    return [one.model_dump(mode="json") for one in found], "\n".join(lines) or "there is no index"


def _drop(studio: Studio, name: str, force: bool) -> tuple[dict[str, Any], str]:
    from retriever.indexing.upkeep import drop_index

    gone = drop_index(studio.settings.home, name, force=force, server=studio.chroma)
    return gone.model_dump(mode="json"), f"removed the index {gone.name[:12]} ({gone.count:,} passages)"


def _verify(studio: Studio) -> tuple[dict[str, Any], str]:
    from retriever.indexing.verify import verify_index

    report = verify_index(studio.settings.home, studio.encoder, server=studio.chroma)
    text = (
        f"{report.count:,} passages looked at, {report.sampled} encoded again "
        f"(largest difference {report.deviation:.1g}), recall of the graph {report.recall:.0%}"
    )
    return report.model_dump(), "\n".join([text, *report.faults] if report.faults else [text, "sound"])
