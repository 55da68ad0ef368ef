"""``rader collect`` by DESIGN's contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agent.helpers import usual_mind
from tests.scripted import ScriptedServer
from tests.ui.command import Rader, one_line


@pytest.fixture
def problems(tmp_path: Path) -> str:
    """Three problems as GSM8K is published."""
    file = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {n}+1?", "answer": f"Count.\n#### {n + 1}"} for n in range(3)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def collected(rader: Rader, *arguments: str) -> dict[str, Any]:
    done = rader("collect", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("strategy", ["cot", "rag", "steps", "mcts"])
def test_it_writes_trajectories_and_goes_on(
    rader: Rader, problems: str, tmp_path: Path, strategy: str
) -> None:
    out = tmp_path / "out"
    with ScriptedServer(["So it is \\boxed{1}"]) as server:
        common = (problems, "--out", str(out), "--strategy", strategy, "--llm-url", server.url)
        rollouts = ("--rollouts", "2") if strategy == "mcts" else ()
        first = collected(rader, *common, *rollouts, "--limit", "2", "--seed", "3")
        again = collected(rader, *common, *rollouts, "--limit", "3", "--seed", "3")
    assert (first["attempts"], first["new"], first["correct"]) == (2, 2, 1)
    assert (again["attempts"], again["new"], again["done"]) == (3, 1, 3)
    lines = [json.loads(line) for line in (out / "trajectories.jsonl").read_text().splitlines()]
    assert [line["strategy"] for line in lines] == [strategy] * 3
    assert {line["seed"] for line in lines} == {3}


def test_rollouts_are_attempts_with_seeds_of_their_own(rader: Rader, problems: str, tmp_path: Path) -> None:
    with ScriptedServer(["\\boxed{1}"]) as server:
        common = (problems, "--out", str(tmp_path / "out"), "--strategy", "cot", "--llm-url", server.url)
        assert collected(rader, *common, "--limit", "1", "--rollouts", "3")["new"] == 3
        assert {request["seed"] for request in server.requests} == {0, 1, 2}
        assert {request["temperature"] for request in server.requests} == {0.8}


def test_a_recording_is_replayed_without_a_model(rader: Rader, problems: str, tmp_path: Path) -> None:
    calls = str(tmp_path / "calls")
    common = (problems, "--strategy", "cot", "--parallel", "1")
    with ScriptedServer(["\\boxed{1}"]) as server:
        collected(rader, *common, "--out", str(tmp_path / "a"), "--record", calls, "--llm-url", server.url)
    collected(rader, *common, "--out", str(tmp_path / "b"), "--replay", calls)
    first, again = ((tmp_path / name / "trajectories.jsonl").read_bytes() for name in "ab")
    assert first == again


def test_what_another_retriever_would_have_found(rader: Rader, tmp_path: Path) -> None:
    """The replay takes its searches from the recording too; the other retriever is only compared with it."""
    problems, calls, out = (tmp_path / name for name in ("problems.jsonl", "calls", "b"))
    problems.write_text(
        json.dumps({"id": "p", "problem": "What are the roots, if they sum to b and c?", "answer": "1"})
        + "\n"
    )
    (tmp_path / "one.toml").write_text("[agent]\nhits = 1\n")
    common = (str(problems), "--strategy", "rag", "--parallel", "1", "--config", str(tmp_path / "one.toml"))
    recording = ("--out", str(tmp_path / "a"), "--record", str(calls), "--retriever", "bm25")
    with ScriptedServer(usual_mind()) as server:
        collected(rader, *common, *recording, "--llm-url", server.url)
        asked = len(server.requests)
    same = collected(rader, *common, "--out", str(out), "--replay", str(calls), "--retriever", "bm25")
    assert (tmp_path / "a" / "trajectories.jsonl").read_bytes() == (out / "trajectories.jsonl").read_bytes()
    assert (same["what_if"]["searches"], same["what_if"]["changed"]) == (1, 0)
    other = collected(rader, *common, "--out", str(out), "--replay", str(calls), "--retriever", "base")
    [line] = [json.loads(line) for line in (out / "what_if.jsonl").read_text().splitlines()]
    assert other["what_if"]["retriever"] == "base"
    assert (other["what_if"]["changed"], other["what_if"]["unjudged"]) == (1, 1)
    assert (line["lost"], line["gained"]) == (["vieta"], ["pythagoras"])
    assert asked == len(server.requests)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no-such.jsonl", "--out", "x"), "no-such.jsonl"),
        (("PROBLEMS", "--out", "OUT", "--record", "a", "--replay", "b"), "exclude"),
        (("PROBLEMS", "--out", "OUT", "--strategy", "cot", "--replay", "no-such-folder"), "no-such-folder"),
        (("PROBLEMS", "--out", "PROBLEMS", "--strategy", "cot"), "problems.jsonl"),
    ],
)
def test_bad_input_is_one_line(
    rader: Rader, problems: str, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    named = {"PROBLEMS": problems, "OUT": str(tmp_path / "out")}
    done = rader("collect", *(named.get(argument, argument) for argument in arguments))
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr
