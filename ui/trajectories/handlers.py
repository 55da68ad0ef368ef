"""What the view does when somebody opens it, follows a link, filters, judges or exports."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from gradio.utils import get_upload_folder

from retriever.errors import RaderError
from ui.page import render
from ui.trajectories import exports
from ui.trajectories.desk import Desk, Place, Screen, place_of
from ui.trajectories.exports import Format
from ui.trajectories.filters import Filter, filter_of

_TOLD_EVERY = 200  # trajectories of an export

Updates = tuple[Any, ...]


class Handlers:
    """The handlers of the list and of what is open; each gives new values to parts of the page.

    Args:
        desk: What they show.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def go(self, asked: str) -> Iterator[Updates]:
        """The filter's fields and the screen that the page's address asks for."""
        place, notice = place_of(dict(parse_qsl(asked.partition(" ")[2].removeprefix("?"))))
        for screen in self._desk.show(place, notice):
            yield (*self._fields(place.filter), *_shown(asked, screen))

    def refilter(self, asked: str, place: Place, *values: str | None) -> Iterator[Updates]:
        """The first page of what the fields ask for; what is open stays open.

        A field changes also where a link set it, and then there is nothing to do. (Gradio's ``input`` tells
        what a person did, but is silent the first time after a field was set to what it held.)
        """
        given = {name: value or "" for name, value in zip(Filter.model_fields, values, strict=True)}
        filter_, notice = filter_of(given)
        if filter_ == place.filter and not notice:
            yield _SAME
            return
        for screen in self._desk.show(Place(filter_, 1, place.id, place.log), notice):
            yield _shown(asked, screen)

    def judge(self, asked: str, place: Place, training: str, request: gr.Request) -> Updates:
        """Approve or reject what is open, or take that back."""
        return _shown(asked, self._desk.judge(place, training, by=request.username or ""))

    def export(self, place: Place, kind: Format) -> Iterator[Updates]:
        """Write what the filter lets through, then offer it."""
        folder = Path(get_upload_folder()) / "rader-exports"  # where Gradio serves files from as they are
        exports.clean(folder)
        file, count = folder / secrets.token_urlsafe(16) / f"trajectories.{kind}", 0
        yield gr.Button(interactive=False), _status("Writing …"), gr.DownloadButton(visible=False)
        try:
            for count in exports.export(self._desk.catalogue.read(place.filter), file, kind):
                if count % _TOLD_EVERY == 0:
                    yield gr.skip(), _status(f"{count:,} written …"), gr.skip()
        except RaderError as error:
            yield gr.Button(interactive=True), render.notice(str(error)), gr.skip()
            return
        name = f"Download {file.name} ({file.stat().st_size / 1e6:,.1f} MB)"
        done = gr.DownloadButton(name, value=str(file), visible=True)
        yield gr.Button(interactive=True), _status(f"{count:,} written."), done

    def _fields(self, asked: Filter) -> Updates:
        """The fields as the filter says, with the choices that there are now."""
        catalogue = self._desk.catalogue
        logs = [("All", ""), *((log.name, log.key) for log in catalogue.logs.all())]
        strategies = [("Any", ""), *((name, name) for name in catalogue.strategies())]
        filled: dict[str, Any] = {
            name: gr.update(value=value, interactive=True) for name, value in asked.model_dump().items()
        }
        chosen = {"log": _choice(logs, asked.log), "strategy": _choice(strategies, asked.strategy)}
        return tuple((filled | chosen).values())


def _choice(choices: list[tuple[str, str]], value: str) -> gr.Dropdown:
    """A field of these choices; a value from a link is offered although nothing has it."""
    there = [key for _, key in choices]
    return gr.Dropdown(
        choices if value in there else [*choices, (value, value)], value=value, interactive=True
    )


def _shown(asked: str, screen: Screen) -> Updates:
    """The screen's parts; `asked` is after how many moves of the visitor, and for which address (`HERE`)."""
    place, opened = screen.place, screen.opened
    head = (place, f"{asked.partition(' ')[0]} {place.address}", render.notice(screen.notice), screen.listing)
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


_SAME: Updates = (gr.skip(),) * 9  # as many as `_shown` gives


def _status(text: str) -> str:
    return f'<p role="status">{text}</p>'
