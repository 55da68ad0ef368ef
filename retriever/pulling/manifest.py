"""What the model store knows: the files of each model, their sha256, and where they can be had.

The list itself is ``retriever/data/models.json``. Whatever source answers, the sha256 decides.
"""

from __future__ import annotations

import difflib
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from retriever.errors import BadInputError

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Pin = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_]+$")]


def _inside(path: str) -> str:
    """Refuse a path that could leave the folder it is meant for."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ":" in path or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{path!r} is not a path inside a model's folder")
    return path


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Frozen):
    """One file of a model: its path in the model's folder, its size in bytes and its sha256."""

    name: Annotated[str, AfterValidator(_inside)]
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class HubSource(_Frozen):
    """A repository on the Hugging Face hub.

    ``files`` maps a model's file to its path in the repository, for those where the two differ.
    """

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = "main"
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """How messages name this source."""
        return f"the Hugging Face hub ({self.hub})"


class WheelSource(_Frozen):
    """Files inside published wheels.

    Each wheel holds one member that matches ``member``, a glob in which ``*`` stays within one folder,
    ``{file}`` is the model's file and ``{part}`` the wheel's place, from 1. A file is its members joined
    in the order of ``wheels``.
    """

    wheels: tuple[Pin, ...] = Field(min_length=1)
    member: str

    @property
    def label(self) -> str:
        """How messages name this source."""
        more = f" and {len(self.wheels) - 1} more" if len(self.wheels) > 1 else ""
        return f"the wheels {self.wheels[0]}{more}"

    def find(self, names: list[str], file: str, part: int) -> list[str]:
        """Those of a wheel's member names that hold ``part`` (from 1) of ``file``."""
        pattern = self.member.format(file=file, part=part).split("/")
        return [name for name in names if _matches(name.split("/"), pattern)]


class ModelEntry(_Frozen):
    """One model: what it is for, its files, and its sources in the order in which they are tried."""

    purpose: str
    licence: str
    files: tuple[ModelFile, ...] = Field(min_length=1)
    sources: tuple[HubSource | WheelSource, ...] = Field(min_length=1)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


class Manifest(_Frozen):
    """Every model that the store knows, by name."""

    models: dict[ModelName, ModelEntry]

    def entry(self, name: str) -> ModelEntry:
        """The model of that name.

        Raises:
            BadInputError: There is none; the message lists those that there are.
        """
        if name in self.models:
            return self.models[name]
        word = name.lower()
        part_of = [known for known in self.models if word and word in known]
        near = part_of or difflib.get_close_matches(word, self.models, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise BadInputError(f"no model is called {name!r}", f"{hint}Known models: {', '.join(self.models)}")


@lru_cache(maxsize=1)
def shipped_manifest() -> Manifest:
    """The list that ships with the product."""
    return Manifest.model_validate_json((files("retriever") / "data" / "models.json").read_text("utf-8"))


def same_project(wheel: str, pin: str) -> bool:
    """Whether a wheel's file name is that of ``pin`` (``project==version``)."""
    return [_plain(part) for part in wheel.split("-")[:2]] == [_plain(part) for part in pin.split("==")]


def _plain(text: str) -> str:
    return re.sub(r"[-_.]+", "_", text).lower()


def _matches(name: list[str], pattern: list[str]) -> bool:
    if len(name) != len(pattern) or any(part in ("", ".", "..") or "\\" in part for part in name):
        return False
    return all(fnmatchcase(part, glob) for part, glob in zip(name, pattern, strict=True))
