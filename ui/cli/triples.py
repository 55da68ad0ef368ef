"""``rader triples``: training data out of trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retriever.errors import BadInputError
from retriever.jsonl import reasons
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from retriever.corpus import Corpus
    from training.leakage.watch import LeakageReport, Watch
    from training.triples.pending import Helpers
    from training.triples.records import TriplesConfig, TriplesReport
    from ui.assemble import Studio


def triples(
    trajectories: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of rader collect or rader import-proofs, or files of trajectories.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for triples.jsonl, validation.jsonl and reports.")] = Path(
        "triples"
    ),
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            help="Passages that trajectories name beside what ships; may be repeated.", show_default=False
        ),
    ] = None,
    types: Annotated[
        str, typer.Option(help="Query types: question and steps, question, a model's sentence, search words.")
    ] = "cot,question,llm,lexical",
    negatives: Annotated[int, typer.Option(help="Hard negatives of a query, at most.", min=0, max=1000)] = 12,
    mine: Annotated[
        str,
        typer.Option(
            help="Retrievers whose best hits become hard negatives, such as bm25,base.",
            show_default="only what reflection rejected",
        ),
    ] = "",
    depth: Annotated[int, typer.Option(help="Hits that each of them is asked for.", min=1, max=1000)] = 50,
    validation: Annotated[
        float, typer.Option(help="Share of the problems that validate, with their twins.", min=0, max=0.99)
    ] = 0.05,
    held_out: Annotated[
        float,
        typer.Option(
            help="Share of the theorems of proofs kept out of training, for evaluation.", min=0, max=0.99
        ),
    ] = 0.0,
    approved: Annotated[bool, typer.Option(help="Also what a person approved, whatever its reward.")] = False,
    written: Annotated[bool, typer.Option(help="Also the problems written by hand that ship.")] = False,
    written_file: Annotated[
        list[Path] | None,
        typer.Option(help='Your own: JSONL of {"id", "problem", "reasoning", "ask"}.', show_default=False),
    ] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(
            help='Queries whose passages are known: JSONL of {"id", "query", "gold_ids"}; repeatable.',
            show_default=False,
        ),
    ] = None,
    ask_llm: Annotated[
        bool, typer.Option(help="Let the language model write llm and lexical queries; takes its time.")
    ] = False,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="Stay away from what these ask: JSONL of queries or problems, bright:SPLIT; repeatable. "
            "Those in RADER_HOME/benchmarks and BRIGHT in the hub's cache are always looked at.",
            show_default=False,
        ),
    ] = None,
    allow_leakage: Annotated[
        bool, typer.Option(help="Keep what is too like a benchmark, and only report it.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    skip_bad: options.SkipBad = False,
    model: options.Model = None,
    llm_url: options.LlmUrl = None,
    llm_model: options.LlmModel = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Turn trajectories into training data: a query, the passage that helped, and hard negatives.

    Of a solution that came to the right answer, every retrieval teaches: what was known so far is the query,
    the theorem that was used is the positive, what reflection rejected are negatives. What repeats a
    benchmark is left out and reported in leakage.json; report.json says what else was left out, and why.

    First rader collect or rader import-proofs, then this, then rader train retriever.
    """
    from training.trajectories.files import TrajectoryFiles
    from training.trajectories.written import shipped_problems
    from training.triples.build import make_triples
    from ui.assemble import Studio, writable
    from ui.settings import load_settings

    reporter, miners = Reporter(as_json), _names(mine)
    settings = load_settings(config, model=model, llm_url=llm_url, llm_model=llm_model, home=home)
    wanted = _config(
        types=_names(types), negatives=negatives, depth=depth, validation=validation, held_out=held_out,
        approved=approved, allow_leakage=allow_leakage, seed=seed,
    )  # fmt: skip
    own = [*(written_file or ()), *([shipped_problems()] if written else ())]
    sources = TrajectoryFiles(trajectories or (), own, labelled or (), skip_bad=skip_bad)
    leakage = _watch(settings.home, benchmark or (), allow_leakage)
    corpora = _corpora(corpus or (), skip_bad)
    writable(out)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        try:
            kept = out / "llm_queries.jsonl" if ask_llm else None
            helpers = _helpers(studio, corpora, miners, "lexical" in wanted.types, kept)
            helpers = replace(helpers, leakage=leakage)
            report = make_triples(sources, corpora, out, wanted, helpers, watch)
        finally:
            studio.close()
    leaks = leakage.report(kept=allow_leakage) if leakage else None
    value = report.model_dump(mode="json") | {"leakage": leaks.model_dump(mode="json") if leaks else None}
    reporter.result(value, summary(report, leaks, out))


