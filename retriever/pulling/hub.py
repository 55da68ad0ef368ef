"""A repository of the Hugging Face hub as a folder under the home: weights, settings, tokeniser, never code.

Unlike the models of the store (retriever/weights.py) these have no published list of hashes, so the hub's own
client checks what it downloads. A folder that somebody filled by hand serves just as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from filelock import FileLock

from retriever.errors import UnreachableError, WeightsError
from retriever.pulling import fetch
from retriever.pulling.fetch import PullProgress, SourceError

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# What a model reads; sources, pickled weights and other formats of the same weights stay where they are.
WANTED = ("*.safetensors", "*.json", "*.txt", "tokenizer.model", "*.jinja")
UNWANTED = ("onnx/*", "openvino/*", "original/*", "requirements*.txt", ".*")
_COMPLETE = ".complete"  # written last, so that a download that was cut off is taken up again
_CLIENT = Path(".cache") / "huggingface"  # the hub's client leaves its notes here

Listener = Callable[[PullProgress], None]


def snapshot(
    repository: str, home: Path, listener: Listener | None = None, endpoint: str | None = None
) -> Path:
    """The folder ``home/hub/ORG/NAME`` of a repository ``ORG/NAME``, downloaded where it is not there.

    Args:
        repository: Name on the hub.
        home: The home folder.
        listener: Told how far the download is.
        endpoint: The hub's address; ``HF_ENDPOINT`` or the public one by default.

    Raises:
        UnreachableError: The hub cannot be reached; the message says what to put where by hand.
        WeightsError: The repository does not hold what a model needs.
        StorageError: The disk is full or cannot be written to.
    """
    folder = home / "hub" / repository
    if _usable(folder):
        return folder
    with fetch.storage_errors(home):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not _usable(folder):
                _download(repository, folder, listener, endpoint)
    if lacking := _lacking(folder):
        raise WeightsError(f"{repository} does not hold a model that can be used: it lacks {lacking}", "")
    with contextlib.suppress(OSError):
        (folder / _COMPLETE).touch()
    return folder


def _usable(folder: Path) -> bool:
    """Whether a folder holds a whole download, or what somebody put there by hand."""
    if _lacking(folder):
        return False
    return (folder / _COMPLETE).exists() or not (folder / _CLIENT).exists()


def _lacking(folder: Path) -> str:
    """What a folder lacks of a model or an adapter, empty where nothing."""
    if (folder / "adapter_config.json").is_file():
        return "" if (folder / "adapter_model.safetensors").is_file() else "adapter_model.safetensors"
    if not (folder / "config.json").is_file():
        return "config.json"
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return ", ".join(sorted(shard for shard in shards if not (folder / shard).is_file()))
    return "" if next(folder.glob("*.safetensors"), None) else "model.safetensors"


def _download(repository: str, folder: Path, listener: Listener | None, endpoint: str | None) -> None:
    url = (endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    stop = threading.Event()
    try:
        fetch._require_hub(url)
        what: dict[str, Any] = _request(repository, folder, url, stop)
        with ThreadPoolExecutor(1, "hub") as pool:
            try:
                total = _size(what)
                future = pool.submit(_fetch, what)
                _watch(future, repository, folder, total, listener)
            finally:
                stop.set()
    except SourceError as error:
        raise UnreachableError(
            f"cannot reach the Hugging Face hub ({repository}): {error}",
            f"Put the files of the repository {repository} ({', '.join(WANTED)}) into {folder}",
        ) from error


def _request(repository: str, folder: Path, url: str, stop: threading.Event) -> dict[str, Any]:
    from huggingface_hub.utils.tqdm import tqdm

    class Silent(tqdm):
        """Prints nothing, since progress is the listener's business, and lets an interrupt through."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, *_: object) -> None:
            if stop.is_set():
                raise SourceError("interrupted")

    return {
        "repo_id": repository,
        "local_dir": folder,
        "endpoint": url,
        "allow_patterns": list(WANTED),
        "ignore_patterns": list(UNWANTED),
        "etag_timeout": fetch.HUB_TIMEOUT_SECONDS,
        "tqdm_class": Silent,
    }


def _size(what: dict[str, Any]) -> int:
    """Bytes that the download is going to have."""
    return sum(file.file_size for file in _fetch(what | {"dry_run": True}))


def _fetch(what: dict[str, Any]) -> Any:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(**what)
    except Exception as error:  # the hub's client lets errors of several HTTP libraries through
        if isinstance(error, OSError) and fetch.is_storage_errno(error.errno):
            raise
        raise SourceError(fetch.one_line(error)) from error


def _watch(future: Future[Any], repository: str, folder: Path, total: int, listener: Listener | None) -> None:
    source = f"the Hugging Face hub ({repository})"
    while not wait([future], fetch.POLL_SECONDS).done:
        if listener:
            done = min(fetch.tree_size(folder), total)
            listener(PullProgress(repository, "", source, "download", done, total))
    future.result()
