"""``rader models``: the weights, and the trained retrievers with the one that serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from retriever.errors import RaderError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from retriever.registry import Registry
    from retriever.weights import ModelStatus

models = typer.Typer(
    help="The weights: what there is, pulling it, checking it; trained retrievers: which one serves.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Kind = Annotated[Literal["retriever", "reranker"], typer.Option(help="Of what.")]


@models.command("list")
def models_list(home: options.Home = None, config: options.Config = None, as_json: JsonFlag = False) -> None:
    """What can be pulled and what is here; what was trained, its scores, and which one is promoted."""
    from ui.assemble import Studio
    from ui.settings import load_settings
    from ui.terminal import models_table
    from ui.trained import trained_rows, trained_table

    studio = Studio(load_settings(config, home=home))
    statuses, trained = studio.store.list(), trained_rows(studio.settings)
    value = [status.model_dump(mode="json") for status in statuses] + [row.to_json() for row in trained]
    Reporter(as_json).result(value, f"{models_table(statuses)}\n\n{trained_table(trained)}")


@models.command("promote")
def models_promote(
    name: Annotated[str, typer.Argument(help="A trained model of the list, or the folder of a training.")],
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a trained retriever or reranker serve: its index is built beside the old one, then it is switched.

    A folder of rader train becomes a version first. Nothing is compared: rader retrain does that.
    """
    from retriever.registry import Registry
    from ui.assemble import Studio, writable
    from ui.settings import load_settings
    from ui.trained import promote

    reporter = Reporter(as_json)
    settings = load_settings(config, home=home)
    writable(settings.home)
    registry = Registry(settings.home)
    with reporter.progress() as watch:
        version = registry.find(name) or registry.add(Path(name))
        promote(Studio(settings, watch), version)
    reporter.result(_state(registry, version.name, version.release.kind), f"{version.name} serves now")


@models.command("rollback")
def models_rollback(
    kind: Kind = "retriever",
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back the latest promotion, at once: the one before serves with the index that it had."""
    from retriever.registry import Registry
    from ui.settings import load_settings
    from ui.trained import rollback

    settings = load_settings(config, home=home)
    version, note = rollback(settings, kind)
    name = version.name if version else ""
    told = f"{name or f'no trained {kind}'} serves now" + (f"; {note}" if note else "")
    Reporter(as_json).result(_state(Registry(settings.home), name, kind), told)


@models.command("export")
def models_export(
    name: Annotated[
        str, typer.Argument(help='A trained retriever of the list; "rader" is the one that serves.')
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not be there.")],
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a trained retriever as a folder that SentenceTransformer(DIR) loads, with the same vectors."""
    from retriever.trained.export import export_retriever
    from ui.encoders import choose
    from ui.settings import load_settings

    reporter = Reporter(as_json)
    settings = load_settings(config, home=home)
    with reporter.progress() as watch:
        watch(f"exporting {name}", 0, 0)
        chosen = choose(settings, "rader").name if name == "rader" else name
        release = export_retriever(chosen, folder, settings.home)
    told = f"{folder}: {release.name}, to be loaded by SentenceTransformer({str(folder)!r})"
    if release.encode.latex == "plain":
        told += "\nIts formulas must be written as words first: see README.md there"
    reporter.result(release.model_dump(mode="json") | {"folder": str(folder)}, told)


@models.command("remove")
def models_remove(
    name: Annotated[str, typer.Argument(help="A trained model that is not promoted.")],
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove a trained model and its index."""
    from retriever.indexing.upkeep import drop_index, list_indexes
    from retriever.registry import Registry
    from ui.assemble import Studio
    from ui.settings import load_settings

    studio = Studio(load_settings(config, home=home))
    place = studio.settings.home
    gone = Registry(place).remove(name)
    dropped = [one.name for one in list_indexes(place, server=studio.chroma) if one.encoder == gone.name]
    for each in dropped:
        drop_index(place, each, force=True, server=studio.chroma)
    told = f"removed {gone.name}" + (f" and {len(dropped)} of its indexes" if dropped else "")
    Reporter(as_json).result({"name": gone.name, "indexes": dropped}, told)


def _state(registry: Registry, name: str, kind: Literal["retriever", "reranker"]) -> dict[str, object]:
    """What a switch came to, for machines."""
    promoted = registry.pointer().promoted.get(kind, ())
    return {"kind": kind, "serving": name, "promoted": list(promoted)}


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
