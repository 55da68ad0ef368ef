"""``rader train``: a retriever or a reranker out of triples."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from retriever.errors import BadInputError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from retriever.corpus import Corpus
    from training.trainers.config import Training

train = typer.Typer(
    help="Train a retriever or a reranker.\n\nFirst rader collect or rader import-proofs, then "
    "rader triples. Then compare: rader eval retrieval … --retriever base --retriever OUT/adapter.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Triples = Annotated[
    Path,
    typer.Argument(help="Folder of rader triples: triples.jsonl, and validation.jsonl to validate with."),
]
CorpusFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        help="Passages that the triples name (JSONL, or what rader index takes); may be repeated.",
        show_default="corpus.jsonl beside the triples",
    ),
]
Recipe = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Recipe: TOML, or one that ships, such as rader-minilm; flags win over it."
    ),
]
Base = Annotated[
    str | None,
    typer.Option(help="What to start from: a preset, a folder, or a repository org/name of the hub."),
]
Method = Annotated[
    Literal["lora", "full"] | None,
    typer.Option(help="Train an adapter, a few MB (OUT/adapter), or all weights (OUT/model)."),
]
AnyMethod = Annotated[
    Literal["lora", "full", "low-rank"] | None,
    typer.Option(
        help="Train an adapter, a few MB (OUT/adapter); all weights (OUT/model); or all weights that an "
        "adapter can change, saved as the adapter nearest to them, which takes half the time of lora."
    ),
]
Out = Annotated[
    Path, typer.Option(help="Folder of the run. After an interruption the same command goes on from there.")
]
Epochs = Annotated[float | None, typer.Option(help="How often every triple is seen.", min=0.0)]
Batch = Annotated[int | None, typer.Option(help="Triples in a batch, on each device.", min=1)]
Lr = Annotated[float | None, typer.Option(help="The highest learning rate.")]
Seed = Annotated[int | None, typer.Option(help="Decides the order of the triples and all that is random.")]
Limit = Annotated[int | None, typer.Option(help="Train on a draw of so many triples.", min=1)]
Device = Annotated[str | None, typer.Option(help='"cpu"; else the best there is.')]
Benchmark = Annotated[
    list[str] | None,
    typer.Option(
        help="Refuse triples that repeat what these ask: JSONL of queries or problems, bright:SPLIT; "
        "repeatable. Those in RADER_HOME/benchmarks are always looked at.",
        show_default=False,
    ),
]
AllowLeakage = Annotated[bool, typer.Option(help="Train all the same, and say so in run.json.")]


class Asked(NamedTuple):
    """What both commands are told besides the recipe."""

    triples: Path
    corpus: list[str] | None
    out: Path
    benchmark: list[str] | None
    allow_leakage: bool
    home: Path | None
    as_json: bool


@train.command("retriever")
def retriever(
    triples: Triples,
    out: Out,
    corpus: CorpusFiles = None,
    config: Recipe = None,
    base: Base = None,
    method: AnyMethod = None,
    epochs: Epochs = None,
    batch: Batch = None,
    lr: Lr = None,
    seed: Seed = None,
    limit: Limit = None,
    device: Device = None,
    benchmark: Benchmark = None,
    allow_leakage: AllowLeakage = False,
    home: options.Home = None,
    as_json: JsonFlag = False,
) -> None:
    """Train a bi-encoder: a query shall be nearer to its passage than to its hard negatives and all else.

    OUT/adapter or OUT/model is the best by nDCG@10 on validation.jsonl; run.json says what decided it,
    loss.svg shows how it went. An adapter as --base goes on learning. Two GPUs: torchrun --nproc-per-node 2
    -m ui.cli train retriever, with the same flags. Then: rader eval retrieval --retriever base --retriever
    OUT/adapter …
    """
    from training.trainers.bi_encoder import train_retriever
    from training.trainers.config import RetrieverTraining, load_config

    recipe = load_config(
        RetrieverTraining, config, base=base, method=method, epochs=epochs, batch=batch,
        lr=lr, seed=seed, limit=limit, device=device,
    )  # fmt: skip
    _run(train_retriever, recipe, Asked(triples, corpus, out, benchmark, allow_leakage, home, as_json))


@train.command("average")
def average(
    adapters: Annotated[list[Path], typer.Argument(help="Folders of adapters, such as RUN/adapter.")],
    out: Annotated[Path, typer.Option(help="Folder for their average.")] = Path("average"),
    weights: Annotated[
        str, typer.Option(help="Of each adapter, by commas.", show_default="all the same, 1 together")
    ] = "",
    home: options.Home = None,
    as_json: JsonFlag = False,
) -> None:
    """Average adapters of one base: often better on every set than each of them.

    Each may come from a run of its own data, seed or recipe. Choose the weights on development sets only.
    Then: rader eval retrieval --retriever RUN/adapter --retriever OUT …
    """
    from training.trainers.soup import average_adapters
    from ui.settings import load_settings

    try:
        shares = (
            [float(one) for one in weights.split(",")] if weights else [1 / len(adapters)] * len(adapters)
        )
    except ValueError as error:
        raise BadInputError(f"--weights {weights!r} are no numbers", "Such as --weights 0.5,0.5") from error
    folder = average_adapters(adapters, shares, out, load_settings(None, home=home).home)
    Reporter(as_json).result({"folder": str(folder), "weights": shares}, f"the average is in {folder}")


@train.command("reranker")
def reranker(
    triples: Triples,
    out: Out,
    corpus: CorpusFiles = None,
    config: Recipe = None,
    base: Base = None,
    method: Method = None,
    epochs: Epochs = None,
    batch: Batch = None,
    lr: Lr = None,
    seed: Seed = None,
    limit: Limit = None,
    device: Device = None,
    benchmark: Benchmark = None,
    allow_leakage: AllowLeakage = False,
    home: options.Home = None,
    as_json: JsonFlag = False,
) -> None:
    """Train a cross-encoder: a query's passage shall come before its hard negatives.

    It reads a query and a passage together and gives one number. --base is a cross-encoder, or a decoder,
    which gets a linear head as in the paper. Triples without negatives are left out. Then:
    rader search TEXT --reranker OUT/model (or OUT/adapter).
    """
    from training.trainers.config import RerankerTraining, load_config
    from training.trainers.reranker import train_reranker

    recipe = load_config(
        RerankerTraining, config, base=base, method=method, epochs=epochs, batch=batch,
        lr=lr, seed=seed, limit=limit, device=device,
    )  # fmt: skip
    _run(train_reranker, recipe, Asked(triples, corpus, out, benchmark, allow_leakage, home, as_json))


def _run(trainer: Callable[..., dict[str, Any]], recipe: Training, asked: Asked) -> None:
    """Read, check for leakage, train, say what came of it."""
    from training.trainers.leakage import leakage
    from training.trainers.model import require_extra
    from ui.settings import load_settings

    require_extra()
    reporter, home = Reporter(asked.as_json), load_settings(home=asked.home).home
    passages = _passages(asked)
    with reporter.progress() as watch:
        watch("comparing with benchmarks", 0, 0)
        notes = leakage(asked.triples, home, asked.benchmark or (), allow=asked.allow_leakage)
        watch("loading the base", 0, 0)
        report = trainer(
            recipe,
            asked.triples,
            passages,
            asked.out,
            home=home,
            notes=notes,
            progress=lambda done, total, news: watch(f"training: {news}", done, total),
        )
    if os.environ.get("RANK", "0") == "0":  # of processes that train together, one speaks
        reporter.result(report, summary(report, asked.out))


def _passages(asked: Asked) -> Corpus:
    from retriever.sources import collect_corpus

    return collect_corpus(asked.corpus or [str(asked.triples / "corpus.jsonl")], shipped=False)


def summary(report: dict[str, Any], out: Path) -> str:
    """What was trained, for people."""
    result, leaks = report["result"], report.get("leakage")
    validated = result["best"] is not None
    best = f"nDCG@10 {result['best']:.1f} on validation.jsonl" if validated else "not validated"
    checked = (
        f"{leaks['checked']:,} texts compared with benchmarks" if leaks else "no benchmark to compare with"
    )
    return (
        f"{out / result['folder']}: {best}, step {result['best_step'] or result['steps']:,} "
        f"of {result['steps']:,}\n"
        f"{result['seconds']:,.0f} s, {result['samples_per_second']:.1f} triples a second; {checked}\n"
        f"What decided it is in {out / 'run.json'}, how it went in {out / 'loss.svg'}"
    )
