"""The flags that several commands share, each written once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

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
Retriever = Annotated[
    str | None,
    typer.Option(help="bm25, base, rader, hybrid, or the folder of an encoder.", show_default="hybrid"),
]
Reranker = Annotated[
    str | None,
    typer.Option(help='Score the best hits again: the folder of a cross-encoder, or "llm".'),
]
ChromaUrl = Annotated[
    str | None,
    typer.Option(
        help="A Chroma server to keep the index on, such as http://127.0.0.1:8000; "
        "its token is read from RADER_CHROMA_TOKEN.",
        show_default="a folder in RADER_HOME",
    ),
]
SkipBad = Annotated[bool, typer.Option(help="Leave out bad lines and count them.")]
Seed = Annotated[int, typer.Option(help="Seed of the language model.")]


def _strategy(name: str) -> str:
    from agent.state import parse_strategy
    from retriever.errors import BadInputError

    try:
        parse_strategy(name)
    except BadInputError as error:
        raise typer.BadParameter(str(error)) from error
    return name


Strategy = Annotated[
    str,
    typer.Option(
        callback=_strategy,
        help="steps: retrieve where a step asks for it; rag: retrieve on the question; cot: no retrieval; "
        "mcts: search a tree of steps; cot@n, rag@n: the majority of n answers.",
    ),
]
Preset = Annotated[
    Literal["laptop", "paper"] | None,
    typer.Option(help="Numbers of the tree search (mcts).", show_default="laptop"),
]


def retrieves(strategy: str) -> bool:
    """Whether a strategy needs a retriever at all."""
    return not strategy.startswith("cot")


def text_of(argument: str) -> str:
    """An argument as it is; ``-`` stands for standard input."""
    return sys.stdin.read() if argument == "-" else argument
