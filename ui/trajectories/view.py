"""Trajectories: what was solved, browsed, judged, exported, collected anew and learned from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from gradio.utils import get_upload_folder

from retriever.errors import RaderError
from ui.jobs import Jobs
from ui.page import render
from ui.page.frame import QUIET
from ui.trajectories import exports
from ui.trajectories.catalogue import Catalogue
from ui.trajectories.desk import Desk, Passages, Place, Screen, place_of
from ui.trajectories.exports import Format
from ui.trajectories.filters import filter_of
from ui.trajectories.layout import FOCUS, WRITE_ADDRESS, Browse, lay_out_browse, lay_out_export
from ui.trajectories.listing import PATH
from ui.trajectories.logs import Logs
from ui.trajectories.starters import Starters

_TOLD_EVERY = 200  # trajectories of an export


class Trajectories:
    """Browse the logs of one home.

    Args:
        home: The product's folder.
        passages: Full texts of passages by their ids, as far as they are to be had.
        jobs: What runs collections and retrainings.
        may_run: Off hides what starts them.
    """

    name = "Trajectories"
    path = PATH
    tagline = "What was solved, step by step: judge it, take it with you, learn from it."
    wide = True

    def __init__(self, home: Path, passages: Passages, jobs: Jobs, *, may_run: bool = True) -> None:
        logs = Logs(home)
        self._desk = Desk(Catalogue(logs, home / "cache" / "trajectories.sqlite"), passages)
        self._starters = Starters(jobs, logs)
        self._may_run = may_run

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the view out and wire it."""
        place = gr.State(Place())
        if not self._may_run:
            self._build_browse(blocks, place)
            return
        with gr.Tabs():
            with gr.Tab("Browse"):
                self._build_browse(blocks, place)
            with gr.Tab("Collect"):
                self._starters.lay_out_collect(blocks)
            with gr.Tab("Retrain"):
                self._starters.lay_out_retrain(blocks)

    def _build_browse(self, blocks: gr.Blocks, place: gr.State) -> None:
        export = lay_out_export()
        page = lay_out_browse(place)
        desk = self._desk
        fields = [page.fields[name] for name in page.fields]
        screen = _screen_parts(page)
        everything = [*fields, *screen]
        blocks.load(partial(_load, desk), None, everything, **QUIET)
        page.links.follow(partial(_follow, desk), None, everything, **QUIET).then(None, js=FOCUS, **QUIET)
        for field in fields:
            field.input(
                partial(_refilter, desk, list(page.fields)),
                [place, *fields],
                screen,
                trigger_mode="always_last",
                **QUIET,
            )
        page.training.input(partial(_judge, desk), [place, page.training], screen, **QUIET)
        page.address.change(None, page.address, None, js=WRITE_ADDRESS, **QUIET)
        export.button.click(
            partial(_export, desk), [place, export.kind], [export.button, export.said, export.file], **QUIET
        )


def _screen_parts(page: Browse) -> list[Any]:
    """The parts that a `Screen` fills, in the order of `_shown`."""
    opened = [page.opened, page.training, page.heading, page.transcript, page.tree]
    return [page.place, page.address, page.notice, page.listing, *opened]


def _shown(screen: Screen) -> tuple[Any, ...]:
    place, opened = screen.place, screen.opened
    head = (place, place.address, render.notice(screen.notice), screen.listing)
    if opened is None:
        return (*head, gr.Column(visible=False), gr.skip(), "", "", "")
    return (
        *head,
        gr.Column(visible=True),
        gr.Radio(value=opened.training),
        opened.heading,
        opened.transcript,
        opened.tree,
    )


def _load(desk: Desk, request: gr.Request) -> Iterator[tuple[Any, ...]]:
    yield from _go(desk, dict(request.query_params))


def _follow(desk: Desk, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
    query = str(event.query or "").removeprefix("?")
    yield from _go(desk, dict(parse_qsl(query)))


def _go(desk: Desk, parameters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """The filter's fields and the screen for an address."""
    place, notice = place_of(parameters)
    for screen in desk.show(place, notice):
        yield (*_fields(desk, place), *_shown(screen))


def _fields(desk: Desk, place: Place) -> tuple[Any, ...]:
    """The fields as the filter says, with the choices that there are now."""
    asked = place.filter
    logs = [("All", ""), *((log.name, log.key) for log in desk.catalogue.logs.all())]
    strategies = [("Any", ""), *((name, name) for name in desk.catalogue.strategies())]
    return (
        asked.words,
        _choice(logs, asked.log),
        _choice(strategies, asked.strategy),
        asked.grade,
        asked.said,
        asked.since,
        asked.until,
    )


def _choice(choices: list[tuple[str, str]], value: str) -> gr.Dropdown:
    """A field of these choices; a value from a link is offered although nothing has it."""
    there = [key for _, key in choices]
    return gr.Dropdown(choices if value in there else [*choices, (value, value)], value=value)


def _refilter(desk: Desk, names: list[str], place: Place, *values: str | None) -> Iterator[tuple[Any, ...]]:
    """The first page of what the fields ask for; what is open stays open."""
    given = {name: value or "" for name, value in zip(names, values, strict=True)}
    filter_, notice = filter_of(given)
    for screen in desk.show(Place(filter_, 1, place.id, place.log), notice):
        yield _shown(screen)


def _judge(desk: Desk, place: Place, training: str, request: gr.Request) -> tuple[Any, ...]:
    return _shown(desk.judge(place, training, by=request.username or ""))


def _export(desk: Desk, place: Place, kind: Format) -> Iterator[tuple[Any, ...]]:
    """Write what the filter lets through, then offer it."""
    folder = Path(get_upload_folder()) / "rader-exports"
    exports.clean(folder)
    file = folder / secrets.token_urlsafe(16) / f"trajectories.{kind}"
    count = 0
    yield gr.Button(interactive=False), "Writing …", gr.DownloadButton(visible=False)
    try:
        for count in exports.export(desk.catalogue.read(place.filter), file, kind):
            if count % _TOLD_EVERY == 0:
                yield gr.skip(), f"{render.counted(count, 'trajectory')} …", gr.skip()
    except RaderError as error:
        yield gr.Button(interactive=True), render.notice(str(error)), gr.skip()
        return
    size = f"{file.stat().st_size / 1e6:,.1f} MB"
    name = f"Download {file.name} ({size})"
    yield (
        gr.Button(interactive=True),
        f"<p>{count:,} written.</p>",
        gr.DownloadButton(name, value=str(file), visible=True),
    )
