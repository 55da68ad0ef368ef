"""The parts of the Trajectories view and where they stand; what they do is in `ui.trajectories.view`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.page import markup
from ui.trajectories.filters import GRADES
from ui.trajectories.listing import PATH, grade_name

SAID: list[tuple[str, str]] = [
    ("Any", ""),
    ("Approved for training", "approved"),
    ("Rejected for training", "rejected"),
    ("Answer liked", "up"),
    ("Answer disliked", "down"),
    ("Anything said", "any"),
    ("Nothing said", "none"),
]
TRAINING: list[tuple[str, str]] = [("Not decided", ""), ("Approve", "approved"), ("Reject", "rejected")]

# Links of this view are followed without loading the page anew; what a browser opens elsewhere it loads.
# A visitor may move on before an answer is there. So each question says after how many moves and for which
# address it is asked, and says so when it is sent: a question that had to wait (Gradio's "always_last")
# would otherwise carry what the first one was told.
LINKS = f"""
window.raderMoves = 0;
const moved = () => {{ window.raderMoves += 1; trigger('follow'); }};
element.addEventListener('click', (event) => {{
  const link = event.target.closest('a.rd-link');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  event.preventDefault();
  history.pushState(null, '', location.pathname + link.getAttribute('href').slice('{PATH}'.length));
  moved();
}});
window.addEventListener('popstate', moved);
"""
HERE = "(_, ...others) => [`${window.raderMoves ?? 0} ${location.search}`, ...others]"
# Only the answer to where the visitor still is may correct the address.
WRITE_ADDRESS = """(answer) => {
  const [moves, query] = answer.split(' ');
  if (Number(moves) === (window.raderMoves ?? 0)) {
    history.replaceState(history.state, '', location.pathname + query);
  }
}"""
FOCUS = """() => {
  const to = document.querySelector('#rd-opened');
  if (!to) return;
  to.tabIndex = -1;
  to.scrollTop = 0;
  to.focus({preventScroll: getComputedStyle(to).position === 'sticky'});
}"""


@dataclass
class Export:
    """The parts that write trajectories out."""

    kind: gr.Radio
    button: gr.Button
    said: gr.HTML
    file: gr.DownloadButton


def _lay_out_export() -> Export:
    """Called within a ``gr.Blocks``."""
    with gr.Accordion("Export what is listed", open=False, elem_id="rd-export"), gr.Row():
        kind = gr.Radio(
            [("JSONL, a trajectory a line", "jsonl"), ("Parquet, steps as nested columns", "parquet")],
            value="jsonl",
            label="Format",
        )
        with gr.Column(min_width=240):
            button = gr.Button("Export")
            said = gr.HTML(elem_id="rd-export-said")
            file = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="rd-download")
    return Export(kind, button, said, file)


@dataclass
class Browse:
    """The parts that list and show trajectories."""

    address: gr.Textbox
    notice: gr.HTML
    fields: dict[str, Any]
    export: Export
    links: Any
    listing: gr.Markdown
    opened: gr.Column
    training: gr.Radio
    heading: gr.Markdown
    transcript: gr.Markdown
    tree: gr.Markdown


def lay_out_browse() -> Browse:
    """Filter, list, and what is open beside it; called within a ``gr.Blocks``."""
    latex: dict[str, Any] = {"latex_delimiters": markup.DELIMITERS, "sanitize_html": True}
    address = gr.Textbox(visible="hidden", elem_id="rd-address")
    fields, export = _lay_out_filter(), _lay_out_export()
    notice = gr.HTML(elem_id="rd-trajectories-notice")
    with (
        gr.HTML(html_template="@children", js_on_load=LINKS, elem_id="rd-browse") as links,
        gr.Row(elem_id="rd-split", equal_height=False),
    ):
        with gr.Column(elem_id="rd-listed", scale=2, min_width=280):
            listing = gr.Markdown(elem_id="rd-listing", **latex)
        with gr.Column(elem_id="rd-opened", scale=3, min_width=280, visible=False) as opened:
            heading = gr.Markdown(elem_id="rd-heading", **latex)
            training = gr.Radio(
                TRAINING,
                label="For training",
                info="Rejected ones teach nothing; approved ones may, right answer or not.",
                elem_id="rd-decide",
            )
            with gr.Tabs():
                with gr.Tab("Transcript"):
                    transcript = gr.Markdown(elem_id="rd-run-transcript", **latex)
                with gr.Tab("Tree"):
                    tree = gr.Markdown(elem_id="rd-run-tree", **latex)
    run = opened, training, heading, transcript, tree
    return Browse(address, notice, fields, export, links, listing, *run)


def _lay_out_filter() -> dict[str, Any]:
    """The fields by the names that `Filter` gives them.

    They take nothing until the page has read its address, since that fills them.
    """
    grades = [("Any", ""), *((grade_name(each), each) for each in GRADES)]
    unread: dict[str, Any] = {"interactive": False}
    pick: dict[str, Any] = {"value": "", "filterable": False, **unread}
    day: dict[str, Any] = {"placeholder": "YYYY-MM-DD", "max_length": 10, "min_width": 110, **unread}
    with gr.Row(elem_id="rd-filter"):
        return {
            "words": gr.Textbox(label="Words of the problem, or an id", min_width=220, scale=2, **unread),
            "log": gr.Dropdown([("All", "")], label="Where", min_width=150, **pick),
            "strategy": gr.Dropdown([("Any", "")], label="Strategy", min_width=110, **pick),
            "grade": gr.Dropdown(grades, label="Result", min_width=130, **pick),
            "said": gr.Dropdown(SAID, label="Feedback", min_width=170, **pick),
            "since": gr.Textbox(label="From day", **day),
            "until": gr.Textbox(label="To day", **day),
        }