def summary(report: TriplesReport, leaks: LeakageReport | None, out: Path) -> str:
    """What was made, for people."""
    kinds = {name: report.train.get(name, 0) for name in sorted({*report.train, *report.validation})}
    lines = [
        f"{report.triples:,} triples in {out}: {report.problems:,} problems, {report.theorems:,} theorems",
        "to train on: " + ", ".join(f"{name} {count:,}" for name, count in kinds.items()),
        f"{sum(report.validation.values()):,} of them validate; {report.negatives:g} hard negatives a query",
        *(f"left out, {reason}: {count:,}" for reason, count in report.dropped.items()),
        *report.warnings,
    ]
    if leaks is None:
        lines.append("no benchmark to stay away from: name some with --benchmark")
    else:
        fate = "kept" if leaks.kept else "left out"
        where = f"one of {len(leaks.benchmarks)} benchmarks"
        lines.append(f"{leaks.hits:,} of {leaks.checked:,} texts repeat {where}: {fate}")
    if report.skipped:
        lines.append(f"{len(report.skipped)} bad lines left out, the first: {report.skipped[0]}")
    return "\n".join(lines)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _config(**values: Any) -> TriplesConfig:
    from pydantic import ValidationError

    from training.triples.records import TriplesConfig

    try:
        return TriplesConfig(**values)
    except ValidationError as error:
        raise BadInputError(reasons(error), "See rader triples --help") from error


def _corpora(files: Sequence[str], skip_bad: bool) -> list[Corpus]:
    """What ships, and each corpus named."""
    from retriever.sources import collect_corpus, default_corpus

    named = [collect_corpus([file], shipped=False, skip_bad=skip_bad) for file in files]
    return [default_corpus(), *named]


def _watch(home: Path, given: Sequence[str], allow: bool) -> Watch | None:
    """The benchmarks of this machine; the product's own prompts have been compared with them."""
    from training.leakage.benchmarks import found_benchmarks, read_benchmark
    from training.leakage.watch import Watch, prompt_texts, refuse

    names = dict.fromkeys([*given, *found_benchmarks(home)])
    if not names:
        return None
    watch = Watch([read_benchmark(name) for name in names])
    for place, text in prompt_texts():
        watch.found(place, text)
    refuse(watch.report(), allow=allow)
    return watch


def _helpers(
    studio: Studio, corpora: Sequence[Corpus], mine: Sequence[str], lexical: bool, kept: Path | None
) -> Helpers:
    """Retrievers that mine and the model that writes, as far as they are wanted."""
    from retriever.encoding.vectors import passage_vectors
    from retriever.lexical import LexicalIndex
    from training.triples.corpora import merged
    from training.triples.llm_queries import QueryWriter
    from training.triples.negatives import by_search, by_words, cosine_of
    from training.triples.pending import Helpers

    corpus, _ = merged(corpora)
    words = LexicalIndex.build(corpus) if lexical or "bm25" in mine else None
    searchers = {name: studio.exact(name, corpus) for name in mine if name != "bm25"}
    miners = {name: by_search(searcher) for name, searcher in searchers.items()}
    cosine = None
    if searchers:
        passages, encoder = list(corpus), next(iter(searchers.values())).encoder
        vectors, _ = passage_vectors(passages, encoder, studio.settings.home)
        cosine = cosine_of([passage.id for passage in passages], vectors)
    writer = None
    if kept:
        llm = studio.llm
        writer = QueryWriter(
            llm.as_langchain(), identity=llm.fingerprint, kept=kept, in_flight=studio.settings.slots
        )
    return Helpers(
        miners=miners | ({"bm25": by_words(words)} if words and "bm25" in mine else {}),
        lexical=words,
        cosine=cosine,
        writer=writer,
    )
