"""Buttons to say what helped, pure: inert until a page's script finds that the run may be spoken of.

A button's ``name`` is the run and the key of `agent.feedback`, its ``value`` what it says. What was said is
not in the markup: the script marks the buttons that say it, so that a block never changes.
"""

from __future__ import annotations

from ui.page import markup


def helped(run: str, passage: str, title: str) -> str:
    """Whether a passage helped."""
    about = f'<span class="rd-unseen"> ({markup.inline(title.replace("$", ""))})</span>'
    key = f"hit:{passage}"
    yes = _button(run, key, "up", f"Helped{about}")
    no = _button(run, key, "down", f"Did not help{about}")
    return f'<p class="rd-ask">{yes}{no}</p>'


def right(run: str, n: int) -> str:
    """Which passage the look-up whose query is step ``n`` should have found."""
    about = f'<span class="rd-unseen"> (look-up {n})</span>'
    button = _button(run, f"right:{n}", "", f"The right one is …{about}")
    return f'<p class="rd-ask rd-right"><span class="rd-said"></span>{button}</p>'


def answered(run: str) -> str:
    """Whether the answer is right."""
    yes, no = _button(run, "answer", "up", "Right"), _button(run, "answer", "down", "Wrong")
    return f'<p class="rd-ask"><span>Was the answer right?</span>{yes}{no}</p>'


def _button(run: str, key: str, value: str, label: str) -> str:
    name = markup.escape(f"{run} {key}")
    return f'<button type="button" class="rd-say" name="{name}" value="{value}">{label}</button>'
