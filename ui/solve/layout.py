"""The parts of the page and where they stand; what they do is in `ui.solve.view`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from agent.state import AgentConfig, Strategy
from ui.page import markup
from ui.solve.chat import Visit
from ui.solve.choices import ALL_RETRIEVERS, Choices, Offer
from ui.solve.feedback import Feedback
from ui.solve.saving import Saving
from ui.solve.teaching import Teaching

STRATEGIES: dict[Strategy, tuple[str, str]] = {
    "steps": ("Step by step", "thinks one step at a time and looks a theorem up when a step calls for one"),
    "rag": ("Look up first", "searches the library with the whole question, then solves it in one go"),
    "cot": ("No look-up", "solves it in one go from what the model knows"),
    "mcts": ("Tree search", "explores many ways and lets their answers vote; takes minutes"),
    "rag@8": ("Vote, with look-up", "eight solutions after one look-up, and the majority; takes minutes"),
    "cot@8": ("Vote, no look-up", "eight solutions from what the model knows, and the majority"),
}
RETRIEVERS = {
    "hybrid": "Hybrid: meaning and words together",
    "rader": "RaDeR: meaning, trained on steps of reasoning",
    "base": "Base: meaning, as the untrained encoder has it",
    "bm25": "BM25: words alone",
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
class Chooser:
    """What a person chooses before asking, in the order of `Choices`."""

    panel: gr.Accordion
    strategy: gr.Radio
    depth: gr.Slider
    hits: gr.Slider
    sources: gr.Dropdown
    retriever: gr.Dropdown
    model: gr.Dropdown

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `chosen` reads."""
        return [self.strategy, self.depth, self.hits, self.sources, self.retriever, self.model]


@dataclass
class Desk:
    """What is done with a whole conversation, and with a step of its last answer."""

    panel: gr.Accordion
    title: gr.Textbox
    delete: gr.Button
    sure: gr.Row
    confirm: gr.Button
    keep: gr.Button


@dataclass
class Editor:
    """A step of the last answer, to be changed."""

    panel: gr.Accordion
    step: gr.Dropdown
    text: gr.Textbox
    button: gr.Button


@dataclass
class Page:
    """The parts of the page that handlers touch."""

    visit: gr.State
    browser: gr.BrowserState
    address: gr.Textbox
    listing: gr.HTML
    anew: gr.Button
    desk: Desk
    welcome: gr.Column
    examples: list[gr.Button]
    done: gr.Markdown
    live: gr.Markdown
    tree: gr.Markdown
    editor: Editor
    status: gr.HTML
    go_on: gr.Button
    box: gr.Textbox
    chooser: Chooser
    teaching: Teaching | None
    saving: Saving | None


def lay_out(defaults: AgentConfig, about: str, feedback: Feedback | None = None) -> Page:
    """Make the page's parts; called within a ``gr.Blocks``."""
    visit = gr.State(Visit())
    # Encrypted with a key that everybody has: else a restart of the server would lose it. What it holds opens
    # this browser's own conversations and no others.
    browser = gr.BrowserState({}, storage_key="rader", secret="rader")  # noqa: S106
    address = gr.Textbox(visible="hidden", elem_id="rd-address")
    listing = gr.HTML(elem_id="rd-listing")
    with gr.Row(elem_id="rd-desk"):
        anew = gr.Button(
            "New conversation", size="sm", scale=0, min_width=150, visible=False, elem_id="rd-new"
        )
        desk, saving = _lay_out_desk(feedback)
    with gr.Column(visible=False, elem_id="rd-welcome") as welcome:
        gr.HTML(f"<h2>What shall we solve?</h2><p>{HINT} {KEYS}</p>")
        examples = [
            gr.Button(f"{topic}: {_spoken(text)}", elem_classes="rd-example") for topic, text in EXAMPLES
        ]
    latex: dict[str, Any] = {"latex_delimiters": markup.DELIMITERS, "sanitize_html": True}
    with gr.Column(elem_id="rd-transcript"):
        done = gr.Markdown(elem_id="rd-done", **latex)
        live = gr.Markdown(elem_id="rd-live", **latex)
        tree = gr.Markdown(elem_id="rd-tree", **latex)
        editor = _lay_out_editor()
    with gr.Column(elem_id="rd-composer"):
        teaching = Teaching(feedback) if feedback else None
        with gr.Row(elem_id="rd-state"):
            status = gr.HTML(elem_id="rd-status")
            go_on = gr.Button("Go on", size="sm", scale=0, visible=False, elem_id="rd-go-on")
        box = _lay_out_box()
        chooser = _lay_out_choices(defaults, about)
    return Page(
        visit, browser, address, listing, anew, desk, welcome, examples,
        done, live, tree, editor, status, go_on, box, chooser, teaching, saving,
    )  # fmt: skip


