"""What a training left, looked at before it becomes a version: which kind, from what, and is it whole."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retriever.encoding.loading import file_sha256, first_line
from retriever.errors import BadInputError, RaderError, WeightsError
from retriever.jsonl import shown, unreadable
from retriever.trained.release import (
    Encode,
    Form,
    Kind,
    encode_of,
    faults,
    marks_of,
    read_release,
    weights_sha256,
)

_FOLDERS: tuple[Form, ...] = ("adapter", "model")
_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja", ".md"})  # nothing that runs
_HINT = "Name the folder of a finished training: rader train … --out OUT"


@dataclass(frozen=True)
class TrainingOutput:
    """An adapter or a model, and what its run says of it.

    Attributes:
        folder: Where its files are.
        form: Which of the two it is.
        report: What run.json says; empty where there is none.
    """

    folder: Path
    form: Form
    report: dict[str, Any]

    @classmethod
    def of(cls, source: Path) -> TrainingOutput:
        """What lies in a run's folder, or in the folder of an adapter or a model.

        Raises:
            BadInputError: There is neither, or the run goes on.
            WeightsError: The weights are not whole.
        """
        try:
            folder = next((source / name for name in _FOLDERS if (source / name).is_dir()), source)
            weights = next(folder.glob("*.safetensors"), None)
        except (OSError, ValueError) as error:  # a name that no file can have
            raise unreadable(source, error) from error
        if not weights:
            raise BadInputError(f"there is no trained model in {shown(source)}", _HINT)
        form: Form = "adapter" if (folder / "adapter_config.json").is_file() else "model"
        report = _json(folder.parent / "run.json")
        if report and report.get("state") != "done":
            raise BadInputError(
                f"the training in {folder.parent} is not finished", "Run it again: it goes on"
            )
        found = cls(folder, form, report)
        found._check()
        return found

    @property
    def kind(self) -> Kind:
        """What it does: a model with a head that scores is a reranker."""
        config = _json(self.folder / ("adapter_config.json" if self.form == "adapter" else "config.json"))
        heads = [str(config.get("task_type")), *map(str, config.get("architectures") or ())]
        scores = any(head == "SEQ_CLS" or head.endswith("ForSequenceClassification") for head in heads)
        return "reranker" if scores else "retriever"

    @property
    def base(self) -> str:
        """What it was trained from, as far as it says."""
        adapted = _json(self.folder / "adapter_config.json").get("base_model_name_or_path")
        return str(adapted or self._plan.get("configuration", {}).get("base") or "")

    @property
    def data(self) -> dict[str, str]:
        """sha256 of what it was trained on."""
        names = ("triples", "validation", "corpus")
        return {name: str(self._plan[name]) for name in names if self._plan.get(name)}

    @property
    def encode(self) -> Encode:
        """How texts are given to it: as its folder says, and as much of a passage as it was trained with."""
        found, read = encode_of(self.folder), self._plan.get("configuration", {}).get("passage_tokens")
        if found.max_passage_tokens or not read or self.kind != "retriever":
            return found
        return found.model_copy(update={"max_passage_tokens": read})

    def base_fingerprint(self, home: Path) -> str:
        """sha256 of the weights of an adapter's base; empty where they are not here."""
        from retriever.encoding.presets import base_fingerprint

        with suppress(RaderError):
            return base_fingerprint(self.folder, home) if self.form == "adapter" else ""
        return ""

    def is_in(self, folder: Path) -> bool:
        """Whether a version's folder holds the same weights."""
        return weights_sha256(self.folder) == weights_sha256(folder)

    def copy(self, to: Path) -> None:
        """Copy the files to a new folder.

        Raises:
            WeightsError: A file changed meanwhile.
        """
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix in _SUFFIXES:
                there = to / path.relative_to(self.folder)
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, there)
        for name, mark in marks_of(to).items():
            if file_sha256(self.folder / name) != mark.sha256:
                raise WeightsError(f"{name} changed while it was copied", "Add it again")

    @property
    def _plan(self) -> dict[str, Any]:
        return dict(self.report.get("plan") or {})

    def _check(self) -> None:
        """A save that was interrupted leaves weights that are too short for their own header."""
        from safetensors import SafetensorError, safe_open

        for path in self.folder.glob("*.safetensors"):
            try:
                with safe_open(path, "numpy") as file:
                    file.keys()
            except (SafetensorError, OSError) as error:
                raise WeightsError(f"{path} is not whole: {first_line(error)}", "Train it again") from error
        release = read_release(self.folder)
        if release and release.files and (wrong := faults(self.folder, release)):
            raise WeightsError(f"{self.folder}: {wrong[0]}", "Take it from where it came from again")


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
