"""The folder of a training run, which can be taken up again after a kill.

OUT/
├── run.json       configuration, hashes of the data, environment, counts; "state" says whether it is done
├── loss.jsonl     a line a step that was logged, and a line an evaluation
├── loss.svg       the same as a picture
├── checkpoints/   what a resumed run needs; removed when it is done
└── adapter/ or model/
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from retriever.errors import BadInputError, StorageError
from retriever.files import STORAGE_REMEDY, storage_errors, write_atomically
from retriever.locks import alone

RUN, LOSS, PICTURE, CHECKPOINTS = "run.json", "loss.jsonl", "loss.svg", "checkpoints"
_PACKAGES = ("torch", "transformers", "sentence-transformers", "peft", "accelerate", "datasets")
# How the Rust of safetensors and the C++ of torch say that a file could not be written.
_UNWRITTEN = re.compile(r"os error \d+|PytorchStreamWriter|file write failed|basic_ios::clear")


class RunFolder:
    """OUT of one run.

    Args:
        folder: Made where there is none.

    Raises:
        StorageError: It cannot be written to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder)
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    @property
    def report(self) -> dict[str, Any]:
        """What run.json says; empty where there is none."""
        try:
            return dict(json.loads((self.path / RUN).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def begin(self, plan: dict[str, Any]) -> bool:
        """Note what is going to be done.

        Args:
            plan: All that decides the result: configuration and hashes of the data.

        Returns:
            Whether it was done before.

        Raises:
            BadInputError: Something else was begun here.
        """
        before = self.report
        same = json.loads(json.dumps(plan))
        if before and before.get("plan") != same:
            changed = [key for key in same if before.get("plan", {}).get(key) != same[key]]
            raise BadInputError(
                f"{self.path} holds another run (other {', '.join(changed) or 'plan'})",
                "Name another folder with --out, or remove that one",
            )
        if before.get("state") == "done":
            shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)  # killed before it had removed them
            return True
        self.write({"state": "running", "plan": plan, "environment": environment()})
        return False

    def write(self, report: dict[str, Any]) -> None:
        """Write run.json, whole or not at all."""
        if os.environ.get("RANK", "0") != "0":  # of processes that train together, one writes
            return
        with storage_errors(self.path):
            write_atomically(self.path / RUN, json.dumps(report, indent=2, ensure_ascii=False))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder, which is made where there is none.

    Raises:
        BadInputError: Another one is at work there.
        StorageError: The folder cannot be written to, now or later on.
    """
    busy = BadInputError(f"another process works in {folder}", "Wait for its end")
    with _storage_errors(folder), alone(folder / "run.lock", busy):
        yield


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    """As `storage_errors`, of torch and safetensors too, which make errors of their own of a full disk."""
    from safetensors import SafetensorError

    with storage_errors(folder):
        try:
            yield
        except (SafetensorError, RuntimeError) as error:
            if not _UNWRITTEN.search(str(error)):
                raise
            reason = str(error).strip().splitlines()[0][:200]
            raise StorageError(f"cannot write to {folder}: {reason}", STORAGE_REMEDY) from error


def environment() -> dict[str, Any]:
    """Versions and devices that a result may depend on."""
    import torch

    cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "packages": {name: version(name) for name in _PACKAGES},
        "devices": cuda or [platform.machine()],
        "threads": torch.get_num_threads(),
    }


def peak_memory() -> dict[str, int]:
    """Bytes at most so far: of this process, and on its GPU."""
    import torch

    unit = 1 if sys.platform == "darwin" else 1024
    found = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.max_memory_allocated()
    return found
