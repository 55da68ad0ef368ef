"""``rader models``: the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from retriever.errors import RaderError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from retriever.weights import ModelStatus

models = typer.Typer(
    help="The weights: what there is, pulling it, checking it.", no_args_is_help=True, rich_markup_mode=None
)


@models.command("list")
def models_list(home: options.Home = None, config: options.Config = None, as_json: JsonFlag = False) -> None:
    """What can be pulled, and what is here."""
    from ui.assemble import Studio
    from ui.settings import load_settings
    from ui.terminal import models_table

    statuses = Studio(load_settings(config, home=home)).store.list()
    Reporter(as_json).result([status.model_dump(mode="json") for status in statuses], models_table(statuses))


@models.command("pull")
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(help="Models; default: those that chat needs.")] = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Download models and check every byte; a download that was cut off goes on where it was."""
    from ui.assemble import Studio, writable
    from ui.settings import load_settings

    reporter = Reporter(as_json)
    settings = load_settings(config, home=home)
    writable(settings.home)
    wanted = names or [settings.model, settings.encoder]
    with reporter.progress() as watch:
        studio = Studio(settings, watch)
        for name in wanted:  # a wrong name is refused before anything is downloaded
            studio.store.status(name)
        for name in wanted:
            studio.weights(name)
    _report(reporter, [studio.store.status(name) for name in wanted])


@models.command("verify")
def models_verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models; default: all that are here.")] = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare every byte of pulled models with the published sha256."""
    from ui.assemble import Studio
    from ui.settings import load_settings

    store = Studio(load_settings(config, home=home)).store
    wanted = names or [status.name for status in store.list() if status.state != "missing"]
    statuses = [store.verify(name) for name in wanted]
    _report(Reporter(as_json), statuses)
    bad = [status.name for status in statuses if status.state != "pulled"]
    if bad:
        raise RaderError(f"not whole: {', '.join(bad)}", f"Run: rader models pull {' '.join(bad)}")


def _report(reporter: Reporter, statuses: Sequence[ModelStatus]) -> None:
    lines = [f"{status.name}: {status.state}, {status.path}" for status in statuses]
    reporter.result(
        [status.model_dump(mode="json") for status in statuses], "\n".join(lines) or "nothing is pulled"
    )
