"""Errors of the agent; their root is the retriever's ``RaderError``.

RaderError
├── ModelServerError     the language model's server refused, or what it sent cannot be read
│   └── ServerDownError  it is unreachable, died, hung or is overloaded: another try may succeed
├── RecordingError       a replay needs what was never recorded
└── LogError             a trajectory log cannot be read
"""

from __future__ import annotations

from retriever.errors import RaderError


class ModelServerError(RaderError):
    """The language model's server refused the request, or what it sent cannot be read."""


class ServerDownError(ModelServerError):
    """The server is unreachable, died mid-answer, hung or is overloaded: another try may succeed."""


class RecordingError(RaderError):
    """A replay needs a call or a search that the recording does not hold."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the recording does not hold this {what}", "Replay with the settings that it was made with"
        )


class LogError(RaderError):
    """A trajectory log holds a line that is no trajectory."""
