"""The average of adapters of one base: often better on each set than any of them (Wortsman et al. 2022).

    average_adapters([Path("run1/adapter"), Path("run2/adapter")], [0.5, 0.5], Path("soup"), home)

PEFT puts them side by side, so that the ranks add up and nothing is lost; it is saved in half precision.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retriever.encoding.loading import open_torch, quiet_peft
from retriever.encoding.presets import ENCODER_FILE, encoder_for
from retriever.errors import BadInputError
from training.trainers.model import save_adapter

_MIX = "average"


def average_adapters(adapters: Sequence[Path], weights: Sequence[float], out: Path, home: str | Path) -> Path:
    """Write the weighted sum of what adapters change.

    Args:
        adapters: Folders of `rader train retriever`, all of one base and read in one way.
        weights: Of each adapter; they need not sum to 1.
        out: Folder for the average; replaced where there is one.
        home: The home folder.

    Raises:
        BadInputError: There are fewer than two, or they do not go together.
        WeightsError: One cannot be loaded.
    """
    from peft import PeftModel

    encoders = [encoder_for(folder, home, backend="torch", device="cpu") for folder in adapters]
    if len(encoders) < 2 or len(encoders) != len(weights):
        raise BadInputError("an average needs two adapters or more, and a weight for each", "Name them")
    alike = {(one.recipe.path, one.latex, one.query_prompt, one.passage_prompt) for one in encoders}
    if len(alike) > 1 or not all(one.recipe.adapter for one in encoders):
        raise BadInputError(
            "these are not adapters of one base that read texts in one way", "Average runs of one recipe"
        )
    base: Any = open_torch(replace(encoders[0].recipe, adapter=None), "cpu")[0]
    names = [f"run{number}" for number in range(len(adapters))]
    with quiet_peft():
        model: Any = PeftModel.from_pretrained(base.model, str(adapters[0]), names[0], local_files_only=True)
    for name, folder in zip(names[1:], adapters[1:], strict=True):
        model.load_adapter(str(folder), name, local_files_only=True)
    model.add_weighted_adapter(names, list(weights), _MIX, combination_type="cat")
    model.set_adapter(_MIX)
    for name in names:
        model.delete_adapter(name)
    return _written(model.half(), adapters[0], out)


def _written(model: Any, like: Path, out: Path) -> Path:
    """Save the one adapter that is left, whole or not at all; it reads texts as ``like`` does."""
    draft = out.with_name(out.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    named = model.peft_config[_MIX].base_model_name_or_path
    save_adapter(model, draft, str(named))
    for file in (draft / _MIX).iterdir():  # PEFT gives every adapter that is not called default a folder
        file.replace(draft / file.name)
    (draft / _MIX).rmdir()
    shutil.copy(like / ENCODER_FILE, draft / ENCODER_FILE)
    shutil.rmtree(out, ignore_errors=True)
    return draft.replace(out)
