"""Trajectories: what was solved, browsed, judged, exported, collected anew and learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ui.jobs import Jobs
from ui.page.frame import QUIET
from ui.trajectories.catalogue import Catalogue
from ui.trajectories.desk import Desk, Passages, Place
from ui.trajectories.handlers import Handlers
from ui.trajectories.layout import FOCUS, HERE, WRITE_ADDRESS, lay_out_browse
from ui.trajectories.listing import PATH
from ui.trajectories.logs import Logs
from ui.trajectories.starters import Starters


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
        catalogue = Catalogue(logs, home / "cache" / "trajectories.sqlite")
        self._handlers = Handlers(Desk(catalogue, passages))
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
            with gr.Tab("Collect"), gr.Column(elem_classes="rd-form"):
                self._starters.lay_out_collect(blocks)
            with gr.Tab("Retrain"), gr.Column(elem_classes="rd-form"):
                self._starters.lay_out_retrain(blocks)

    def _build_browse(self, blocks: gr.Blocks, place: gr.State) -> None:
        page, on = lay_out_browse(), self._handlers
        export = page.export
        opened: list[Any] = [page.opened, page.training, page.heading, page.transcript, page.tree]
        screen = [place, page.address, page.notice, page.listing, *opened]
        fields = list(page.fields.values())
        asked: dict[str, Any] = {"js": HERE, "trigger_mode": "always_last", **QUIET}
        blocks.load(on.go, page.address, [*fields, *screen], **asked)
        page.links.follow(on.go, page.address, [*fields, *screen], **asked).then(None, js=FOCUS, **QUIET)
        for field in fields:
            field.change(on.refilter, [page.address, place, *fields], screen, **asked)
        page.training.input(on.judge, [page.address, place, page.training], screen, js=HERE, **QUIET)
        page.address.change(None, page.address, None, js=WRITE_ADDRESS, **QUIET)
        parts: list[Any] = [export.button, export.said, export.file]
        export.button.click(on.export, [place, export.kind], parts, **QUIET)
