"""The parts of the page and where they stand; what they do is in `ui.app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from ui.page import markup
from ui.solve.chat import Conversation

STRATEGIES: dict[Strategy, tuple[str, str]] = {
    "steps": ("Step by step", "thinks one step at a time and looks a theorem up when a step calls for one"),
    "rag": ("Look up first", "searches the library with the whole question, then solves it in one go"),
    "cot": ("No look-up", "solves it in one go from what the model knows"),
}

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("Algebra", r"The numbers $r$ and $s$ solve $2x^2 - 9x + 5 = 0$. What is $r^2 + s^2$?"),
    ("Number theory", r"What is the remainder when $3^{100}$ is divided by $7$?"),
    (
        "Probability",
        "A drawer holds 4 red and 6 blue socks. Two are drawn blindly. How likely is it that they match?",
    ),
    ("Geometry", r"A triangle has sides $13$, $14$ and $15$. What is the radius of its inscribed circle?"),
    ("Calculus", r"What is the area between the curves $y = x^2$ and $y = 2x$?"),
)
HINT = "Ask a problem below, or try one of these. Formulas may be LaTeX, such as $x^2$."
KEYS = "Enter sends, Shift+Enter begins a new line."


@dataclass
class Page:
    """The parts of the page that handlers touch."""

    conversation: gr.State
    welcome: gr.Column
    examples: list[gr.Button]
    done: gr.Markdown
    live: gr.Markdown
    status: gr.HTML
    box: gr.Textbox
    anew: gr.Button
    settings: gr.Accordion
    strategy: gr.Radio
    depth: gr.Slider
    hits: gr.Slider


def lay_out(defaults: AgentConfig, about: str) -> Page:
    """Make the page's parts; called within a ``gr.Blocks``."""
    conversation = gr.State(Conversation())
    anew = gr.Button("New conversation", size="sm", scale=0, min_width=150, elem_id="rd-new")
    with gr.Column(elem_id="rd-welcome") as welcome:
        gr.HTML(f"<h2>What shall we solve?</h2><p>{HINT} {KEYS}</p>")
        examples = [
            gr.Button(f"{topic}: {_spoken(text)}", elem_classes="rd-example") for topic, text in EXAMPLES
        ]
    latex: dict[str, Any] = {"latex_delimiters": markup.DELIMITERS, "sanitize_html": True}
    with gr.Column(elem_id="rd-transcript"):
        done = gr.Markdown(elem_id="rd-done", **latex)
        live = gr.Markdown(elem_id="rd-live", **latex)
    with gr.Column(elem_id="rd-composer"):
        status = gr.HTML(elem_id="rd-status")
        box = _lay_out_box()
        settings = _lay_out_settings(defaults, about)
    return Page(conversation, welcome, examples, done, live, status, box, anew, *settings)


def _lay_out_box() -> gr.Textbox:
    return gr.Textbox(
        label="Your question",
        placeholder="Ask a problem or a follow-up",
        lines=1,
        max_lines=8,
        submit_btn="Send",
        elem_id="rd-question",
    )


def _lay_out_settings(
    defaults: AgentConfig, about: str
) -> tuple[gr.Accordion, gr.Radio, gr.Slider, gr.Slider]:
    with gr.Accordion(summary("steps"), open=False, elem_id="rd-settings") as settings:
        choices: list[Any] = [(f"{name}: {text}", key) for key, (name, text) in STRATEGIES.items()]
        strategy = gr.Radio(choices, value="steps", label="Strategy")
        with gr.Row():
            depth = gr.Slider(
                1, max(16, defaults.depth), defaults.depth, step=1, label="Most thoughts", min_width=240
            )
            hits = gr.Slider(
                1, max(10, defaults.hits), defaults.hits, step=1, label="Theorems per look-up", min_width=240
            )
        if about:
            gr.HTML(f'<p class="rd-about">{markup.escape(markup.clean(about))}</p>')
    return settings, strategy, depth, hits


def summary(strategy: Strategy) -> str:
    """What the folded settings say of the strategy in use."""
    return f"How to solve: {STRATEGIES[strategy][0].lower()}"


def _spoken(text: str) -> str:
    """An example as a button can show it: without delimiters and commands."""
    return text.replace("$", "").replace("^{100}", "¹⁰⁰").replace("^2", "²")
