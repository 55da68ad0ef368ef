"""The prompts: Markdown files in this folder, one a prompt.

``{{name}}`` is replaced by a value. Values are inserted once and never read as templates again, so a
problem that contains ``{{…}}`` stays what it is.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

_SLOT = re.compile(r"\{\{(\w+)\}\}")


@cache
def load(name: str) -> str:
    """The text of prompt ``name``, stripped."""
    return (files(__package__) / f"{name}.md").read_text(encoding="utf-8").strip()


def render(name: str, **values: str) -> str:
    """Prompt ``name`` with its slots filled.

    Raises:
        KeyError: a slot has no value.
    """
    return _SLOT.sub(lambda slot: values[slot.group(1)], load(name))


@cache
def fingerprint() -> str:
    """sha256 over all prompts, names included: it changes when any of them does."""
    digest = hashlib.sha256()
    for path in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".md"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
