"""``rader retrain``: from trajectories to a promoted retriever, or to the reasons why not."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retriever.errors import BadInputError
from ui.cli import options
from ui.output import JsonFlag, Reporter

VALIDATION = 0.1  # of the problems: a log of chats has few

if TYPE_CHECKING:
    from retriever.corpus import Corpus
    from training.leakage.benchmarks import Benchmark
    from training.retrain.gate import QuerySet
    from training.retrain.loop import RetrainConfig, RetrainReport, Tools
    from training.trainers.config import RetrieverTraining
    from ui.assemble import Studio


def retrain(
    trajectories: Annotated[
        list[Path],
        typer.Argument(help="Folders of rader collect or import-proofs, or files of trajectories."),
    ],
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Passages that they name; may be repeated.", show_default="what is indexed"),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="Also compare on NAME=QUERIES.jsonl:CORPUS.jsonl[,CORPUS2]; may be repeated. "
            "A NAME that begins with steps is of step queries.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run.", show_default="one in RADER_HOME/retrain for this input"),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Recipe: TOML, or one that ships, such as rader-minilm."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="What learning begins with.", show_default="the retriever that serves")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Times that every triple is seen.", min=0)] = None,
    batch: Annotated[int | None, typer.Option(help="Triples in a batch.", min=1)] = None,
    lr: Annotated[float | None, typer.Option(help="The highest learning rate.")] = None,
    held_out: Annotated[
        float, typer.Option(help="Share of problems and theorems that is compared on.", min=0, max=0.9)
    ] = 0.1,
    least: Annotated[int, typer.Option(help="Train on no fewer triples.", min=1)] = 100,
    approved: Annotated[bool, typer.Option(help="Also what a person approved, whatever its reward.")] = False,
    seed: Annotated[int, typer.Option(help="Of the splits, the training and the intervals.", min=0)] = 0,
    skip_bad: options.SkipBad = False,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Learn from trajectories; the new retriever serves only where it is better, and nowhere worse.

    Triples, training, comparison with what serves on the same queries: held-out steps of these trajectories,
    titles of the corpus, and every --benchmark. It is promoted where it is better on step queries with the
    95% interval above zero and loses no more than one point elsewhere; else it is refused, with the table.
    Killed and run again, it goes on where it was; until the last step the old retriever serves.
    """
    from training.retrain.loop import Retraining
    from training.trainers.config import RetrieverTraining, load_config
    from training.trajectories.files import TrajectoryFiles
    from ui.assemble import Studio, writable
    from ui.settings import load_settings, with_agent

    reporter = Reporter(as_json)
    settings = load_settings(config, chroma_url=chroma_url, home=home)
    settings = with_agent(settings, retriever="rader")
    sources = TrajectoryFiles(trajectories, skip_bad=skip_bad)
    named = [_named_set(each, skip_bad) for each in benchmark or ()]
    wanted = load_config(RetrieverTraining, recipe, base=base, epochs=epochs, batch=batch, lr=lr, seed=seed)
    writable(settings.home)
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        tools = _tools(studio)
        chosen = _config(wanted, tools.old, held_out, least, approved, seed)
        passages = _corpus(studio, corpus, skip_bad)
        avoid = _avoid(settings.home)
        place = out or settings.home / "retrain" / _key(sources.sha256(), passages.sha256, chosen)
        report = Retraining(sources, passages, place, chosen, tools, named, avoid).run()
    reporter.result(report.model_dump(mode="json"), summary(report))


def summary(report: RetrainReport) -> str:
    """The table and what follows from it."""
    if report.promoted:
        index = f" over {report.indexed:,} passages" if report.indexed else ""
        fate = f"{report.name} serves now{index}; take it back with: rader models rollback"
    else:
        fate = f"{report.over or 'the untrained base'} goes on serving"
    return f"{report.table}\n{fate}\nThe run is in {report.folder}"


def _tools(studio: Studio) -> Tools:
    from training.retrain.loop import Tools
    from ui.encoders import choose, serving

    version = serving(studio.settings)
    return Tools(
        home=studio.settings.home,
        serving=version.name if version else "",
        old=choose(studio.settings).name,
        encoder=studio.encoder_of,
        follow=studio.follow,
        watch=studio.watch,
    )


def _config(
    training: RetrieverTraining, old: str, held_out: float, least: int, approved: bool, seed: int
) -> RetrainConfig:
    """The loop's configuration; learning goes on from what serves where no base is named."""
    from training.retrain.loop import RetrainConfig
    from training.triples.records import TriplesConfig

    if "base" not in training.model_fields_set:
        training = training.model_copy(update={"base": old})
    triples = TriplesConfig(approved=approved, validation=VALIDATION, seed=seed)
    return RetrainConfig(training=training, triples=triples, held_out=held_out, least=least)


def _corpus(studio: Studio, files: list[str] | None, skip_bad: bool) -> Corpus:
    """The corpora named as one, else the passages that are indexed, else what ships."""
    from retriever.indexing.follow import indexed_corpus, serving_index
    from retriever.sources import collect_corpus, default_corpus
    from training.triples.corpora import merged

    if files:
        corpus, _ = merged([collect_corpus([file], shipped=False, skip_bad=skip_bad) for file in files])
        return corpus
    home, server = studio.settings.home, studio.chroma
    info = serving_index(home, studio.encoder.fingerprint, server=server)
    return indexed_corpus(home, info, server=server) if info else default_corpus()


def _named_set(argument: str, skip_bad: bool) -> QuerySet:
    from retriever.sources import collect_corpus, collect_queries
    from training.retrain.gate import QuerySet
    from training.triples.corpora import merged

    name, equals, rest = argument.partition("=")
    queries, colon, corpora = rest.rpartition(":")
    if not (equals and queries and colon and corpora and re.fullmatch(r"[\w.-]{1,64}", name)):
        raise BadInputError(
            f"--benchmark {argument} is not NAME=QUERIES:CORPUS", "Write it as steps-mine=q.jsonl:c.jsonl"
        )
    files = [collect_corpus([file], shipped=False, skip_bad=skip_bad) for file in corpora.split(",")]
    return QuerySet(name, collect_queries(queries, skip_bad=skip_bad), merged(files)[0])


def _avoid(home: Path) -> list[Benchmark]:
    """The texts of every benchmark that this machine has."""
    from training.leakage.benchmarks import found_benchmarks, read_benchmark

    return [read_benchmark(name) for name in found_benchmarks(home)]


def _key(trajectories: dict[str, str], corpus: str, config: RetrainConfig) -> str:
    """What names a run: all that it is made of."""
    parts = [sorted(trajectories.values()), corpus, config.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
