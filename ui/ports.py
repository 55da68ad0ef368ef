"""Where servers may listen."""

from __future__ import annotations

import errno
import socket

from retriever.errors import BadInputError


def free_port(host: str, port: int) -> int:
    """``port`` if it can be listened on, or a free one for 0.

    Raises:
        BadInputError: it is in use or cannot be had, with what to do about it.
    """
    if not 0 <= port <= 65535:
        raise BadInputError(f"there is no port {port}", "Choose one from 1024 to 65535")
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInputError(
                f"port {port} is in use", f"Stop the other program, or add: --port {port + 1}"
            ) from error
        reason = (error.strerror or str(error)).lower()
        raise BadInputError(
            f"cannot listen on {host} port {port}: {reason}", "Choose another with --host or --port"
        ) from error
