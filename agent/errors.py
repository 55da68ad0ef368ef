"""Errors of the agent; their root is the retriever's ``RaderError``.

RaderError
├── ModelServerError     the language model's server is unreachable, died or refused
└── LogError             a trajectory log cannot be read
"""

from __future__ import annotations

from retriever.errors import RaderError


class ModelServerError(RaderError):
    """The language model's server is unreachable, died mid-answer or refused the request."""


class LogError(RaderError):
    """A trajectory log holds a line that is no trajectory."""
