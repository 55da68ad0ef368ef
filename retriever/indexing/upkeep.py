"""Looking after indexes: list them, drop one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retriever.errors import BadInputError
from retriever.index import ChromaServer, backend_of
from retriever.indexing.backend import Backend
from retriever.indexing.index_info import IndexStatus, Serving, State


def list_indexes(home: str | Path, *, server: ChromaServer | None = None) -> list[IndexStatus]:
    """All indexes below ``home`` or on a server: those that serve first, half-written ones last.

    Raises:
        IndexServerError: The server does not answer or refuses.
    """
    backend = backend_of(home, server)
    found = [_status(backend, name, backend.versions.serving()) for name in backend.versions.names()]
    order: tuple[State, ...] = ("serving", "previous", "unused", "half-written")
    return sorted(found, key=lambda one: (order.index(one.state), one.encoder, one.name))


def drop_index(
    home: str | Path, name: str, *, force: bool = False, server: ChromaServer | None = None
) -> IndexStatus:
    """Remove an index. Where it serves, the one before serves from then on, if it is there.

    Args:
        home: The product's folder.
        name: Its name as `list_indexes` gives it, or the beginning of one.
        force: Also one that serves.
        server: The Chroma server where it is.

    Returns:
        What was removed.

    Raises:
        BadInputError: No index, or several, have that name, or it serves and ``force`` is off.
        StorageError: A build is running, or the folder cannot be written to.
        IndexServerError: The server does not answer or refuses.
    """
    backend = backend_of(home, server)
    with backend.versions.building(wait=False):
        status = _named(list_indexes(home, server=server), name)
        if status.state == "serving" and not force:
            raise BadInputError(f"the index {status.name[:12]} serves", "Drop it all the same with --force")
        _withdraw(backend, status.name)
        backend.versions.remove(status.name)
    return status


def _status(backend: Backend, name: str, serving: dict[str, Serving]) -> IndexStatus:
    manifest = backend.versions.complete(name)
    info = manifest or backend.versions.planned(name)
    state: State = "unused" if manifest else "half-written"
    if manifest and any(name == names.current for names in serving.values()):
        state = "serving"
    elif manifest and any(name == names.previous for names in serving.values()):
        state = "previous"
    known: dict[str, Any] = {}
    if info:
        fields = ("encoder", "encoder_fingerprint", "count", "kinds", "corpora", "built")
        known = {field: getattr(info, field) for field in fields}
    return IndexStatus(name=name, state=state, bytes=backend.versions.size(name), **known)


def _named(found: list[IndexStatus], name: str) -> IndexStatus:
    fits = [one for one in found if one.name == name] or [one for one in found if one.name.startswith(name)]
    if len(fits) == 1 and name:
        return fits[0]
    count = "no index has" if not fits else f"{len(fits)} indexes have"
    raise BadInputError(f"{count} a name that begins with {name!r}", "See them with: rader index --list")


def _withdraw(backend: Backend, name: str) -> None:
    """Let no encoder point to a version."""
    for encoder, names in backend.versions.serving().items():
        if name in names:
            backend.versions.point(encoder, Serving(*(other for other in names if other not in (name, None))))
