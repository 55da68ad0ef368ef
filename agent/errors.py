"""Errors of the agent; their root is the retriever's ``RaderError``.

RaderError
├── ModelServerError     the language model's server refused, or what it sent cannot be read
│   └── ServerDownError  it is unreachable, died, hung or is overloaded: another try may succeed
└── LogError             a trajectory log cannot be read
"""

from __future__ import annotations

from retriever.errors import RaderError


class ModelServerError(RaderError):
    """The language model's server refused the request, or what it sent cannot be read."""


class ServerDownError(ModelServerError):
    """The server is unreachable, died mid-answer, hung or is overloaded: another try may succeed."""


class LogError(RaderError):
    """A trajectory log holds a line that is no trajectory."""
