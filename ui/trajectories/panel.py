"""A job of the page: started, watched, stopped, gone on with; found again when the page is opened anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from retriever.errors import RaderError
from ui.jobs import Job, Jobs
from ui.page import render
from ui.page.frame import QUIET
from ui.trajectories import reports

TICK_SECONDS = 1.5

Plan = Callable[..., tuple[str, list[str]]]  # from a form's values to a label and the arguments of rader


@dataclass
class Panel:
    """The parts of the page that show one kind of job.

    Attributes:
        kind: Of job.
        jobs: Where they are kept.
        result: What a finished one came to, as inert HTML.
    """

    kind: str
    jobs: Jobs
    result: Callable[[dict[str, Any]], str]

    def build(self, blocks: gr.Blocks, plan: Plan, form: list[Any], start: gr.Button) -> None:
        """Lay out below the form what it shows, and wire the form's button.

        Args:
            blocks: The view.
            plan: What the form asks for; may raise ``RaderError``, which is shown.
            form: Its components.
            start: Its button.
        """
        notice = gr.HTML(elem_id=f"rd-{self.kind}-notice")
        shown = gr.HTML(elem_id=f"rd-{self.kind}-job")
        with gr.Row():
            stop = gr.Button("Stop", visible=False, elem_id=f"rd-{self.kind}-stop")
            again = gr.Button("Go on", visible=False, elem_id=f"rd-{self.kind}-again")
        timer = gr.Timer(TICK_SECONDS, active=False)
        screen = [shown, stop, again, start, timer]
        start.click(partial(self._start, plan), form, [notice, *screen], **QUIET)
        stop.click(self._stop, None, screen, **QUIET)
        again.click(self._again, None, [notice, *screen], **QUIET)
        timer.tick(self.screen, None, screen, **QUIET)
        blocks.load(self.screen, None, screen, **QUIET)

    def screen(self) -> tuple[Any, ...]:
        """The panel as it should look now."""
        job = self.jobs.latest(self.kind)
        running = job is not None and job.state == "running"
        over = job is not None and job.state in ("stopped", "failed")
        return (
            reports.job(job, self.result) if job else "",
            gr.Button(visible=running),
            gr.Button(visible=over),
            gr.Button(interactive=not running),
            gr.Timer(active=running),
        )

    def _start(self, plan: Plan, *values: Any) -> tuple[Any, ...]:
        return self._tried(lambda: self.jobs.start(self.kind, *plan(*values)))

    def _again(self) -> tuple[Any, ...]:
        job = self.jobs.latest(self.kind)
        return self._tried(lambda: self.jobs.again(job) if job else None)

    def _stop(self) -> tuple[Any, ...]:
        if job := self.jobs.latest(self.kind):
            self.jobs.stop(job.id)
        return self.screen()

    def _tried(self, work: Callable[[], Job | None]) -> tuple[Any, ...]:
        try:
            work()
        except RaderError as error:
            return (render.notice(str(error)), *self.screen())
        return ("", *self.screen())
