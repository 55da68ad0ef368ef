"""The ``rader`` command. Results go to standard output, everything about the way there to standard error.

Exit codes: 0 done, 1 failed with one clear line, 2 wrong usage, 130 interrupted with nothing lost.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ui.output import JsonFlag, Reporter, fail_clearly

app = typer.Typer(
    name="rader",
    help="Solve mathematics step by step, with the theorem each step needs.\n\nFirst steps: rader doctor, "
    'then rader solve "What is 15% of 80?", or rader chat for the page.',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models = typer.Typer(
    help="The weights: what there is, pulling it, checking it.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(models, name="models")
evaluations = typer.Typer(help="Measure how well it works.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(evaluations, name="eval")

Home = Annotated[
    Path | None,
    typer.Option(help="Folder for weights, index and logs.", envvar="RADER_HOME", show_default=False),
]
Config = Annotated[Path | None, typer.Option(help="Settings file (TOML).", envvar="RADER_CONFIG")]
LlmUrl = Annotated[
    str | None,
    typer.Option(
        help="OpenAI-compatible server to use instead of the embedded model, such as http://127.0.0.1:8000/v1."
    ),
]
LlmModel = Annotated[str | None, typer.Option(help="The model's name on that server.")]
Model = Annotated[str | None, typer.Option(help="The embedded model; see: rader models list.")]


class StrategyName(StrEnum):
    """Names of the strategies on the command line."""

    steps = "steps"
    rag = "rag"
    cot = "cot"


Strategy = Annotated[
    StrategyName,
    typer.Option(
        help="steps: retrieve where a step asks for it; rag: retrieve on the question; cot: no retrieval."
    ),
]
RetrieverOption = Annotated[
    str | None, typer.Option(help="bm25, base, rader or hybrid.", show_default="hybrid")
]


def main() -> None:
    """Entry point of the ``rader`` command."""
    fail_clearly(app)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"rader {installed('rader-studio')}")
        raise typer.Exit


@app.command()
def chat(
    port: Annotated[int | None, typer.Option(help="Port of the page.", show_default="7860")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    model: Model = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    home: Home = None,
    config: Config = None,
) -> None:
    """Serve the chat on http://127.0.0.1:7860; missing weights are pulled, a missing index is built."""
    from ui.commands import run_chat

    run_chat(config, port=port, host=host, model=model, llm_url=llm_url, llm_model=llm_model, home=home)


@app.command()
def solve(
    text: Annotated[str, typer.Argument(help='The problem; "-" reads standard input.')],
    strategy: Strategy = StrategyName.steps,
    answer: Annotated[str | None, typer.Option(help="The gold answer, to grade the result.")] = None,
    depth: Annotated[int | None, typer.Option(help="Most steps of thought.")] = None,
    hits: Annotated[int | None, typer.Option(help="Passages retrieved for a query.")] = None,
    retriever: RetrieverOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the language model.")] = 0,
    resume: Annotated[str | None, typer.Option(help="Id of a run that was killed, to go on with it.")] = None,
    model: Model = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Solve one problem, showing every thought and every theorem found."""
    from ui.commands import run_solve

    run_solve(
        Reporter(as_json), config, _text(text),
        strategy=strategy.value, answer=answer, seed=seed, run_id=resume or "",
        overrides={"depth": depth, "hits": hits, "retriever": retriever},
        model=model, llm_url=llm_url, llm_model=llm_model, home=home,
    )  # fmt: skip


@app.command()
def search(
    text: Annotated[str, typer.Argument(help='The query; "-" reads standard input.')],
    k: Annotated[int, typer.Option("-k", "--hits", help="How many hits.", min=1, max=1000)] = 10,
    retriever: RetrieverOption = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only passages of this kind; may be repeated.")
    ] = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Find theorems and code for a question or a step of reasoning."""
    from ui.commands import run_search

    run_search(Reporter(as_json), config, _text(text), k, retriever, tuple(kind or ()), home=home)


@app.command()
def index(
    corpus: Annotated[list[Path] | None, typer.Argument(help="Corpus files (JSONL) to add.")] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(
            help="An installed Python package to add, such as networkx.algorithms; may be repeated."
        ),
    ] = None,
    shipped: Annotated[bool, typer.Option(help="The theorems and code that come with the product.")] = True,
    skip_bad: Annotated[bool, typer.Option(help="Leave out bad lines and count them.")] = False,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Build the index: what ships, corpus files and the functions of Python packages (read, never imported).

    Only passages that are new or changed are encoded; a build that was killed goes on where it was.
    """
    from ui.commands import run_index

    run_index(
        Reporter(as_json), config, corpus or [], code or [], shipped=shipped, skip_bad=skip_bad, home=home
    )


@models.command("list")
def models_list(home: Home = None, config: Config = None, as_json: JsonFlag = False) -> None:
    """What can be pulled, and what is here."""
    from ui.commands import run_models_list

    run_models_list(Reporter(as_json), config, home=home)


@models.command("pull")
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(help="Models; default: those that chat needs.")] = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Download models and check every byte; a download that was cut off goes on where it was."""
    from ui.commands import run_models_pull

    run_models_pull(Reporter(as_json), config, names or [], home=home)


@models.command("verify")
def models_verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models; default: all that are here.")] = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare every byte of pulled models with the published sha256."""
    from ui.commands import run_models_verify

    run_models_verify(Reporter(as_json), config, names or [], home=home)


@evaluations.command("answers")
def eval_answers(
    problems: Annotated[Path, typer.Option(help='JSONL of {"id", "problem", "answer"}.')],
    strategy: Strategy = StrategyName.steps,
    limit: Annotated[int | None, typer.Option(help="Only the first so many problems.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the language model.")] = 0,
    parallel: Annotated[int, typer.Option(help="Problems in flight at once.", min=1, max=64)] = 2,
    retriever: RetrieverOption = None,
    model: Model = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Accuracy, tokens and time of a strategy; run again, it does only the problems that are missing."""
    from ui.commands import run_eval_answers

    run_eval_answers(
        Reporter(as_json), config, problems,
        strategy=strategy.value, limit=limit, seed=seed, parallel=parallel,
        overrides={"retriever": retriever}, model=model, llm_url=llm_url, llm_model=llm_model, home=home,
    )  # fmt: skip


@app.command()
def doctor(
    llm_url: LlmUrl = None,
    home: Home = None,
    config: Config = None,
    as_json: JsonFlag = False,
) -> None:
    """What is installed, pulled, indexed and reachable, and what to run for each thing that is not."""
    from ui.doctor import run_doctor

    run_doctor(Reporter(as_json), config, llm_url=llm_url, home=home)


def _text(text: str) -> str:
    return sys.stdin.read() if text == "-" else text


if __name__ == "__main__":
    main()
