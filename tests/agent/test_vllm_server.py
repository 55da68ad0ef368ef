"""The process around vLLM: started, waited for, stopped as a whole. The real one: test_vllm.py."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent import vllm_server
from agent.errors import ModelServerError
from agent.vllm_server import VllmServer, has_vllm
from retriever.errors import BadInputError, StorageError
from tests.retriever.chroma import free_port

STAND_IN = Path(__file__).parent / "stand_in"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VllmServer]:
    """Of a stand-in that serves; ``STAND_IN`` makes it do otherwise."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setenv("STAND_IN", "serve")
    options = ("--dtype", "float32")
    server = VllmServer("some/model", tmp_path / "logs" / "log", port=free_port(), options=options, key="k")
    yield server
    server.stop()


def ready(server: VllmServer, seconds: float = 60.0) -> list[str]:
    told: list[str] = []
    server.start()
    server.wait(seconds, told.append)
    return told


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_ready_when_its_health_endpoint_says_so(server: VllmServer) -> None:
    ready(server)
    assert httpx.get(server.url.removesuffix("/v1") + "/health").status_code == 200
    said = server.log.read_text()
    assert "--model some/model --enable-prompt-tokens-details --dtype float32 key k" in said
    process = server.process_id
    server.stop()
    assert not alive(process)
    server.stop()  # twice is as good as once


def test_one_that_does_not_end_when_asked_is_killed(
    server: VllmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "stubborn")
    monkeypatch.setattr(vllm_server, "GRACE", 0.5)
    ready(server)
    process = server.process_id
    server.stop()
    assert not alive(process)


def test_one_that_dies_at_once_says_why(server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "die")
    with pytest.raises(ModelServerError, match=r"no such model.*All that it said is in .*log"):
        ready(server)


def test_one_that_never_answers_is_given_up_and_stopped(
    server: VllmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "hang")
    monkeypatch.setattr(vllm_server, "GRACE", 0.5)
    server.start()
    process = server.process_id
    with pytest.raises(ModelServerError, match="not ready after 1 s"):
        server.wait(1.0, lambda _: None)
    assert not alive(process)


def test_its_end_is_noticed(server: VllmServer) -> None:
    ready(server)
    os.kill(server.process_id, signal.SIGKILL)
    assert server.watch() == -signal.SIGKILL


def test_what_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be run"):
        VllmServer("m", tmp_path / "log", python=str(tmp_path / "no-python")).start()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--log"):
        VllmServer("m", tmp_path / "file" / "log").start()
    with pytest.raises(ModelServerError, match="not started"):
        VllmServer("m", tmp_path / "log").watch()


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1/v1"), ("::1", "http://[::1]:1/v1")],  # noqa: S104
)
def test_the_address_that_clients_use(tmp_path: Path, host: str, url: str) -> None:
    assert VllmServer("m", tmp_path / "log", host=host, port=1).url == url


def test_whether_a_python_has_vllm(server: VllmServer, tmp_path: Path) -> None:
    assert has_vllm(server.python)  # the stand-in is on its path
    assert not has_vllm(str(tmp_path / "no-python"))
