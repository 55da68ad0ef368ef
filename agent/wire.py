"""Text on its way to a model's server and back: characters, and nothing else."""

from __future__ import annotations

import re

# How chat templates of Qwen, Llama, Mistral, Gemma and DeepSeek write what begins and ends a message.
_CONTROL = re.compile(r"[<\[](?=[|｜][^\s<>]{1,40}[|｜]>|/?s>|(?:start|end)_of_turn>|/?INST\])")


def spelled_out(text: str) -> str:
    """``text`` in which no control token stands: a server takes one for the end of a message wherever it is,
    and what follows it in a theorem would be read as its user's or system's words."""
    return _CONTROL.sub(lambda opening: f"{opening.group()} ", text)


def whole_characters(text: str) -> str:
    """``text`` without half characters, which no file can hold: some servers split an emoji in two."""
    return text.encode("utf-8", "replace").decode("utf-8")
