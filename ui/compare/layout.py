"""The parts of the view and where they stand; what they do is in `ui.compare.view`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from retriever.search import MODES, Mode
from ui.compare.asked import Asked
from ui.compare.draft import Draft
from ui.compare.examples import examples
from ui.compare.steps import QueryType
from ui.page import markup

COLUMNS: dict[Mode, str] = {
    "bm25": "words",
    "base": "the untrained encoder",
    "rader": "the trained encoder",
    "hybrid": "encoder and words",
}
QUERIES: dict[QueryType, str] = {"cot": "the problem and all steps so far", "step": "the step alone"}
HINT = (
    "Paste a problem and how it is solved, or choose an example: every step becomes a query, and you see "
    "what each retriever finds for it. A paragraph or a numbered line is a step; Shift+Enter compares."
)
COPY = "Copy the link to this comparison"


@dataclass
class Visit:
    """What is known of one visitor: the comparison asked for last, and how many there were; his draft."""

    asked: Asked | None = None
    turn: int = 0
    draft: Draft | None = None


@dataclass
class Page:
    """The parts that handlers touch."""

    visit: gr.State
    examples: gr.Accordion
    buttons: list[gr.Button]
    problem: gr.Textbox
    steps: gr.Textbox
    write: gr.Button
    stop: gr.Button
    written: gr.HTML
    columns: gr.CheckboxGroup
    query: gr.Radio
    code: gr.Checkbox
    shown: gr.Slider
    gold: gr.Dropdown
    compare: gr.Button
    status: gr.HTML
    link: gr.Textbox
    copy: gr.Button
    chart: gr.HTML
    results: gr.Markdown

    @property
    def form(self) -> list[Any]:
        """What a comparison is asked for, without gold."""
        return [self.problem, self.steps, self.columns, self.query, self.code, self.shown]

    @property
    def screen(self) -> list[Any]:
        """What a comparison changes."""
        return [self.status, self.link, self.copy, self.chart, self.results, self.gold, self.examples]

    @property
    def choices(self) -> list[Any]:
        """Events after which a comparison is shown anew.

        A visitor's and not the comparison's own, but in gold's box: a name typed there is a ``change`` alone.
        """
        typed = [self.columns.input, self.query.input, self.code.input, self.shown.release]
        return [*typed, self.gold.change]


def lay_out() -> Page:
    """Make the view's parts; called within a ``gr.Blocks``."""
    parts: dict[str, Any] = {"visit": gr.State(Visit())}
    with gr.Accordion("Ready examples", elem_id="rd-examples") as parts["examples"]:
        gr.HTML(f'<p class="rd-note">{HINT}</p>', elem_id="rd-hint")
        parts["buttons"] = [
            gr.Button(f"{each.name.capitalize()}. {each.shows}.", elem_classes="rd-example", size="sm")
            for each in examples()
        ]
    with gr.Row():
        parts |= _lay_out_texts()
    parts |= _lay_out_choices()
    parts["compare"] = gr.Button("Compare", variant="primary", elem_id="rd-compare")
    parts["status"] = gr.HTML(elem_id="rd-compared")
    parts["link"] = gr.Textbox(visible=False)
    parts["copy"] = gr.Button(COPY, visible=False, size="sm", elem_id="rd-copy")
    parts["chart"] = gr.HTML(elem_id="rd-chart")
    parts["results"] = gr.Markdown(
        elem_id="rd-results", latex_delimiters=markup.DELIMITERS, sanitize_html=True
    )
    return Page(**parts)


def _lay_out_texts() -> dict[str, Any]:
    with gr.Column(min_width=320):
        problem = gr.Textbox(
            label="Problem", placeholder="Formulas may be LaTeX, such as $x^2$", lines=5, max_lines=12,
            elem_id="rd-problem",
        )  # fmt: skip
    with gr.Column(min_width=320):
        steps = gr.Textbox(
            label="Steps", placeholder="How it is solved, a step a paragraph", lines=5, max_lines=16,
            elem_id="rd-steps",
        )  # fmt: skip
        with gr.Row():
            write = gr.Button("Let the model write them", size="sm", elem_id="rd-write")
            stop = gr.Button("Stop", size="sm", interactive=False, elem_id="rd-stop")
        written = gr.HTML(elem_id="rd-written")
    return {"problem": problem, "steps": steps, "write": write, "stop": stop, "written": written}


def _lay_out_choices() -> dict[str, Any]:
    modes: list[Any] = [(f"{mode}: {what}", mode) for mode, what in COLUMNS.items()]
    kinds: list[Any] = [(what, kind) for kind, what in QUERIES.items()]
    with gr.Row():
        columns = gr.CheckboxGroup(
            modes, value=list(MODES), label="Columns", min_width=320, elem_id="rd-modes"
        )
        query = gr.Radio(kinds, value="cot", label="A step's query is", min_width=320, elem_id="rd-kind")
    with gr.Row():
        gold = gr.Dropdown(
            [], multiselect=True, allow_custom_value=True, label="Known to help (gold)",
            info="A theorem's id or title, then Enter", min_width=320, elem_id="rd-gold",
        )  # fmt: skip
        shown = gr.Slider(1, 20, 5, step=1, label="Passages shown", min_width=200)
        code = gr.Checkbox(False, label="Search code too", min_width=160)
    return {"columns": columns, "query": query, "gold": gold, "shown": shown, "code": code}
