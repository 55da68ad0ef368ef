"""Rerankers by name: RaDeR's published one, a folder, or a repository of the Hugging Face hub.

reranker = reranker_for("rader-reranker-7b", home)
"""

from __future__ import annotations

import json
from pathlib import Path

from retriever.errors import BadInputError, WeightsError
from retriever.pulling.hub import REPOSITORY, Listener, snapshot
from retriever.reranking.cross_encoder import CrossEncoderReranker

# A LoRA adapter with its head over Qwen2.5-7B-Instruct; its adapter_config.json names the base.
RERANKERS = {"rader-reranker-7b": "Raderspace/reranker_Qwen25_7B_NuminaMath_MATH_allquerytypes"}


def reranker_for(
    name: str | Path,
    home: str | Path,
    *,
    device: str | None = None,
    listener: Listener | None = None,
    endpoint: str | None = None,
) -> CrossEncoderReranker:
    """The reranker of a preset, a folder, or a repository ``org/name`` of the hub.

    A folder or repository may hold an adapter instead of a model; its adapter_config.json names the base.

    Args:
        name: Which one.
        home: The home folder; what is fetched goes there.
        device: A torch device; None takes the best there is.
        listener: Told how far a download is.
        endpoint: The hub's address; ``HF_ENDPOINT`` or the public one by default.

    Raises:
        BadInputError: Nothing has that name.
        UnreachableError: It is not here and the hub cannot be reached; says what to put where.
        WeightsError: What has that name is no reranker.
    """
    folder = _folder(str(name), Path(home), listener, endpoint)
    if not (folder / "adapter_config.json").is_file():
        return CrossEncoderReranker(folder, device=device)
    base = _folder(_base_of(folder), Path(home), listener, endpoint)
    return CrossEncoderReranker(base, adapter=folder, device=device)


def base_folder(name: str, home: str | Path) -> Path:
    """The folder of what a reranker is trained from: a model's, or a repository's, which is fetched.

    Raises:
        BadInputError, UnreachableError: As `reranker_for`.
    """
    return _folder(name, Path(home), None, None)


def _folder(name: str, home: Path, listener: Listener | None, endpoint: str | None) -> Path:
    if name not in RERANKERS and Path(name).is_dir():
        return Path(name)
    repository = RERANKERS.get(name, name)
    if not REPOSITORY.fullmatch(repository):
        raise BadInputError(
            f"no reranker is called {name!r}",
            f"Name a folder, a repository org/name of the hub, or one of: {', '.join(RERANKERS)}",
        )
    return snapshot(repository, home, listener, endpoint)


def _base_of(adapter: Path) -> str:
    """What an adapter was trained from: a repository's name, or a folder."""
    file = adapter / "adapter_config.json"
    try:
        base = str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{file} does not name the model that it adapts", "Fetch it again") from error
    return base
