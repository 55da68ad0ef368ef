"""A Ray cluster for the time of one collection: started or joined, quiet, its errors told as ours."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from retriever.errors import BadInputError, MissingExtraError, RaderError

_OBJECTS = 128 << 20  # bytes of shared memory for objects; an attempt and its trajectory are small


@contextmanager
def cluster(address: str) -> Iterator[None]:
    """A Ray cluster to work on; one that this process has joined before is taken, and left, as it is.

    Args:
        address: ``local`` starts one on this machine and ends it; ``auto`` or ``HOST:PORT`` joins a running
            one.

    Raises:
        MissingExtraError: Ray is not installed.
        BadInputError: No cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray") from None
    with redirect_stdout(sys.stderr):  # where Ray tells of workers that died; standard output is for results
        if ray.is_initialized():
            yield
            return
        try:
            _join(address)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadInputError(
                f"no Ray cluster can be had at {address} ({_last_line(error)})",
                "Start one with: ray start --head, or leave the address out",
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _join(address: str) -> None:
    import ray

    own: dict[str, Any] = {}
    if address == "local":
        own = {"include_dashboard": False, "object_store_memory": _OBJECTS}
    elif address != "auto":  # Ray would wait for minutes where nobody listens
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=10).close()
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)


@contextmanager
def explained() -> Iterator[None]:
    """What went wrong in a worker, as it would be raised here."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, RaderError):
            raise error.cause from None
        raise
    except RayError as error:
        raise RaderError(
            f"Ray gave up ({_last_line(error)})", "Every machine needs the same version of rader-studio"
        ) from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
