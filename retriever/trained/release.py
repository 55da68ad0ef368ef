"""``rader.json``: what a trained model is, how texts are given to it, and the sha256 of its files.

It lies beside the weights, an adapter's or a whole model's. All of it may be missing but what `Encode` needs
to know; the registry (`retriever.registry`) fills it in.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retriever.encoding.loading import Dtype, Pooling, file_sha256
from retriever.errors import RaderError, WeightsError
from retriever.files import storage_errors, write_atomically
from retriever.jsonl import reasons, shown

RELEASE_FILE = "rader.json"
# What a trainer leaves beside an adapter: keywords of `Encoder` that are otherwise than its base's.
ENCODER_FILE = "encoder.json"

Kind = Literal["retriever", "reranker"]
Form = Literal["adapter", "model"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Encode(_Strict):
    """How texts are given to a model, as keywords of `Encoder`; what is None is as its base has it.

    ``latex``: ``plain`` writes formulas as words before anything is encoded (`retriever.mathtext`).
    """

    query_prompt: str | None = None
    passage_prompt: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_passage_tokens: int | None = Field(default=None, ge=1)
    pooling: Pooling | None = None
    append_eos: bool | None = None
    causal: bool | None = None
    dtype: Dtype | None = None
    latex: Literal["raw", "plain"] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The keywords that are given."""
        found = self.model_dump(exclude_none=True)
        if found.get("latex") == "raw":  # as an encoder is by itself
            del found["latex"]
        return found


class FileMark(_Strict):
    """A file as it has to be."""

    size: int
    sha256: str


class Release(_Strict):
    """What is known of a trained model.

    Attributes:
        name: Its version's name; empty before it is one.
        kind: What it does.
        form: An adapter on ``base``, or all weights.
        base: What it was trained from, by name, repository or folder.
        base_fingerprint: `weights_sha256` of the base; empty is not looked at.
        encode: How texts are given to it.
        created: When it became a version.
        data: sha256 of what it was trained on, by name.
        scores: Points from 0 to 100 by benchmark and measure.
        parent: The version that it was trained on from, or was compared with.
        files: The files beside this one that decide something.
    """

    name: str = ""
    kind: Kind = "retriever"
    form: Form = "adapter"
    base: str = ""
    base_fingerprint: str = ""
    encode: Encode = Encode()
    created: datetime | None = None
    data: dict[str, str] = {}
    scores: dict[str, dict[str, float]] = {}
    parent: str = ""
    files: dict[str, FileMark] = {}


def read_release(folder: Path) -> Release | None:
    """What ``rader.json`` in a folder says; None where there is none.

    Raises:
        WeightsError: It cannot be read, or says what this version does not know.
    """
    file = folder / RELEASE_FILE
    try:
        return Release.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise WeightsError(f"{shown(file)}: {reasons(error)}", "Put the file back as it was") from error
    except OSError as error:
        raise WeightsError(f"{shown(file)} cannot be read: {error.strerror or error}") from error


def encode_of(folder: Path) -> Encode:
    """How texts are given to the model in a folder: what its trainer left, and ``rader.json`` over it.

    Raises:
        WeightsError: A file cannot be read, or names what there is not.
    """
    release, file = read_release(folder), folder / ENCODER_FILE
    try:
        left = Encode.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        left = Encode()
    except ValidationError as error:
        raise WeightsError(f"{shown(file)}: {reasons(error)}", "Train the adapter again") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{shown(file)} cannot be read: {error}", "Train the adapter again") from error
    return left.model_copy(update=release.encode.model_dump(exclude_none=True)) if release else left


def weights_sha256(folder: Path) -> str:
    """sha256 of a folder's weights, 64 hex digits: of the one safetensors file, or over those of several."""
    found = {path.name: file_sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    if len(found) == 1:
        return next(iter(found.values()))
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def marks_of(folder: Path) -> dict[str, FileMark]:
    """Size and sha256 of the files in a folder that decide something, by path within it.

    Not of ``rader.json`` itself nor of the model card, which may be written anew.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if path.name != RELEASE_FILE and path.suffix != ".md"]
    return {
        path.relative_to(folder).as_posix(): FileMark(size=path.stat().st_size, sha256=file_sha256(path))
        for path in files
    }


def seal(folder: Path, release: Release) -> Release:
    """Write ``rader.json`` into a folder, with the sha256 of what lies there now.

    Raises:
        StorageError: The folder cannot be written to.
    """
    whole = release.model_copy(update={"files": marks_of(folder)})
    with storage_errors(folder):
        write_atomically(folder / RELEASE_FILE, whole.model_dump_json(indent=2, exclude_defaults=True))
    return whole


def faults(folder: Path, release: Release) -> list[str]:
    """What is wrong with the files of a version, a line each; files are hashed where they have changed."""
    found = []
    for name, mark in release.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != mark.size:
            found.append(f"{name} has {path.stat().st_size:,} bytes instead of {mark.size:,}")
        elif file_sha256(path) != mark.sha256:
            found.append(f"{name} has changed")
    if not any(name.endswith(".safetensors") for name in release.files):
        found.append(f"{RELEASE_FILE} lists no weights")
    return found


def release_and_faults(folder: Path) -> tuple[Release, list[str]]:
    """What is known of a version, and what is wrong with it; an empty release where that is all there is."""
    try:
        release = read_release(folder)
        return release or Release(), faults(folder, release) if release else [f"{RELEASE_FILE} is missing"]
    except (RaderError, OSError) as error:
        return Release(), [getattr(error, "message", str(error))]
