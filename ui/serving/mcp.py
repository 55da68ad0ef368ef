"""The tools for other agents, over the Model Context Protocol (streamable HTTP) at ``/mcp``.

Not by Gradio's own server: it stands outside of the authentication, and gives the text that Python has for an
object in place of the object.
"""

# Annotations are not put off here: the server reads what a tool takes from them as they stand.
from collections.abc import Callable
from contextlib import aclosing
from inspect import getdoc
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.events import Finished, StepDone
from agent.state import RetrieverName
from retriever.errors import RaderError
from ui.serving.access import Access
from ui.serving.tools import Answer, Hits, Tools, whole

PATH = "/mcp"
_ABOUT = "Search theorems and code by reasoning, and solve mathematical problems with them."


def endpoint(tools: Tools, access: Access) -> Starlette:
    """The MCP server as an app with one route; its lifespan must run around it.

    Args:
        tools: What it offers.
        access: Who may come in.
    """
    server = MCPServer("RaDeR Studio", instructions=_ABOUT, log_level="WARNING")
    for tool in (_search(tools), _solve(tools)):
        server.add_tool(tool, description=getdoc(getattr(tools, tool.__name__)))
    # Where nobody is asked for a password, another site's page must not be a client: DNS can be rebound.
    guarded = access.users is not None or access.anyone
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False) if guarded else None
    app = server.streamable_http_app(
        streamable_http_path=PATH, stateless_http=True, transport_security=security
    )
    if access.users is not None:
        unguarded = StreamableHTTPASGIApp(server.session_manager)
        app.routes[:] = [Route(PATH, _Guarded(unguarded, access.users.admits))]
    return app


def _search(tools: Tools) -> Callable[..., Any]:
    async def search(query: str, k: Hits = 10, retriever: RetrieverName = "hybrid") -> Answer:
        try:
            return await tools.search(query, k, retriever)
        except RaderError as error:
            raise ToolError(str(error)) from error

    return search


def _solve(tools: Tools) -> Callable[..., Any]:
    async def solve(context: Context, problem: str, strategy: str = "steps") -> Answer:
        try:
            async with aclosing(tools.events(problem, strategy)) as events:
                async for event in events:
                    if isinstance(event, StepDone):  # a client that hears nothing for a minute gives up
                        await context.report_progress(event.step.n, message=event.step.action)
                    elif isinstance(event, Finished):
                        return whole(event)
        except RaderError as error:
            raise ToolError(str(error)) from error
        raise ToolError("the run ended without a result")

    return solve


class _Guarded:
    """Lets those through who name a user by HTTP Basic."""

    def __init__(self, app: ASGIApp, admits: Callable[[str], bool]) -> None:
        self._app, self._admits = app, admits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if not self._admits(Headers(scope=scope).get("authorization", "")):
            ask = {"WWW-Authenticate": 'Basic realm="RaDeR Studio"'}
            app = PlainTextResponse("Name a user and password by HTTP Basic", 401, ask)
        await app(scope, receive, send)
