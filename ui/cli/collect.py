"""``rader collect``: problems in, trajectories out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from retriever.errors import BadInputError
from ui.cli import on_ray, options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from agent.collection import Attempt, Collection, Counts, Progress
    from ui.retrieval import Watcher
    from ui.settings import Settings


def collect(
    problems: Annotated[Path, typer.Argument(help="JSONL of problems; see --format.")],
    out: Annotated[Path, typer.Option(help="Folder for trajectories.jsonl; run again, it is gone on with.")],
    strategy: options.Strategy = "steps",
    limit: Annotated[int | None, typer.Option(help="Only the first so many problems.", min=1)] = None,
    rollouts: Annotated[
        int | None,
        typer.Option(
            help="Rollouts of the tree search; with another strategy, attempts at a problem.",
            min=1,
            max=256,
            show_default="as the preset says; 1",
        ),
    ] = None,
    preset: options.Preset = None,
    seed: options.Seed = 0,
    kind: Annotated[
        Literal["auto", "rader", "math", "gsm8k", "numina"],
        typer.Option("--format", help="How the problems are written; auto looks at each line."),
    ] = "auto",
    parallel: Annotated[
        int | None,
        typer.Option(
            help="Attempts in flight, with --ray on each worker.",
            min=1,
            show_default="as many as the embedded model has slots",
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option(help="Also what failed for good before.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Folder to keep every call of the model and every search in, for --replay."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a recording, to run again without model or index. With --retriever: what that "
            "one would have found for the recorded queries, in what_if.jsonl."
        ),
    ] = None,
    ray: on_ray.Address = None,
    workers: on_ray.Workers = None,
    skip_bad: options.SkipBad = False,
    retriever: options.Retriever = None,
    reranker: options.Reranker = None,
    model: options.Model = None,
    llm_url: on_ray.Endpoints = None,
    llm_model: options.LlmModel = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Solve many problems and keep every trajectory; run again, it does only what is missing.

    Killed at any moment, no attempt is lost or done twice, and those under way go on from their last step.
    What the model's server refuses for good is recorded with its reason and skipped; a server that is down is
    waited for.
    """
    from agent.collection import Attempt
    from agent.problems import read_problems
    from agent.search_recording import recorded_mode
    from ui.assemble import writable
    from ui.settings import load_settings, with_agent, with_search

    if record and replay:
        raise BadInputError("--record and --replay exclude each other", "Choose one")
    reporter = Reporter(as_json)
    settings = load_settings(
        config, model=model, llm_url=",".join(llm_url or ()) or None, llm_model=llm_model,
        reranker=reranker, chroma_url=chroma_url, home=home,
    )  # fmt: skip
    on_ray.check(settings, ray, workers, recording=bool(record or replay))
    settings = with_agent(settings, retriever=recorded_mode(replay) if replay else retriever)
    attempts = 1
    if strategy == "mcts":
        settings = with_search(settings, preset=preset, rollouts=rollouts)
    elif rollouts is not None and rollouts > 1:  # attempts at temperature 0 would all be the same
        attempts, settings = rollouts, with_agent(settings, temperature=settings.samples.temperature)
    found = read_problems(problems, kind=kind, skip_bad=skip_bad)
    seeds = range(seed, seed + attempts)
    asked = _Asked(
        [Attempt(one, strategy, each) for one in found.problems[:limit] for each in seeds],
        options.retrieves(strategy), parallel or settings.slots, retry_failed,
    )  # fmt: skip
    writable(settings.home)
    make: _Make = partial(_here, calls=record or replay, live=replay is None)
    counts = _collected(settings, asked, out, partial(_on_ray, ray, workers) if ray else make, reporter)
    told = counts.model_dump() | {"skipped": found.skipped, "duplicates": found.duplicates}
    lines = [summary(counts, out)]
    if replay and retriever:
        told["what_if"], more = _what_if(settings, retriever, out, reporter)
        lines += more
    reporter.result(told, "\n".join(lines))


def _what_if(
    settings: Settings, retriever: str, out: Path, reporter: Reporter
) -> tuple[dict[str, Any], list[str]]:
    """What another retriever finds for the trajectories in ``out``, for machines and for people."""
    from agent.collection import Collection
    from ui.cli.what_if import compared

    with reporter.progress() as watch:
        report, lines = compared(settings, retriever, list(Collection(out).log.read()), out, watch)
    return report.model_dump() | {"retriever": retriever}, lines


class _Asked(NamedTuple):
    """What to collect, and how."""

    attempts: list[Attempt]
    retrieves: bool
    parallel: int
    retry_failed: bool


_Make = Callable[["Settings", _Asked, "Collection", "Watcher"], "Counts"]


def _collected(settings: Settings, asked: _Asked, out: Path, make: _Make, reporter: Reporter) -> Counts:
    from agent.collection import Collection

    collection = Collection(out)
    with collection.held(), reporter.progress() as watch:
        return make(settings, asked, collection, watch)


def _here(
    settings: Settings,
    asked: _Asked,
    collection: Collection,
    watch: Watcher,
    *,
    calls: Path | None,
    live: bool,
) -> Counts:
    """Make the attempts in this process."""
    from agent.collect import collect as collect_all
    from ui.assemble import Studio

    studio = Studio(settings, watch)
    if calls:
        studio.play(calls, ask=live)
    try:
        return asyncio.run(
            collect_all(
                studio.solver(retrieves=asked.retrieves, collecting=True),
                asked.attempts,
                collection,
                parallel=asked.parallel,
                retry_failed=asked.retry_failed,
                progress=_told(watch),
            )
        )
    finally:
        studio.close()


def _on_ray(
    address: str,
    workers: int | None,
    settings: Settings,
    asked: _Asked,
    collection: Collection,
    watch: Watcher,
) -> Counts:
    """Make the attempts on a Ray cluster."""
    watch("starting Ray's workers", 0, 0)
    return on_ray.collected(
        settings,
        asked.attempts,
        collection,
        address=address,
        workers=workers,
        parallel=asked.parallel,
        retry_failed=asked.retry_failed,
        retrieves=asked.retrieves,
        progress=_told(watch),
    )


def _told(watch: Watcher) -> Progress:
    return lambda counts: watch(_so_far(counts), counts.done, counts.attempts)


def _so_far(counts: Counts) -> str:
    rate = counts.new / counts.seconds * 60 if counts.seconds else 0.0
    return f"{counts.accuracy:.0%} correct, {rate:.1f} a minute, {counts.tokens:,} tokens"


def summary(counts: Counts, out: Path) -> str:
    """What a collection holds, for people."""
    lines = [
        f"{counts.done} of {counts.attempts} attempts in {out / 'trajectories.jsonl'}, {counts.new} new",
        f"{counts.correct} correct, {counts.wrong} wrong, {counts.ungradable} ungradable, "
        f"{counts.ungraded} without a gold answer, {counts.failed} failed",
        f"{counts.unsound} not sound (a checked claim fails on the way), "
        f"{counts.unsound_correct} of them correct",
        f"{counts.retrievals} retrievals; {counts.relevant} of {counts.judged} passages judged relevant; "
        f"{counts.tokens:,} tokens",
    ]
    return "\n".join(lines)
