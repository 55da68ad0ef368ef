"""A reverse proxy for tests: takes a prefix off every path, as nginx does, and streams what comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from ui.ports import free_port

_OWN = {"connection", "transfer-encoding", "keep-alive"}  # of each connection, not of what goes through it


@contextmanager
def stripping(prefix: str, upstream: str) -> Iterator[str]:
    """Serve ``upstream`` below ``prefix``; its address, with a slash at the end."""
    port = free_port("127.0.0.1", 0)
    config = uvicorn.Config(
        _app(prefix, upstream),
        port=port,
        loop="asyncio",
        ws="none",
        log_level="critical",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}{prefix}/"
    server.should_exit = True
    thread.join(30)


def _app(prefix: str, upstream: str) -> Starlette:
    client = httpx.AsyncClient(base_url=upstream, timeout=600)

    async def forward(request: Request) -> StreamingResponse:
        url = httpx.URL(path="/" + request.path_params["path"], query=request.url.query.encode())
        sent = client.build_request(
            request.method, url, headers=request.headers.raw, content=await request.body()
        )
        answer = await client.send(sent, stream=True)
        made = StreamingResponse(answer.aiter_raw(), answer.status_code)
        made.raw_headers = [pair for pair in answer.headers.raw if pair[0].decode().lower() not in _OWN]
        return made

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    methods = ["GET", "POST", "HEAD", "DELETE"]
    return Starlette(routes=[Route(f"{prefix}/{{path:path}}", forward, methods=methods)], lifespan=lifespan)
