"""sentence-transformers' trainers, with our batches, small exact checkpoints, and a log of the losses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.base.trainer import BaseTrainer
from torch.utils.data import SequentialSampler
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from training.trainers.batches import MixedSampler
from training.trainers.config import Training
from training.trainers.validation import METRIC

_WEIGHTS = "trained.safetensors"
Progress = Callable[[int, int, str], None]  # called with (steps done, steps in all, what is new)


class OurBatches(BaseTrainer):
    """Mixed into a trainer of sentence-transformers: which rows make a batch, and what a checkpoint holds."""

    sampler: MixedSampler

    def equip(self, config: Training, sampler: MixedSampler, log: LossLog) -> None:
        """What is not a keyword of the trainer: the order of the rows, the log, when to stop."""
        self.sampler = sampler
        self.processing_class = None  # by which the trainer would change the model's special tokens
        self.remove_callback(PrinterCallback)  # standard output is for results
        self.add_callback(log)
        if config.patience and self.evaluator is not None:
            self.add_callback(EarlyStoppingCallback(config.patience))

    def get_batch_sampler(self, dataset: Any, batch_size: int, *_: Any, **__: Any) -> DefaultBatchSampler:
        """Ours to train; rows as they come to validate."""
        if dataset is self.train_dataset:
            return self.sampler
        return DefaultBatchSampler(SequentialSampler(dataset), batch_size=batch_size, drop_last=False)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: the registry writes a card of its own."""

    def rows_since(self, step: int) -> int:
        """Rows that all devices learned from after a step; the last batch of an epoch may be short."""
        args = self.args
        each = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        return int((self.state.global_step - step) * each)

    def _run_epoch(self, model: Any, epoch: int, *args: Any, **kwargs: Any) -> Any:
        # Where batches are skipped and shared among processes, the trainer does not reach the sampler.
        self.sampler.set_epoch(epoch)
        return super()._run_epoch(model, epoch, *args, **kwargs)  # type: ignore[no-untyped-call]

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ARG002
        folder = Path(str(output_dir or self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: w.detach().contiguous().cpu() for name, w in learning(self.model)}
        save_file(weights, folder / _WEIGHTS)

    def _load_from_checkpoint(self, checkpoint: str, model: Any = None) -> None:  # noqa: ARG002
        found = load_file(Path(checkpoint) / _WEIGHTS)
        with torch.no_grad():
            for name, weight in learning(self.model):
                weight.copy_(found[name])

    def _load_best_model(self) -> None:
        # The trainer's own goes on with the last weights where this fails.
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))


def learning(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """The weights that learn, by name."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def arguments(config: Training, folder: Path, steps: int, *, validates: bool) -> dict[str, Any]:
    """Keywords for the training arguments of sentence-transformers.

    Args:
        config: The resolved configuration.
        folder: Where checkpoints go.
        steps: Of the whole run.
        validates: Whether there is something to validate with.
    """
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": config.batch,
        "per_device_eval_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulation,
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "learning_rate": config.lr,
        "lr_scheduler_type": config.scheduler,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": config.precision == "bf16",
        "use_cpu": config.device == "cpu",
        "activation_checkpointing": config.gradient_checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "ddp_find_unused_parameters": False,
        "seed": config.seed,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": max(1, steps // 2000),
        "dataloader_pin_memory": torch.cuda.is_available() and config.device != "cpu",
    } | _saving(config.evaluate_every or max(1, steps // 10), validates=validates)


def _saving(every: int, *, validates: bool) -> dict[str, Any]:
    """When a checkpoint is made and validated, and which stays: the best and the last."""
    saving = {"save_strategy": "steps", "save_steps": every, "save_total_limit": 2}
    if not validates:
        return saving
    return saving | {
        "eval_strategy": "steps",
        "eval_steps": every,
        "load_best_model_at_end": True,
        "metric_for_best_model": f"eval_{METRIC}",
        "greater_is_better": True,
    }


class LossLog(TrainerCallback):
    """Writes OUT/loss.jsonl line by line, a resumed run on from where it was, and tells of progress."""

    def __init__(self, file: Path, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """What was logged before the checkpoint stays, what came after it is done again."""
        if state.is_world_process_zero:
            self._file.write_text("".join(map(_line, state.log_history)), encoding="utf-8")

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """One more line."""
        if not state.is_world_process_zero:
            return
        with self._file.open("a", encoding="utf-8") as file:
            file.write(_line(state.log_history[-1]))
        if self._progress:
            self._progress(state.global_step, state.max_steps, _news(state.log_history))


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _news(history: list[dict[str, Any]]) -> str:
    """The latest loss, and the latest validation where there was one."""
    loss = next((entry["loss"] for entry in reversed(history) if "loss" in entry), None)
    points = next((entry["eval_ndcg@10"] for entry in reversed(history) if "eval_ndcg@10" in entry), None)
    parts = [f"loss {loss:.3f}" if loss is not None else "", f"nDCG@10 {points:.1f}" if points else ""]
    return ", ".join(filter(None, parts))


def total_steps(config: Training, batches: int) -> int:
    """Steps of the whole run, for so many batches an epoch on all devices together."""
    return config.max_steps or max(1, round(config.epochs * -(-batches // (devices() * config.accumulation))))


def devices() -> int:
    """Processes that train together, as torchrun and accelerate tell them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None where there is none."""
    found = [each.parent for each in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/trainer_state.json")]
    whole = [each for each in found if _readable(each / "trainer_state.json")]
    return max(whole, key=lambda each: int(each.name.rpartition("-")[2]), default=None)


def _readable(file: Path) -> bool:
    try:  # the trainer writes it last
        return bool(json.loads(file.read_text(encoding="utf-8")))
    except ValueError:
        return False
