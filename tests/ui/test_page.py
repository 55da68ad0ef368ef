"""Serving the app: its address, what is in the way of it, its end."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.state import AgentConfig
from retriever.errors import BadInputError
from tests.scripted import ScriptedServer
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.conftest import SolverFor
from ui.app import build_app, launch, serve
from ui.solve.conversations import Conversations
from ui.solve.view import Solve

pytestmark = GRADIO_LOOPS


def test_a_busy_port_is_one_line(solver_for: SolverFor, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ScriptedServer([""]) as server:
        port = taken.getsockname()[1]
        app = build_app([Solve(solver_for(server), Conversations(tmp_path / "c.sqlite"), AgentConfig())])
        with pytest.raises(BadInputError) as caught:
            launch(app, port=port)
    assert str(caught.value) == (f"port {port} is in use. Stop the other program, or add: --port {port + 1}")


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 99999), ("203.0.113.1", 7860), ("no.such.host.", 1)]
)
def test_an_impossible_address_is_one_line(
    solver_for: SolverFor, tmp_path: Path, host: str, port: int
) -> None:
    with ScriptedServer([""]) as server:
        app = build_app([Solve(solver_for(server), Conversations(tmp_path / "c.sqlite"), AgentConfig())])
        with pytest.raises(BadInputError):
            serve(app, host=host, port=port)


def test_launch_tells_its_address_and_ends_with_the_process(solver_for: SolverFor, tmp_path: Path) -> None:
    told: list[str] = []

    def ready(url: str) -> None:
        told.append(url)
        raise KeyboardInterrupt

    with ScriptedServer([""]) as server:
        app = build_app([Solve(solver_for(server), Conversations(tmp_path / "c.sqlite"), AgentConfig())])
        with pytest.raises(KeyboardInterrupt):
            launch(app, port=0, on_ready=ready)
    assert told[0].startswith("http://127.0.0.1:")
    assert not app.is_running
