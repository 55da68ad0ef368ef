"""``rader collect --ray``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scripted import ScriptedServer
from tests.ui.command import Rader, one_line
from ui.settings import AgentConfig, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def problems(tmp_path: Path) -> str:
    file = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{n}", "problem": f"What is {n}+1?", "answer": str(n + 1)} for n in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_interrupted_on_ray_it_goes_on_there_with_the_retriever(
    rader: Rader, problems: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    log = out / "trajectories.jsonl"
    common = [
        *("collect", problems, "--out", str(out)),
        *("--strategy", "rag", "--retriever", "bm25", "--parallel", "1", "--json", "--ray"),
    ]
    with ScriptedServer(["So \\boxed{1}"], delay=0.3) as one, ScriptedServer(["So \\boxed{1}"]) as two:
        command = [sys.executable, "-m", "ui.cli", *common, "--llm-url", one.url]
        pipe = subprocess.PIPE
        env = os.environ | rader.env
        with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True) as process:
            while process.poll() is None and not log.exists():
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            told, complained = process.communicate()
        assert (process.returncode, told) == (130, ""), complained
        before = len(log.read_text().splitlines())
        done = rader(*common, "--llm-url", f"{one.url},{two.url}")
        assert done.returncode == 0, done.stderr
        assert two.requests
    counts = json.loads(done.stdout)
    assert 0 < before < 6
    assert (counts["attempts"], counts["done"], counts["new"]) == (6, 6, 6 - before)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == 6
    assert all(line["fingerprints"]["index"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--ray", "--record", "calls"), "--ray cannot be recorded"),
        (("--workers", "2"), "--workers is for --ray"),
        (("--llm-url", "http://127.0.0.1:1/v1", "--llm-url", "http://127.0.0.1:2/v1"), "several --llm-url"),
        (("--ray", "127.0.0.1:9"), "no Ray cluster can be had at 127.0.0.1:9"),
        (("--ray", "head"), "no Ray cluster can be had at head"),
    ],
)
def test_flags_that_do_not_fit_are_one_line(
    rader: Rader, problems: str, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = rader("collect", problems, "--out", str(tmp_path / "out"), "--strategy", "cot", *arguments)
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr


def test_without_ray_it_says_what_to_install(
    rader: Rader, problems: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = rader("collect", problems, "--out", str(tmp_path / "out"), "--strategy", "cot", "--ray")
    assert done.returncode == 1
    assert "rader-studio[ray]" in done.stderr


def test_a_worker_has_the_settings_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own environment decides nothing."""
    from ui.cli.on_ray import solver
    from ui.settings import Settings

    file = tmp_path / "rader.toml"
    file.write_text('llm_key = "k"\n[agent]\nhits = 7\n')
    settings = load_settings(file, llm_model="m", home=tmp_path)
    monkeypatch.setenv("RADER_AGENT__HITS", "2")
    monkeypatch.setenv("RADER_LLM_MODEL", "other")
    given = {name: getattr(settings, name) for name in Settings.model_fields}
    made = solver(given, False, "http://127.0.0.1:1/v1")
    assert made.config == AgentConfig(hits=7)
    assert (made.llm.url, made.llm.fingerprint, made.llm._api_key) == ("http://127.0.0.1:1/v1", "m", "k")
