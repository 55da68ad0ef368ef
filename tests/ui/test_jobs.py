"""Jobs: real commands that outlive who started them; killed, stopped, found again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retriever.errors import BadInputError, StorageError
from tests.scripted import ScriptedServer
from ui import jobs as module
from ui.jobs import KEPT, Job, Jobs
from ui.settings import environment, load_settings


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A model that takes its time."""
    with ScriptedServer(["word " * 40 + "\\boxed{1}"], delay=0.05) as scripted:
        yield scripted


@pytest.fixture
def jobs(home: Path, server: ScriptedServer) -> Iterator[Jobs]:
    """Jobs that ask that model; none is left running."""
    made = Jobs(home, environment(load_settings(home=home, llm_url=server.url, slots=1)))
    yield made
    for kind in ("collect", "doctor"):
        if (job := made.latest(kind)) and job.state == "running":
            os.killpg(process(home, job), signal.SIGKILL)
            until(lambda kind=kind: state(made, kind) != "running")


@pytest.fixture
def collecting(tmp_path: Path) -> list[str]:
    """Arguments of a collection of three problems."""
    file = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{n}", "problem": f"What is {n}?", "answer": "1"} for n in range(3)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ["collect", str(file), "--out", str(tmp_path / "out"), "--strategy", "cot", "--json"]


def until(true: Callable[[], bool], seconds: float = 300) -> None:
    """Wait; a busy machine is no defect."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def state(jobs: Jobs, kind: str = "collect") -> str:
    job = jobs.latest(kind)
    assert job is not None
    return job.state


def done(jobs: Jobs) -> int:
    job = jobs.latest("collect")
    return job.progress[1] if job else 0


def process(home: Path, job: Job) -> int:
    return int(json.loads((home / "jobs" / job.id / "job.json").read_text())["process"])


def test_a_job_is_watched_and_comes_to_its_end(
    jobs: Jobs, collecting: list[str], server: ScriptedServer, home: Path
) -> None:
    assert jobs.latest("collect") is None
    job = jobs.start("collect", "Mine", collecting)
    assert (job.state, job.label, job.arguments) == ("running", "Mine", tuple(collecting))
    with pytest.raises(BadInputError, match="Mine is still running"):
        jobs.start("collect", "Another", collecting)
    until(lambda: done(jobs) >= 1)
    found = Jobs(home).latest("collect")  # as a page that was started anew
    assert found is not None
    assert (found.id, found.state, found.progress[2]) == (job.id, "running", 3)
    assert "correct" in found.progress[0]
    server.delay = 0
    until(lambda: state(jobs) == "done")
    over = jobs.latest("collect")
    assert over is not None
    assert (over.result["done"], over.result["new"]) == (3, 3)


def test_a_job_that_was_stopped_goes_on_where_it_was(
    jobs: Jobs, collecting: list[str], server: ScriptedServer
) -> None:
    job = jobs.start("collect", "Mine", collecting)
    until(lambda: done(jobs) >= 1)
    jobs.stop(job.id)
    until(lambda: state(jobs) == "stopped")
    jobs.stop(job.id)  # one that is over stays so
    server.delay = 0
    again = jobs.again(job)
    until(lambda: state(jobs) == "done")
    over = jobs.latest("collect")
    assert over is not None
    assert over.id == again.id != job.id
    assert over.result["done"] == 3
    assert over.result["new"] < 3


def test_a_job_that_was_killed_failed_and_leaves_no_lock(
    jobs: Jobs, collecting: list[str], home: Path
) -> None:
    job = jobs.start("collect", "Mine", collecting)
    os.killpg(process(home, job), signal.SIGKILL)
    until(lambda: state(jobs) == "failed")
    assert jobs.again(job).state == "running"


def test_one_that_does_not_stop_is_killed(
    jobs: Jobs, collecting: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen, it hears nothing."""
    monkeypatch.setattr(module, "GRACE", 0.2)
    job = jobs.start("collect", "Mine", collecting)
    os.killpg(process(home, job), signal.SIGSTOP)
    jobs.stop(job.id)
    until(lambda: state(jobs) == "stopped")


def test_a_number_that_another_process_has_now_is_left_alone(jobs: Jobs, home: Path) -> None:
    """Ours, so that a signal would be noticed."""
    folder = home / "jobs" / "collect-20260101-000000-abcd"
    folder.mkdir(parents=True)
    (folder / "alive").touch()
    record = {"kind": "collect", "label": "Old", "arguments": [], "process": os.getpid(), "started": ""}
    (folder / "job.json").write_text(json.dumps(record))
    assert state(jobs) == "failed"
    jobs.stop(folder.name)
    assert state(jobs) == "failed"
    jobs.stop("../../etc")


def test_what_went_wrong_is_the_last_line(jobs: Jobs) -> None:
    jobs.start("collect", "Mine", ["collect", "no-such.jsonl", "--out", "x", "--json"])
    until(lambda: state(jobs) == "failed")
    job = jobs.latest("collect")
    assert job is not None
    assert job.says.startswith("rader: cannot read no-such.jsonl")


def test_kinds_run_beside_each_other_and_old_ones_go(jobs: Jobs, collecting: list[str], home: Path) -> None:
    for number in range(KEPT + 3):
        folder = home / "jobs" / f"doctor-2026010{number % 9}-000000-{number:04}"
        folder.mkdir(parents=True)
        (folder / "job.json").write_text("not even JSON")
    jobs.start("collect", "Mine", collecting)
    jobs.start("doctor", "Checkup", ["doctor", "--json"])
    assert state(jobs) == "running"
    assert len(list((home / "jobs").glob("doctor-*"))) == KEPT
    until(lambda: state(jobs, "doctor") != "running")


def test_a_home_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match="nothing can be started"):
        Jobs(tmp_path / "home").start("collect", "Mine", [])


def test_an_environment_gives_the_same_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = load_settings(home=home, llm_url="http://x/v1", llm_key="secret", passage_tokens=64)
    for name, value in environment(mine).items():
        monkeypatch.setenv(name, value)
    assert load_settings().model_dump() == mine.model_dump()
