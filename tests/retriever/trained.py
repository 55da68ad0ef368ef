"""Trained models as a training leaves them: seeded adapters with run.json beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retriever.registry import Registry, Version
from retriever.trained.release import RELEASE_FILE, Encode, Release, seal
from tests.conftest import make_tiny_adapter


def make_run(folder: Path, base: Path, seed: int, **report: Any) -> Path:
    """A finished run's folder: OUT/adapter, OUT/run.json."""
    make_tiny_adapter(folder / "adapter", base, seed)
    plan = {"configuration": {"base": str(base), "passage_tokens": 48}, "triples": "7" * 64}
    (folder / "run.json").write_text(json.dumps({"state": "done", "plan": plan} | report))
    return folder


def make_shipped(folder: Path, base: Path, seed: int, **encode: Any) -> Path:
    """A retriever as it lies in the package."""
    make_tiny_adapter(folder, base, seed)
    seal(folder, Release(name=folder.name, base=str(base), encode=Encode(**encode)))
    return folder


def damage(version: Version) -> None:
    """Another byte at the end of its weights."""
    [weights] = version.path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")


__all__ = ["RELEASE_FILE", "Registry", "damage", "make_run", "make_shipped"]
