"""The list of a person's conversations, pure: links, beside the chat where there is room, else folded."""

from __future__ import annotations

from collections.abc import Sequence

from ui.page import markup
from ui.solve.conversations import Listed


def listing(conversations: Sequence[Listed], current: str) -> str:
    """Links to the conversations as inert HTML; empty where there are none.

    Args:
        conversations: The last changed first.
        current: The id of the one that is shown.
    """
    if not conversations:
        return ""
    items = "".join(_item(one, current) for one in conversations)
    links = f'<nav aria-label="Conversations"><ul>{items}</ul></nav>'
    count = len(conversations)
    return (
        f'<div class="rd-beside"><p class="rd-heading">Conversations</p>{links}</div>'
        f'<details class="rd-folded"><summary>Conversations ({count})</summary>{links}</details>'
    )


def _item(one: Listed, current: str) -> str:
    here = ' aria-current="page"' if one.id == current else ""
    title = markup.escape(markup.clean(one.title).replace("$", ""))
    return f'<li><a href="?c={markup.escape(one.id)}"{here}>{title}</a></li>'
