"""What programs ask for: over Gradio's HTTP API and MCP, with and without users, against the running app."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from agent.records import Trajectory
from agent.state import AgentConfig
from retriever.search import Retriever
from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.browser import GRADIO_LOOPS
from tests.ui.conftest import SolverFor
from ui.app import build_app, serve
from ui.serving.access import Access
from ui.serving.tools import Tools
from ui.serving.users import Users
from ui.solve.conversations import Conversations
from ui.solve.queue import Queue
from ui.solve.view import Solve

pytestmark = GRADIO_LOOPS
ASKED = {"query": "the product of the roots", "k": 2, "retriever": "bm25"}
BASIC = {"Authorization": "Basic " + base64.b64encode(b"ann:one").decode()}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """The model's server."""
    with ScriptedServer(scripts.solve) as scripted:
        yield scripted


@pytest.fixture
def tools(server: ScriptedServer, solver_for: SolverFor, retriever: Retriever) -> Tools:
    """Over a tiny index and the scripted model."""
    server.break_after = None

    def retriever_for(mode: Any) -> Retriever:
        return Retriever(retriever.index, retriever.encoder, mode)

    return Tools(retriever_for, solver_for(server), AgentConfig(), Queue(1))


@pytest.fixture
def app(
    server: ScriptedServer, solver_for: SolverFor, tools: Tools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The app, not yet served."""
    kept = Conversations(tmp_path_factory.mktemp("tools") / "conversations.sqlite")
    app = build_app([Solve(solver_for(server), kept, AgentConfig())], tools)
    yield app
    app.close(verbose=False)


async def call(url: str, tool: str, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
    """What an MCP tool gives, as its client sees it."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        McpClient(streamable_http_client(f"{url}mcp", http_client=http)) as client,
    ):
        return await client.call_tool(tool, arguments)


def test_search_and_solve_over_http(app: Any, tools: Tools, server: ScriptedServer) -> None:
    client = Client(serve(app, port=0, tools=tools), verbose=False)
    found = client.predict(**ASKED, api_name="/search")
    assert found["hits"][0]["id"] == "vieta"
    assert (found["query"], found["retriever"], len(found["hits"])) == (ASKED["query"], "bm25", 1)
    solved = client.predict("What is $a+b$?", api_name="/solve")
    assert solved["answer"] == "42"
    assert Trajectory.model_validate(solved).strategy == "steps"
    described = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(described) == ["/search", "/solve"]  # what the page does for itself is not offered
    assert {one["parameter_name"]: one["type"] for one in described["/search"]["parameters"]} == {
        "query": {"type": "string"},
        "k": {"type": "integer"},
        "retriever": {"enum": ["bm25", "base", "rader", "hybrid"]},
    }

    for arguments, endpoint, says in [
        ({"query": " "}, "/search", "empty"),
        ({"query": "x", "k": 0}, "/search", "search: k"),
        ({"query": "x", "k": "many"}, "/search", "search: k"),
        ({"query": "x", "retriever": "/etc"}, "/search", "search: retriever"),
        ({"problem": "x", "strategy": "guess"}, "/solve", "Choose one of"),
        ({"problem": 3}, "/solve", "solve: problem"),
    ]:
        with pytest.raises(AppError, match=says) as caught:
            client.predict(**arguments, api_name=endpoint)
        assert "\n" not in str(caught.value)
    server.break_after = 3
    with pytest.raises(AppError, match=r"broke|closed|lost|connection"):
        client.predict("What?", api_name="/solve")


async def test_search_and_solve_over_mcp(app: Any, tools: Tools, server: ScriptedServer) -> None:
    url = serve(app, port=0, tools=tools)
    async with McpClient(f"{url}mcp") as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(listed) == ["search", "solve"]
        assert "theorems" in str(listed["search"].description)
        assert listed["search"].input_schema["required"] == ["query"]
        assert sorted(listed["solve"].input_schema["properties"]) == ["problem", "strategy"]
        found = await client.call_tool("search", ASKED)
        assert found.structured_content["hits"][0]["id"] == "vieta"
        told: list[str | None] = []

        async def hear(_progress: float, _total: float | None, message: str | None) -> None:
            told.append(message)

        solved = await client.call_tool("solve", {"problem": "What?"}, progress_callback=hear)
        assert solved.structured_content["answer"] == "42"
        assert told[:2] == ["think", "query"]
        for tool, arguments, says in [
            ("search", {"query": " "}, "empty"),
            ("search", {"query": "x", "k": 0}, "k"),
            ("solve", {"problem": "x", "strategy": "guess"}, "Choose one of"),
        ]:
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert says in refused.content[0].text


async def test_users_alone_come_in(app: Any, tools: Tools) -> None:
    url = serve(app, port=0, tools=tools, access=Access(Users({"ann": "one"})))
    assert (await call(url, "search", BASIC, **ASKED)).structured_content["hits"]
    async with httpx2.AsyncClient() as http:
        for headers in ({}, {"Authorization": "Basic " + base64.b64encode(b"ann:two").decode()}):
            refused = await http.post(f"{url}mcp", json={}, headers=headers)
            assert (refused.status_code, "Basic" in refused.headers["www-authenticate"]) == (401, True)

    def program() -> None:
        with pytest.raises(Exception, match=r"(?i)login|auth|credential"):
            Client(url, verbose=False)
        with pytest.raises(Exception, match=r"(?i)credential|log ?in|400"):
            Client(url, auth=("ann", "two"), verbose=False)
        signed_in = Client(url, auth=("ann", "one"), verbose=False)
        assert signed_in.predict(**ASKED, api_name="/search")["hits"]

    await asyncio.to_thread(program)


async def test_another_site_is_no_client_where_nobody_is_asked_for_a_password(app: Any, tools: Tools) -> None:
    url = serve(app, port=0, tools=tools)
    async with httpx2.AsyncClient() as http:
        for headers, status in [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403)]:
            answer = await http.post(f"{url}mcp", json={}, headers=headers)
            assert answer.status_code == status
