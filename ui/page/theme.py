"""How the page looks: Gradio's theme with fonts of the user's own machine, and the files in ``assets``."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

_SANS = ("system-ui", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """The theme; it names no font that would have to be fetched."""
    import gradio as gr

    base = gr.themes.Default(
        primary_hue="indigo", secondary_hue="indigo", neutral_hue="slate", font=_SANS, font_mono=_MONO
    )
    # Gradio's own subdued text, links and buttons are too pale to read (WCAG asks for a contrast of 4.5).
    return base.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_label_text_color="*neutral_600",
        block_title_text_color="*neutral_600",
        block_info_text_color="*neutral_600",
        input_placeholder_color="*neutral_500",
        link_text_color_dark="*secondary_300",
        link_text_color_hover_dark="*secondary_200",
        link_text_color_visited_dark="*secondary_300",
        link_text_color_active_dark="*secondary_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )


def css() -> str:
    """The style sheets, that of all views first."""
    sheets = [path.name for path in _assets().iterdir() if path.name.endswith(".css")]
    return "\n".join(asset(name) for name in sorted(sheets, key=lambda name: (name != "page.css", name)))


def script() -> str:
    """A JavaScript function that runs when the page has loaded."""
    return asset("page.js")


def _assets() -> Traversable:
    return files("ui") / "page" / "assets"


def asset(name: str) -> str:
    """The text of a file in ``assets``."""
    return (_assets() / name).read_text(encoding="utf-8")
