"""The buttons that save a conversation as a file. The browser makes it: nothing is left on the server."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from agent.records import Trajectory
from retriever.errors import BadInputError, RaderError
from ui.page import render, theme
from ui.page.frame import QUIET
from ui.solve import export
from ui.solve.chat import Visit
from ui.solve.feedback import Feedback


class Format(NamedTuple):
    """A kind of file: what its button says, its ending, its type, how it is written."""

    label: str
    ending: str
    type: str
    write: Callable[[Iterable[Trajectory]], str]


FORMATS = (
    Format("Markdown", "md", "text/markdown", export.to_markdown),
    Format("LaTeX", "tex", "application/x-tex", export.to_latex),
    Format("JSON", "jsonl", "application/jsonl", export.to_json),
)


class Saving:
    """The buttons; made within a ``gr.Blocks``, where they are to stand."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._count = itertools.count(1)  # the same file asked for twice is to be saved twice
        with gr.Row(elem_id="rd-save"):
            self._buttons = [gr.Button(f"Save as {one.label}", size="sm", min_width=120) for one in FORMATS]
        self._file = gr.HTML("", js_on_load=theme.asset("download.js"), file={}, elem_id="rd-file")

    def wire(self, visit: gr.State, status: gr.HTML) -> None:
        """Connect the buttons; ``status`` shows why there is no file."""
        for button, kind in zip(self._buttons, FORMATS, strict=True):
            button.click(partial(self._save, kind), [visit], [self._file, status], **QUIET)

    async def _save(self, kind: Format, visit: Visit) -> tuple[Any, Any]:
        try:
            text = await asyncio.to_thread(self._written, kind, visit)
        except RaderError as error:
            return gr.skip(), render.notice(str(error))
        name = f"{_slug(visit.conversation.title)}.{kind.ending}"
        return gr.HTML(file={"name": name, "type": kind.type, "text": text, "n": next(self._count)}), ""

    def _written(self, kind: Format, visit: Visit) -> str:
        """The file.

        Raises:
            BadInputError: There is no answer yet.
        """
        trajectories = self._feedback.trajectories(visit.conversation.shown())
        if not trajectories:
            raise BadInputError("there is no answer to save yet", "Wait until it is finished")
        return kind.write(trajectories)


def _slug(title: str) -> str:
    """A file's name out of a conversation's title."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:48].strip("-") or "conversation"
