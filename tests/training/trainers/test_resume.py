"""A training that was killed goes on with the losses that it would have had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from retriever.errors import BadInputError, StorageError
from tests.training.trainers.tiny import make_corpus, make_triples, recipe
from training.trainers.base import last_checkpoint
from training.trainers.bi_encoder import train_retriever
from training.trainers.run_folder import CHECKPOINTS, alone_in

CORPUS = make_corpus()
ROOT = Path(__file__).parents[3]
# As a process of its own: it is killed as soon as the seventh step is logged, one after its last checkpoint.
CHILD = """
import sys
from pathlib import Path
from tests.training.trainers.test_resume import CORPUS, config
from training.trainers.bi_encoder import train_retriever

base, triples, out = map(Path, sys.argv[1:])
train_retriever(config(base), triples, CORPUS, out, home=out, progress=lambda *_: print("step", flush=True))
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the child has: sums over two threads round otherwise, and Adam makes much of little gradients."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config(base: Path) -> Any:
    """Two epochs of six steps, dropout and a scheduler, so that all kinds of state matter."""
    return recipe(
        base, epochs=2, dropout=0.2, evaluate_every=3, scheduler="cosine", mix={"cot": 0.5, "llm": 1.5}
    )


def curve(out: Path) -> list[tuple[int, float, float]]:
    lines = map(json.loads, (out / "loss.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        (line["step"], line.get("loss", line.get("eval_loss")), line.get("eval_ndcg@10", 0.0))
        for line in lines
    ]


def killed(base: Path, triples: Path, out: Path) -> None:
    """Run the training until its seventh step, then kill -9."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(base), str(triples), str(out)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            logged = out / "loss.jsonl"
            if (
                line == "step\n"
                and max((step for step, *_ in curve(out)), default=0) >= 7
                and logged.exists()
            ):
                os.kill(child.pid, signal.SIGKILL)
                break
    assert child.wait() == -signal.SIGKILL


def test_killed_and_taken_up_again(tiny_encoder_path: Path, tmp_path: Path) -> None:
    triples = make_triples(tmp_path / "t", CORPUS)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = train_retriever(config(tiny_encoder_path), triples, CORPUS, straight, home=tmp_path)
    killed(tiny_encoder_path, triples, broken)
    assert json.loads((broken / "run.json").read_text(encoding="utf-8"))["state"] == "running"
    checkpoint = last_checkpoint(broken / CHECKPOINTS)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-6"
    half = broken / CHECKPOINTS / "checkpoint-9"  # as a kill in the midst of writing leaves it
    half.mkdir()
    (half / "trainer_state.json").write_text('{"epoch": 1.', encoding="utf-8")
    resumed = train_retriever(config(tiny_encoder_path), triples, CORPUS, broken, home=tmp_path)
    assert resumed["result"]["resumed_at"] == 6
    for found, wanted in zip(curve(broken), curve(straight), strict=True):
        assert found == pytest.approx(wanted, abs=1e-6)
    assert len({step for step, *_ in curve(straight)}) == whole["result"]["steps"]
    assert not (broken / CHECKPOINTS).exists()
    _same_weights(straight, broken)


def test_one_process_trains_in_a_folder_and_a_done_run_is_tidied(
    tiny_encoder_path: Path, tmp_path: Path
) -> None:
    triples, out = make_triples(tmp_path / "t", CORPUS, validation=0), tmp_path / "out"
    options = recipe(tiny_encoder_path, max_steps=2)
    with alone_in(out), pytest.raises(BadInputError, match="another process works in"):
        train_retriever(options, triples, CORPUS, out, home=tmp_path)
    report = train_retriever(options, triples, CORPUS, out, home=tmp_path)
    (out / CHECKPOINTS / "checkpoint-2").mkdir(parents=True)  # as a kill just before their removal leaves it
    assert train_retriever(options, triples, CORPUS, out, home=tmp_path) == report
    assert not (out / CHECKPOINTS).exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file"),
    ],
)
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StorageError, match="cannot write to") as caught, alone_in(tmp_path):
        raise error
    assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="another matter"), alone_in(tmp_path):
        raise RuntimeError("another matter")


def _same_weights(one: Path, other: Path) -> None:
    from safetensors.torch import load_file

    name = "adapter/adapter_model.safetensors"
    first, second = load_file(one / name), load_file(other / name)
    assert first.keys() == second.keys()
    assert all((first[key] - second[key]).abs().max() < 1e-6 for key in first)


def test_another_seed_is_another_order(tiny_encoder_path: Path, tmp_path: Path) -> None:
    triples = make_triples(tmp_path / "t", CORPUS, validation=0)
    curves = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / str(number)
        options = recipe(tiny_encoder_path, seed=seed, max_steps=3)
        train_retriever(options, triples, CORPUS, out, home=tmp_path)
        curves.append([loss for _, loss, _ in curve(out)])
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]