def _lay_out_desk(feedback: Feedback | None) -> tuple[Desk, Saving | None]:
    label = "Rename, save or delete" if feedback else "Rename or delete"
    with gr.Accordion(label, open=False, visible=False, elem_id="rd-tidy") as panel:
        title = gr.Textbox(label="Title", submit_btn="Rename", lines=1, max_lines=1)
        saving = Saving(feedback) if feedback else None
        delete = gr.Button("Delete this conversation", size="sm", elem_id="rd-delete")
        with gr.Row(visible=False, elem_id="rd-sure") as sure:
            gr.HTML("<p>Delete it for good? The log of trajectories keeps its runs.</p>")
            confirm = gr.Button("Delete for good", size="sm", variant="stop")
            keep = gr.Button("Keep it", size="sm")
    return Desk(panel, title, delete, sure, confirm, keep), saving


def _lay_out_editor() -> Editor:
    label = "Change a step and go on from there"
    with gr.Accordion(label, open=False, visible=False, elem_id="rd-editor") as panel:
        step = gr.Dropdown([], label="Step", elem_id="rd-editor-step")
        text = gr.Textbox(label="What it shall say", lines=4, max_lines=16, elem_id="rd-editor-text")
        button = gr.Button("Go on from here", size="sm", elem_id="rd-editor-go")
    return Editor(panel, step, text, button)


def _lay_out_box() -> gr.Textbox:
    return gr.Textbox(
        label="Your question",
        placeholder="Ask a problem or a follow-up",
        lines=1,
        max_lines=8,
        submit_btn="Send",
        interactive=False,  # until it is known who asks, and in which conversation
        elem_id="rd-question",
    )


def _lay_out_choices(defaults: AgentConfig, about: str) -> Chooser:
    with gr.Accordion("How to solve", open=False, elem_id="rd-settings") as panel:
        choices: list[Any] = [(f"{name}: {text}", key) for key, (name, text) in STRATEGIES.items()]
        unknown: dict[str, Any] = {"interactive": False}  # until it is: what was chosen would be undone
        strategy = gr.Radio(choices, value="steps", label="Strategy", **unknown)
        with gr.Row():
            most = {"depth": max(16, defaults.depth), "hits": max(10, defaults.hits)}
            number: dict[str, Any] = {"step": 1, "min_width": 240, **unknown}
            depth = gr.Slider(1, most["depth"], defaults.depth, label="Most thoughts", **number)
            hits = gr.Slider(1, most["hits"], defaults.hits, label="Theorems per look-up", **number)
        with gr.Row():
            everywhere: dict[str, Any] = {
                "multiselect": True,
                "info": "Nothing chosen: everything",
                **unknown,
            }
            sources = gr.Dropdown([], label="Search in", **everywhere)
            names = _retrievers(ALL_RETRIEVERS)
            retriever = gr.Dropdown(names, label="Retriever", value=defaults.retriever, **unknown)
            model = gr.Dropdown([], label="Language model", **unknown)
        if about:
            gr.HTML(f'<p class="rd-about">{markup.escape(markup.clean(about))}</p>')
    return Chooser(panel, strategy, depth, hits, sources, retriever, model)


def offered(chooser: Chooser, offer: Offer, choices: Choices) -> dict[Any, Any]:
    """What the chooser's parts offer, and what is chosen of it."""
    named = choices.strategy if choices.strategy in STRATEGIES else "steps"
    model = choices.model or next(iter(offer.models), None)
    sources, models = offer.sources, offer.models
    known: dict[str, Any] = {"interactive": True}
    return {
        chooser.panel: gr.Accordion(label=summary(named, choices.retriever, model)),
        chooser.strategy: gr.Radio(value=named, **known),
        chooser.depth: gr.Slider(value=choices.depth, **known),
        chooser.hits: gr.Slider(value=choices.hits, **known),
        chooser.sources: gr.Dropdown(
            list(sources), value=list(choices.sources), visible=len(sources) > 1, **known
        ),
        chooser.retriever: gr.Dropdown(_retrievers(offer.retrievers), value=choices.retriever, **known),
        chooser.model: gr.Dropdown(list(models), value=model, visible=len(models) > 0, **known),
    }


def chosen(
    strategy: Strategy, depth: int, hits: int, sources: list[str], retriever: str, model: str | None
) -> Choices:
    """What the chooser's parts say."""
    return Choices(
        strategy=strategy,
        depth=depth,
        hits=hits,
        sources=tuple(sources or ()),
        retriever=retriever,
        model=model or "",
    )


def summary(strategy: Strategy, retriever: str, model: str | None) -> str:
    """What the folded choices say of those in use."""
    used = [STRATEGIES[strategy][0].lower()]
    if strategy not in ("cot", "cot@8"):
        used.append(f"{retriever} retrieval")
    return "How to solve: " + " · ".join([*used, model] if model else used)


def _retrievers(names: tuple[str, ...]) -> list[Any]:
    return [(RETRIEVERS.get(name, name), name) for name in names]


def _spoken(text: str) -> str:
    """An example as a button can show it: without delimiters and commands."""
    return text.replace("$", "").replace("^{100}", "¹⁰⁰").replace("^2", "²")
