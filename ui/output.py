"""How commands speak: JSON for machines, tables and progress for people, one line for errors."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ui.retrieval import Watcher

PROGRESS = "RADER_PROGRESS"  # names a file that whoever started the command reads its progress from
TOLD_SECONDS = 0.5

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class Reporter:
    """Prints a command's result.

    Args:
        as_json: JSON on standard output, and nothing else there.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, value: Any, text: str) -> None:
        """``value`` for machines, ``text`` for people."""
        typer.echo(json.dumps(value, ensure_ascii=False) if self.as_json else text)

    def say(self, text: str, *, newline: bool = True) -> None:
        """Something for people only, as it happens."""
        if not self.as_json:
            typer.echo(text, nl=newline)

    @contextmanager
    def progress(self) -> Iterator[Watcher]:
        """A progress bar on standard error, while something takes its time; or in a file (`PROGRESS`)."""
        if file := os.environ.get(PROGRESS):
            yield _written(Path(file))
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None, visible=False)

            def watch(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total or None, visible=True)

            yield watch


def _written(file: Path) -> Watcher:
    """Keeps in a file what is done, how much, and of how much, renewed twice a second at most."""
    from retriever.files import write_atomically

    told, before = 0.0, ""

    def watch(what: str, done: int, total: int) -> None:
        nonlocal told, before
        if what == before and done < total and time.monotonic() - told < TOLD_SECONDS:
            return
        told, before = time.monotonic(), what
        write_atomically(file, json.dumps({"what": what, "done": done, "total": total}))

    return watch


def fail_clearly(app: typer.Typer) -> None:
    """Run ``app``; what goes wrong and is the user's business ends in one line and the right exit code."""
    from retriever.errors import RaderError

    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted; what was finished is kept", err=True)
        sys.exit(130)
    except RaderError as error:
        typer.echo(f"rader: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
