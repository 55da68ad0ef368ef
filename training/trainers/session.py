"""What both trainers do once they are put together: go on where they were, and leave the run folder whole."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.trainers.curve import draw_losses
from training.trainers.run_folder import CHECKPOINTS, LOSS, RunFolder, alone_in, peak_memory

if TYPE_CHECKING:
    from training.trainers.base import OurBatches


def carry_out(
    trainer: OurBatches, run: RunFolder, save: Callable[[Any], Path], report: dict[str, Any]
) -> dict[str, Any]:
    """Train from the last checkpoint on, save the best, finish run.json.

    Args:
        trainer: Ready to begin.
        run: The run's folder.
        save: Writes the trained model and gives its folder.
        report: What else run.json shall say.

    Returns:
        What run.json says.

    Raises:
        BadInputError: Another process trains in the folder.
        StorageError: The folder cannot be written to; run again, it goes on from the last checkpoint.
    """
    leads = trainer.is_world_process_zero()
    with alone_in(run.path) if leads else nullcontext():
        if run.report.get("state") == "done":  # by another process, since this one looked
            return run.report
        _train(trainer, run, save, report, leads=leads)
    trainer.accelerator.wait_for_everyone()
    return run.report


def _train(
    trainer: OurBatches,
    run: RunFolder,
    save: Callable[[Any], Path],
    report: dict[str, Any],
    *,
    leads: bool,
) -> None:
    from training.trainers.base import last_checkpoint

    _quiet()
    checkpoint = last_checkpoint(run.path / CHECKPOINTS)
    before = _step(checkpoint)
    start, processor = time.perf_counter(), time.process_time()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.perf_counter() - start
    if not leads:
        return
    folder = save(trainer.model)
    result = {
        "folder": folder.name,
        "steps": trainer.state.global_step,
        "resumed_at": before,
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "samples_per_second": round(trainer.rows_since(before) / seconds, 2),
        "peak_memory": peak_memory(),
        "best": trainer.state.best_metric,
        "best_step": trainer.state.best_global_step,
    }
    draw_losses(run.path / LOSS)
    run.write(run.report | report | {"result": result, "state": "done"})
    shutil.rmtree(run.path / CHECKPOINTS, ignore_errors=True)  # large, and nobody needs them any more


def _quiet() -> None:
    """What goes wrong is raised; bars and notes of the libraries would tear our own."""
    from datasets import disable_progress_bars
    from transformers.utils import logging

    disable_progress_bars()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _step(checkpoint: Path | None) -> int:
    """The step that a checkpoint was made at; 0 where there is none."""
    if checkpoint is None:
        return 0
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])
