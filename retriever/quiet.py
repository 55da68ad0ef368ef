"""Warnings of others that tell our users nothing."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_THREAD = threading.RLock()


@contextmanager
def ignoring(category: type[Warning] = Warning, message: str = "") -> Iterator[None]:
    """Without the warnings of a category that begin with ``message``, a regular expression.

    One thread at a time: the filters are the whole process's, and whoever leaves puts back those he found.
    """
    with _ONE_THREAD, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield
