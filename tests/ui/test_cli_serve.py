"""``rader serve-llm`` around a stand-in for vLLM: what it prints, what it starts again, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.test_vllm_server import STAND_IN, alive
from tests.ui.command import one_line


@contextmanager
def serving(home: Path, *flags: str, how: str = "serve") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "ui.cli", "serve-llm", "some/model", "--port", "0", "--json", *flags]
    env = os.environ | {"PYTHONPATH": str(STAND_IN), "STAND_IN": how, "RADER_HOME": str(home)}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_tells_where_it_serves_and_takes_the_server_with_it(
    tmp_path: Path, sign: signal.Signals, code: int
) -> None:
    with serving(tmp_path) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["url"].startswith("http://127.0.0.1:")
        assert Path(told["log"]).parent == tmp_path / "logs"
        process.send_signal(sign)
        assert process.wait(30) == code
        assert not alive(told["pid"])


def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    with serving(tmp_path, "--restarts", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(2):
            os.kill(json.loads(process.stdout.readline())["pid"], signal.SIGKILL)
        assert process.wait(30) == 1
        assert one_line(error := process.stderr.read()), error
        assert "vLLM ended 2 times" in error


def test_a_server_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, how="die") as process:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 1
        assert one_line(error), error
        assert "no such model" in error


def test_a_python_without_vllm_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, "--python", str(tmp_path / "python")) as process:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 1
        assert one_line(error), error
        assert "--python" in error
