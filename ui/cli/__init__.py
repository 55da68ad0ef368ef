"""The ``rader`` command. Results go to standard output, everything about the way there to standard error.

Exit codes: 0 done, 1 failed with one clear line, 2 wrong usage, 130 interrupted with nothing lost.
One file a group of commands; heavy packages are imported within the commands, so that --help answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ui.cli import on_ray
from ui.cli.collect import collect
from ui.cli.doctor import doctor
from ui.cli.evaluate import evaluations
from ui.cli.index import index
from ui.cli.models import models
from ui.cli.proofs import import_proofs
from ui.cli.retrain import retrain
from ui.cli.search import search
from ui.cli.serve import serve_llm
from ui.cli.solve import chat, solve
from ui.cli.train import train
from ui.cli.triples import triples
from ui.output import fail_clearly

app = typer.Typer(
    name="rader",
    help="Solve mathematics step by step, with the theorem each step needs.\n\nFirst steps: rader doctor, "
    'then rader solve "What is 15% of 80?", or rader chat for the page.',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (chat, solve, search, index):
    app.command()(command)
app.command(cls=on_ray.Command)(collect)
app.command("serve-llm")(serve_llm)
app.command("import-proofs")(import_proofs)
app.command()(triples)
app.command()(retrain)
app.add_typer(models, name="models")
app.add_typer(evaluations, name="eval")
app.add_typer(train, name="train")
app.command()(doctor)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"rader {installed('rader-studio')}")
        raise typer.Exit


def main() -> None:
    """Entry point of the ``rader`` command."""
    fail_clearly(app)
