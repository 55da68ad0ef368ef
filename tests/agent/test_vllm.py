"""The real vLLM on a processor: served by ``rader serve-llm``, a short collection, verdicts by a schema.

    make test-vllm

``RADER_VLLM_PYTHON`` names the Python of an environment that has vLLM. The model has 135M parameters, so that
what it says makes no sense; what counts is that every step of the way works.
"""

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

from agent.llm import ChatModel, Reply, Sampling
from retriever.weights import ModelStore
from tests.ui.command import Rader
from ui.settings import load_settings

PYTHON = os.environ.get("RADER_VLLM_PYTHON", "")
# Compiling takes minutes and pays in the long run only; without AVX-512, float32 is five times faster.
FLAGS = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "4096", "--served-model-name", "smollm2")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not PYTHON, reason="make test-vllm runs it: vLLM wants an environment of its own"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face folder."""
    [gguf] = ModelStore(load_settings().home).pull("smollm2-135m-instruct").glob("*.gguf")
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([PYTHON, Path(__file__).with_name("to_hugging_face.py"), gguf, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def served(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What ``rader serve-llm`` prints once it serves; at the end it must go by itself."""
    command = [sys.executable, "-m", "ui.cli", "serve-llm", str(model), "--python", PYTHON, "--port", "0"]
    home = {"RADER_HOME": str(tmp_path_factory.mktemp("home")), "VLLM_CPU_KVCACHE_SPACE": "1"}
    with subprocess.Popen(
        [*command, "--restarts", "0", "--json", "--", *FLAGS],
        env=os.environ | home, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, "vLLM did not come up; its last words are on standard error"
        yield json.loads(told)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture
def rader(tmp_path: Path, tiny_encoder_path: Path) -> Rader:
    """A home of its own, with two theorems."""
    rader = Rader(tmp_path / "home", tiny_encoder_path)
    corpus = tmp_path / "corpus.jsonl"
    rows = [
        {"id": "vieta", "title": "Vieta's Formulas", "text": "The roots of $x^2+bx+c$ sum to $-b$."},
        {"id": "pythagoras", "title": "Pythagorean Theorem", "text": "$a^2+b^2=c^2$ in a right triangle."},
    ]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert rader("index", str(corpus), "--no-shipped").returncode == 0
    return rader


async def test_a_schema_binds_it_and_read_prompts_are_counted(served: dict[str, Any]) -> None:
    model = ChatModel(served["url"], "smollm2")
    verdict = {"type": "object", "properties": {"prime": {"type": "boolean"}}, "required": ["prime"]}
    asked = Sampling(40, schema=verdict | {"additionalProperties": False}, top_k=40)
    question = " ".join(f"Is number {number} prime?" for number in range(60))
    replies = [Reply(), Reply()]
    for reply in replies:
        async for _ in model.stream([("user", question)], asked, reply):
            pass
    assert isinstance(json.loads(replies[0].text)["prime"], bool)
    assert replies[0].usage.prompt_tokens > 200
    assert replies[1].usage.cached_tokens > 200  # the second time its beginning had been read


async def test_it_goes_on_with_a_half_written_answer(served: dict[str, Any]) -> None:
    reply = Reply()
    begun = [("user", "Count from one to ten."), ("assistant", "one, two, three, four,")]
    async for _ in ChatModel(served["url"], "smollm2").stream(begun, Sampling(8), reply):  # type: ignore[arg-type]
        pass
    assert "five" in reply.text
    assert reply.usage.completion_tokens <= 8


@pytest.mark.parametrize(("strategy", "count"), [("cot@2", 3), ("steps", 2), ("mcts", 1)])
def test_a_collection(
    served: dict[str, Any], rader: Rader, tmp_path: Path, strategy: str, count: int
) -> None:
    problems, out = tmp_path / "problems.jsonl", tmp_path / "out"
    rows = [{"id": str(n), "problem": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(count)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = tmp_path / "short.toml"
    config.write_text("[agent]\nstep_tokens = 48\nanswer_tokens = 64\ndepth = 2\n", encoding="utf-8")
    rollouts = ("--rollouts", "2") if strategy == "mcts" else ()
    common = ("collect", str(problems), "--out", str(out), "--strategy", strategy, *rollouts)
    flags = ("--llm-url", served["url"], "--config", str(config), "--parallel", "3", "--json")
    done = rader(*common, *flags)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["new"], counts["failed"]) == (count, 0)
    assert counts["tokens"] > 0
    again = rader(*common, *flags)
    assert json.loads(again.stdout)["new"] == 0
    lines = [json.loads(line) for line in (out / "trajectories.jsonl").read_text("utf-8").splitlines()]
    assert {line["fingerprints"]["llm"] for line in lines} == {"smollm2"}
