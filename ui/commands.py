"""What each command does once its flags are read. Heavy packages are imported here, never in ``cli``."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.errors import RaderError
from ui.assemble import Studio, writable
from ui.output import Reporter
from ui.settings import Settings, load_settings

if TYPE_CHECKING:
    from agent.events import Event
    from agent.records import Trajectory
    from retriever.weights import ModelStatus


def run_chat(config: Path | None, **flags: Any) -> None:
    """``rader chat``: pull, index, serve until interrupted; the model loads while the page is opened."""
    from ui.app import build_app, free_port, launch

    settings = load_settings(config, **flags)
    free_port(settings.host, settings.port)
    writable(settings.home)
    reporter = Reporter(as_json=False)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        studio.prepare()
    page = build_app(studio.solver, defaults=settings.agent, about=_about(settings))
    studio.warm_up()
    try:
        launch(page, host=settings.host, port=settings.port, on_ready=lambda url: reporter.say(_welcome(url)))
    finally:
        studio.close()


def _about(settings: Settings) -> str:
    model = settings.llm_url or settings.model
    return f"{model}, {settings.agent.retriever} retrieval with {settings.encoder}"


def _welcome(url: str) -> str:
    return f"RaDeR Studio is at {url} (stop it with Ctrl-C)"


def run_solve(
    reporter: Reporter,
    config: Path | None,
    text: str,
    *,
    strategy: Any,
    answer: str | None,
    seed: int,
    run_id: str,
    overrides: dict[str, Any],
    **flags: Any,
) -> None:
    """``rader solve``: stream the run, or print its trajectory."""
    from agent.solve import new_problem

    settings = with_agent(load_settings(config, **flags), **overrides)
    problem = new_problem(text, answer=answer, limit=settings.agent.problem_chars)
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        solver = studio.solver(retrieves=strategy != "cot")
    try:
        events = solver.solve(problem, strategy, seed=seed, run_id=run_id)
        trajectory = asyncio.run(_follow(events, reporter))
    finally:
        studio.close()
    reporter.result(trajectory.to_record(), _closing_line(trajectory))
    if trajectory.error:
        raise RaderError(trajectory.error)


async def _follow(events: Any, reporter: Reporter) -> Trajectory:
    """Show each event; the trajectory at the end."""
    from contextlib import aclosing

    from agent.events import Finished
    from ui.terminal import describe

    async with aclosing(events) as stream:
        event: Event
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


def run_search(
    reporter: Reporter,
    config: Path | None,
    text: str,
    k: int,
    retriever: Any,
    kinds: tuple[str, ...],
    **flags: Any,
) -> None:
    """``rader search``: the contract of DESIGN on standard output."""
    settings = load_settings(config, **flags)
    writable(settings.home)
    with reporter.progress() as watch:
        search = Studio(settings, watch).retriever
        search.encoder.load()
    result = search.search(text, k, mode=retriever, kinds=kinds)
    from ui.terminal import hits_table

    reporter.result(result.to_json(), hits_table(result))


def run_index(
    reporter: Reporter,
    config: Path | None,
    files: Sequence[Path],
    packages: Sequence[str],
    *,
    shipped: bool,
    skip_bad: bool,
    **flags: Any,
) -> None:
    """``rader index``: collect the passages, build, switch in, report."""
    from retriever.sources import collect_corpus

    settings = load_settings(config, **flags)
    corpus = collect_corpus(files, packages, shipped=shipped, skip_bad=skip_bad)
    writable(settings.home)
    started = time.perf_counter()
    with reporter.progress() as watch:
        info = Studio(settings, watch).build_index(corpus)
    kinds = dict(Counter(passage.kind for passage in corpus).most_common())
    summary = {
        "fingerprint": info.fingerprint,
        "passages": info.count,
        "kinds": kinds,
        "skipped": list(corpus.skipped),
        "seconds": round(time.perf_counter() - started, 1),
    }
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    skipped = f"; {len(corpus.skipped)} bad lines left out" if corpus.skipped else ""
    text = f"{info.count:,} passages indexed ({counts}){skipped} in {summary['seconds']} s"
    reporter.result(summary, text)


def run_eval_answers(
    reporter: Reporter,
    config: Path | None,
    file: Path,
    *,
    strategy: Any,
    limit: int | None,
    seed: int,
    parallel: int,
    overrides: dict[str, Any],
    **flags: Any,
) -> None:
    """``rader eval answers``: solve a file of problems, report accuracy with its interval."""
    from agent.log import TrajectoryLog
    from training.evaluate import evaluate_answers
    from training.problems import read_problems
    from ui.terminal import accuracy_line

    settings = with_agent(load_settings(config, **flags), **overrides)
    problems = read_problems(file)[:limit]
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        solver = studio.solver(retrieves=strategy != "cot")
        solver.log = TrajectoryLog(settings.home / "evaluations.jsonl")
        done = Counter[str]()

        def count(trajectory: Trajectory) -> None:
            done[trajectory.grade or "ungradable"] += 1
            watch(f"{strategy}: {done['correct']} correct so far", done.total(), len(problems))

        try:
            report, _ = evaluate_answers(
                solver, problems, strategy, seed=seed, parallel=parallel, progress=count
            )
        finally:
            studio.close()
    reporter.result(report.model_dump(), accuracy_line(report))


def run_models_list(reporter: Reporter, config: Path | None, **flags: Any) -> None:
    """``rader models list``."""
    from ui.terminal import models_table

    statuses = Studio(load_settings(config, **flags)).store.list()
    reporter.result([_status(status) for status in statuses], models_table(statuses))


def run_models_pull(reporter: Reporter, config: Path | None, names: Sequence[str], **flags: Any) -> None:
    """``rader models pull``; without names, what ``rader chat`` needs."""
    settings = load_settings(config, **flags)
    writable(settings.home)
    wanted = list(names) or [settings.model, settings.encoder]
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        for name in wanted:  # a wrong name is refused before anything is downloaded
            studio.store.status(name)
        for name in wanted:
            studio.weights(name)
    _report_models(reporter, [studio.store.status(name) for name in wanted])


def run_models_verify(reporter: Reporter, config: Path | None, names: Sequence[str], **flags: Any) -> None:
    """``rader models verify``: hash everything again; failed if a byte is wrong."""
    studio = Studio(load_settings(config, **flags))
    wanted = list(names) or [status.name for status in studio.store.list() if status.state != "missing"]
    statuses = [studio.store.verify(name) for name in wanted]
    _report_models(reporter, statuses)
    bad = [status.name for status in statuses if status.state != "pulled"]
    if bad:
        raise RaderError(f"not whole: {', '.join(bad)}", f"Run: rader models pull {' '.join(bad)}")


def _report_models(reporter: Reporter, statuses: Sequence[ModelStatus]) -> None:
    lines = [f"{status.name}: {status.state}, {status.path}" for status in statuses]
    reporter.result([_status(status) for status in statuses], "\n".join(lines) or "nothing is pulled")


def _status(status: ModelStatus) -> dict[str, Any]:
    from dataclasses import asdict, is_dataclass

    record = asdict(status) if is_dataclass(status) else status.model_dump()
    return {key: str(value) if isinstance(value, Path) else value for key, value in record.items()}


def with_agent(settings: Settings, **overrides: Any) -> Settings:
    """``settings`` with the agent's configuration changed by those overrides that are not None."""
    from agent.state import AgentConfig

    given = {name: value for name, value in overrides.items() if value is not None}
    agent = AgentConfig(**(settings.agent.model_dump() | given))
    return settings.model_copy(update={"agent": agent})
