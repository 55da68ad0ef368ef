"""``rader eval``: how well answers and retrieval are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from retriever.errors import BadInputError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from agent.records import Trajectory

evaluations = typer.Typer(help="Measure how well it works.", no_args_is_help=True, rich_markup_mode=None)


@evaluations.command("answers")
def answers(
    problems: Annotated[Path, typer.Option(help='JSONL of {"id", "problem", "answer"}.')],
    strategy: options.Strategy = "steps",
    limit: Annotated[int | None, typer.Option(help="Only the first so many problems.", min=1)] = None,
    seed: options.Seed = 0,
    preset: options.Preset = None,
    parallel: Annotated[int, typer.Option(help="Problems in flight at once.", min=1, max=64)] = 2,
    retriever: options.Retriever = None,
    reranker: options.Reranker = None,
    model: options.Model = None,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Accuracy, tokens and time of a strategy; run again, it does only the problems that are missing."""
    from agent.log import TrajectoryLog
    from agent.problems import read_problems
    from training.evaluation.answers import evaluate_answers
    from ui.assemble import Studio, writable
    from ui.settings import load_settings, with_agent, with_search
    from ui.terminal import accuracy_line

    reporter = Reporter(as_json)
    settings = load_settings(
        config, model=model, llm_url=llm_url, llm_model=llm_model,
        reranker=reranker, chroma_url=chroma_url, home=home,
    )  # fmt: skip
    settings = with_search(with_agent(settings, retriever=retriever), preset=preset)
    wanted = read_problems(problems).problems[:limit]
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        solver = studio.solver(retrieves=options.retrieves(strategy))
        solver.log = TrajectoryLog(settings.home / "evaluations.jsonl")
        done = Counter[str]()

        def count(trajectory: Trajectory) -> None:
            done[trajectory.grade or "ungradable"] += 1
            watch(f"{strategy}: {done['correct']} correct so far", done.total(), len(wanted))

        try:
            report, _ = evaluate_answers(
                solver, wanted, strategy, seed=seed, parallel=parallel, progress=count
            )
        finally:
            studio.close()
    reporter.result(report.model_dump(), accuracy_line(report))


@evaluations.command("retrieval")
def retrieval(
    corpus: Annotated[
        list[str], typer.Option(help="Passages (JSONL, or what rader index takes); may be repeated.")
    ],
    queries: Annotated[
        str,
        typer.Option(help='JSONL of {"id", "query", "gold_ids", "excluded_ids"?, "cot"?}, or bright:SPLIT.'),
    ],
    query_field: Annotated[
        Literal["query", "cot"], typer.Option(help="cot: the query and the reasoning after it.")
    ] = "query",
    retriever: Annotated[
        list[str] | None,
        typer.Option(
            help="bm25, base, rader, hybrid, or the folder of an encoder; repeat it to compare.",
            show_default="bm25, base, hybrid",
        ),
    ] = None,
    reranker: options.Reranker = None,
    run_in: Annotated[
        list[str] | None, typer.Option(help="Another's run file (TREC) to compare, as NAME=FILE.")
    ] = None,
    run_out: Annotated[Path | None, typer.Option(help="Folder to write run files (TREC) to.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the randomisation test.")] = 0,
    skip_bad: options.SkipBad = False,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """nDCG@10, recall@10 and MRR@10 of retrievers by exact search, each pair compared on the same queries.

    Excluded ids leave the candidates before ranking; a query without hits counts zero. Vectors are kept, so
    that a corpus is encoded once.
    """
    from retriever.sources import collect_corpus
    from retriever.sources.collect import collect_queries
    from training.evaluation.reports import RetrievalConfig
    from training.evaluation.retrieval import evaluate_retrieval
    from training.evaluation.runs import read_run, write_runs
    from ui.assemble import Studio, writable
    from ui.settings import load_settings
    from ui.terminal import retrieval_table

    reporter = Reporter(as_json)
    settings = load_settings(config, reranker=reranker, llm_url=llm_url, llm_model=llm_model, home=home)
    passages = collect_corpus(corpus, shipped=False, skip_bad=skip_bad)
    asked = collect_queries(queries, query_field, skip_bad=skip_bad)
    ids = [query.id for query in asked], [passage.id for passage in passages]
    runs = {name: read_run(file, *ids) for name, file in map(_named_file, run_in or ())}
    names = retriever or ([] if runs else ["bm25", "base", "hybrid"])
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        try:
            report = evaluate_retrieval(
                passages,
                asked,
                {name: studio.exact(name, passages) for name in names},
                runs=runs,
                config=RetrievalConfig(field=query_field, seed=seed),
                benchmark=Path(queries).stem,
                progress=lambda name, done, total: watch(f"searching with {name}", done, total),
            )
        finally:
            studio.close()
    if run_out is not None:
        write_runs(run_out, report.runs)
    reporter.result(report.model_dump(mode="json"), retrieval_table(report))


def _named_file(argument: str) -> tuple[str, str]:
    name, equals, file = argument.partition("=")
    if not equals or not name or not file:
        raise BadInputError(f"--run-in {argument} is not NAME=FILE", "Write it as bm25-of-theirs=run.trec")
    return name, file
