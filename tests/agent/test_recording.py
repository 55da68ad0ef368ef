"""Recordings: the same bytes again without a model, also after a kill, and nothing that was never said."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from agent import checks
from agent.collect import collect
from agent.collection import Attempt, Collection
from agent.errors import LogError, ModelServerError, RecordingError
from agent.llm import ChatModel, Reply, Sampling
from agent.recording import CALLS, Call, Head, RecordedModel, call_key
from agent.records import Problem
from agent.solve import Solver
from agent.state import AgentConfig
from agent.tape import Tape
from retriever.errors import BadInputError, StorageError
from tests.scripted import ScriptedServer

SAID = ["It is two, so $1+1=2$.", "Hence \\boxed{2}"]


def collected(model: ChatModel, folder: Path, *, temperature: float = 0.0, seeds: int = 2) -> bytes:
    problem = Problem(id="p", problem="What is 1+1?", answer="2")
    solver = Solver(model, None, AgentConfig(temperature=temperature))
    wanted = [Attempt(problem, "cot", seed) for seed in range(seeds)]
    given = Collection(folder)
    with given.held():
        asyncio.run(collect(solver, wanted, given, parallel=1))
    return given.log.path.read_bytes()


def calls_in(folder: Path) -> list[Call]:
    return Tape(folder / CALLS, Head, Call).read()[1]


async def said(model: ChatModel, text: str) -> Reply:
    reply = Reply()
    async for _ in model.stream([("user", text)], Sampling(16), reply):
        pass
    return reply


def test_a_replay_gives_the_same_bytes_without_a_model(tmp_path: Path) -> None:
    with ScriptedServer(SAID) as server:
        recorded = RecordedModel(tmp_path / "calls", ChatModel(server.url, "scripted"))
        first = collected(recorded, tmp_path / "a")
        asked = len(server.requests)
    assert asked >= 2
    assert collected(RecordedModel(tmp_path / "calls"), tmp_path / "b") == first
    assert all(json.loads(line)["usage"]["seconds"] > 0 for line in first.splitlines())


def test_no_hurry_changes_what_a_replay_finds_in_a_thought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(SAID) as server:
        first = collected(
            RecordedModel(tmp_path / "calls", ChatModel(server.url, "scripted")), tmp_path / "a"
        )
        monkeypatch.setattr(checks, "SECONDS", 1e-9)
        hurried = json.loads(collected(ChatModel(server.url, "scripted"), tmp_path / "live").splitlines()[0])
    assert collected(RecordedModel(tmp_path / "calls"), tmp_path / "b") == first
    found = [one["claim"] for step in json.loads(first.splitlines()[0])["steps"] for one in step["checks"]]
    assert found == ["1+1=2"]
    assert "checks" not in hurried["steps"][-1]


def test_what_was_said_before_is_not_asked_again(tmp_path: Path) -> None:
    with ScriptedServer(SAID) as server:
        live = ChatModel(server.url, "scripted")
        first = collected(RecordedModel(tmp_path / "calls", live), tmp_path / "a")
        asked = len(server.requests)
        again = collected(RecordedModel(tmp_path / "calls", live), tmp_path / "b", seeds=3)
        assert len(server.requests) == asked + asked // 2
    assert again.startswith(first)


async def test_the_same_call_twice_keeps_both_replies(tmp_path: Path) -> None:
    with ScriptedServer(["one", "two"]) as server:
        recorded = RecordedModel(tmp_path, ChatModel(server.url, "scripted"))
        assert [(await said(recorded, "?")).text for _ in range(2)] == ["one", "two"]
    replayed = RecordedModel(tmp_path)
    assert [(await said(replayed, "?")).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(RecordingError, match="does not hold this call"):
        await said(replayed, "?")


def test_other_settings_end_the_attempt_with_the_reason(tmp_path: Path) -> None:
    with ScriptedServer(SAID) as server:
        collected(RecordedModel(tmp_path / "calls", ChatModel(server.url, "scripted")), tmp_path / "a")
    line = collected(RecordedModel(tmp_path / "calls"), tmp_path / "b", temperature=0.5, seeds=1)
    assert b"the recording does not hold this call" in line


async def test_a_reply_that_broke_off_is_not_kept(tmp_path: Path) -> None:
    with ScriptedServer(["one two three"], break_after=2) as server:
        recorded = RecordedModel(tmp_path, ChatModel(server.url, "scripted"))
        with pytest.raises(ModelServerError):
            await said(recorded, "?")
    assert calls_in(tmp_path) == []


async def test_a_line_cut_off_by_a_kill_is_taken_off(tmp_path: Path) -> None:
    with ScriptedServer(["one", "two", "three"]) as server:
        live = ChatModel(server.url, "scripted")
        recorded = RecordedModel(tmp_path, live)
        await said(recorded, "a")
        await said(recorded, "b")
        file = tmp_path / CALLS
        os.truncate(file, file.stat().st_size - 5)
        again = RecordedModel(tmp_path, live)
        assert [(await said(again, text)).text for text in "ab"] == ["one", "three"]
    assert len(calls_in(tmp_path)) == 2


def test_another_models_recording_is_refused(tmp_path: Path) -> None:
    RecordedModel(tmp_path, ChatModel("http://127.0.0.1:1/v1", "one"))
    with pytest.raises(BadInputError, match="is a recording of one"):
        RecordedModel(tmp_path, ChatModel("http://127.0.0.1:1/v1", "two"))


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\n", b'{"recording": 1, "model": "m"}\n'])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CALLS).write_bytes(content)
    with pytest.raises(LogError):
        RecordedModel(tmp_path)


def test_nothing_to_replay_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--record"):
        RecordedModel(tmp_path / "none")


def test_top_k_is_part_of_what_was_asked_only_where_it_is_set() -> None:
    """The key is that of recordings made before there was a top-k."""
    before = "07a00c742d3d008c5c1caab8cb8e99c462b297ffb040cf929bcbba7b67527aa0"
    assert call_key([("user", "?")], Sampling(16)) == before
    assert len({call_key([("user", "?")], Sampling(16, top_k=top_k)) for top_k in (None, 0, 40)}) == 3


async def test_what_did_not_fit_on_the_disk_leaves_the_recording_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(["one", "two", "three"]) as server:
        model = RecordedModel(tmp_path, ChatModel(server.url, "scripted"))
        await said(model, "a")
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:40]))
        with pytest.raises(StorageError):
            await said(model, "b")
        monkeypatch.undo()
        await said(model, "c")
    assert [call.text for call in calls_in(tmp_path)] == ["one", "three"]
