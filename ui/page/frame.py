"""What all views share: the navigation, a title line, and what a view is."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr
from gradio.components import Navbar

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}  # for a view's own events


class View(Protocol):
    """One address of the app.

    Attributes:
        name: In the navigation, and its title.
        path: Its address, such as ``compare``; empty for the first.
        tagline: What it is for, one sentence.
        wide: Whether it takes the window's whole width; text alone reads better in a column.
    """

    name: str
    path: str
    tagline: str
    wide: bool

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the view out and wire it; called within ``blocks``, below its title."""


def head(view: View, first: str) -> None:
    """The links to all views and a view's title; called within a ``gr.Blocks``.

    Args:
        view: The view that follows.
        first: What the first view is called in the navigation.
    """
    Navbar(main_page_name=first)
    style = "rd-wide" if view.wide else "rd-column"
    gr.HTML(f"<h1>{view.name}</h1><p>{view.tagline}</p>", elem_id="rd-name", elem_classes=style)
