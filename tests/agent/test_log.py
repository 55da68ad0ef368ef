"""The trajectory log: what is appended is read back, whatever happens to its writers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import LogError
from agent.feedback import FeedbackLog, beside
from agent.log import TrajectoryLog
from agent.records import Fingerprints, Step, Trajectory, Usage
from retriever.errors import StorageError

WRITER = """
import itertools, sys
from pathlib import Path
from agent.log import TrajectoryLog
from tests.agent.test_log import trajectory
log, name, count = TrajectoryLog(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in itertools.count() if count == 0 else range(count):
    log.append(trajectory(f"{name}-{number}", "x" * 3000))
    print(number, flush=True)
"""


def trajectory(name: str = "one", text: str = "So $x=2$ — \u2028 \\boxed{2}\n\nend") -> Trajectory:
    """A whole trajectory; its text holds a newline and characters that some readers take for one."""
    return Trajectory(
        id=name,
        problem="$x+1=3$",
        problem_id="p",
        strategy="cot",
        steps=(Step(n=1, action="answer", text=text),),
        answer="2",
        fingerprints=Fingerprints(llm="m", retriever="", index="", prompts="p", config="c"),
        seed=0,
        usage=Usage(),
        created="2026-01-01T00:00:00+00:00",
    )


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that is ready to append ``count`` lines, for ever where that is 0, once told to."""
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    process = subprocess.Popen(
        arguments, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str]) -> None:
    """Have a writer begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_single_trajectories_are_found_by_their_ids(log: TrajectoryLog) -> None:
    assert log.find(["a"]) == {}
    for name, text in [("a", "first"), ("b", "it speaks of a and c"), ("a", "second"), ("c", "x")]:
        log.append(trajectory(name, text))
    with log.path.open("a") as file:
        file.write('{"id": "c", torn\n')
    FeedbackLog(beside(log.path)).give("c", "answer", "up")
    found = log.find(["c", "a", "nowhere"])
    assert list(found) == ["c", "a"]
    assert found["a"].steps[0].text == "second"
    assert found["c"].feedback == {"answer": "up"}
    assert log.find([]) == {}


def test_what_is_appended_is_read_back(log: TrajectoryLog) -> None:
    written = [trajectory(name) for name in ("a", "b", "c")]
    for one in written:
        log.append(one)
    assert list(log.read()) == written
    assert list(log.read(skip_bad=False)) == written
    assert len(log.path.read_bytes().splitlines()) == 3


def test_a_log_that_is_not_there_is_empty(log: TrajectoryLog) -> None:
    assert list(log.read(skip_bad=False)) == []


def test_a_torn_last_line_harms_no_other(log: TrajectoryLog) -> None:
    log.append(trajectory("a"))
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[: len(whole) // 2])
    assert [one.id for one in log.read()] == ["a"]
    log.append(trajectory("b"))
    log.append(trajectory("c"))
    assert [one.id for one in log.read()] == ["a", "b", "c"]


def test_a_line_torn_within_a_character_harms_no_other(log: TrajectoryLog) -> None:
    log.path.parent.mkdir()
    log.path.write_bytes('{"id": "—'.encode()[:-1])
    log.append(trajectory("b"))
    assert [one.id for one in log.read()] == ["b"]


def test_a_bad_line_is_named_where_it_may_not_be_skipped(log: TrajectoryLog) -> None:
    log.append(trajectory("a"))
    with log.path.open("a", encoding="utf-8") as file:
        file.write('\n{"schema": 1}\n')
    log.append(trajectory("b"))
    assert [one.id for one in log.read()] == ["a", "b"]
    with pytest.raises(LogError, match=r"trajectories\.jsonl, line 3: Field required"):
        list(log.read(skip_bad=False))


def test_a_line_of_another_schema_is_refused(log: TrajectoryLog) -> None:
    log.append(trajectory("a"))
    log.path.write_text(json.dumps(trajectory().to_record() | {"schema": 2}) + "\n", encoding="utf-8")
    with pytest.raises(LogError, match="line 1"):
        list(log.read(skip_bad=False))


def test_concurrent_writers_never_interleave(log: TrajectoryLog) -> None:
    writers = [writer(log.path, name, 50) for name in ("left", "right")]
    for one in writers:
        tell(one)
    for one in writers:
        one.communicate(timeout=120)
        assert one.returncode == 0
    found = [one.id for one in log.read(skip_bad=False)]
    assert sorted(found) == sorted(f"{name}-{number}" for name in ("left", "right") for number in range(50))
    assert [each for each in found if each.startswith("left")] == [f"left-{number}" for number in range(50)]


def test_a_killed_writer_leaves_whole_lines_and_at_most_one_torn(log: TrajectoryLog) -> None:
    for name in ("first", "second", "third"):
        process = writer(log.path, name, 0)
        tell(process)
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        reported = 3 + process.stdout.read().count("\n")
        process.communicate()
        kept = [one.id for one in log.read() if one.id.startswith(name)]
        assert kept == [f"{name}-{number}" for number in range(len(kept))]
        assert reported <= len(kept) <= reported + 1  # what was said to be written is there
    lines = log.path.read_bytes().split(b"\n")
    assert sum(1 for line in lines if line) - len(list(log.read())) <= 3
    log.append(trajectory("after"))
    assert [one.id for one in log.read()][-1] == "after"


@pytest.mark.parametrize("place", ["below a file", "a folder", "a full disk"])
def test_a_log_that_cannot_be_written_says_so_in_one_line(tmp_path: Path, place: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    path = {"below a file": file / "log.jsonl", "a folder": tmp_path, "a full disk": tmp_path / "full"}[place]
    if place == "a full disk":
        path.symlink_to("/dev/full")
    with pytest.raises(StorageError) as caught:
        TrajectoryLog(path).append(trajectory())
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert "RADER_HOME" in caught.value.remedy


def test_what_did_not_fit_leaves_nothing_behind(log: TrajectoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(trajectory("a"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:40]))
    with pytest.raises(StorageError, match="space"):
        log.append(trajectory("b"))
    monkeypatch.undo()
    log.append(trajectory("c"))
    assert [one.id for one in log.read(skip_bad=False)] == ["a", "c"]
