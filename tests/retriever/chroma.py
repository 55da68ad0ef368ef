"""Real Chroma servers for tests, and a real proxy before one that demands a token."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "date", "server"}


class Chroma:
    """A Chroma server as a process of its own, on a folder and a port that outlive it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        script = Path(sys.executable).with_name("chroma")
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder.parent / "chroma.log").open("ab") as log:
            self.process = subprocess.Popen(
                [script, "run", "--path", self.folder, *address], stdout=log, stderr=log
            )
        end = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None, "the server ended by itself"
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v2/heartbeat", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def clear(self) -> None:
        """Remove every collection."""
        database = f"{self.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
        for collection in httpx.get(database).json():
            httpx.delete(f"{database}/{collection['name']}").raise_for_status()


@contextmanager
def chroma_server(folder: Path) -> Iterator[Chroma]:
    """A server that runs until the block ends."""
    server = Chroma(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server if they carry its token; can cut answers to queries in two."""

    daemon_threads = True

    def __init__(self, target: str, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target = target
        self.token = token
        self.cut = False
        self.seen: list[str] = []
        self.onward = httpx.Client(base_url=target, timeout=60)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def allows(self, headers: httpx.Headers) -> bool:
        return f"Bearer {self.token}" == headers.get("authorization")


@contextmanager
def token_proxy(target: str, token: str) -> Iterator[Proxy]:
    """A proxy that runs until the block ends."""
    proxy = Proxy(target, token)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        proxy.onward.close()
        thread.join()


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = httpx.Headers(
            [(key, value) for key, value in self.headers.items() if key.lower() not in HOP]
        )
        self.server.seen.append(self.path)
        if not self.server.allows(headers):
            self._answer(401, b"who are you?")
            return
        headers.pop("host", None)
        found = self.server.onward.request(self.command, self.path, content=body, headers=headers)
        if self.server.cut and self.path.endswith("/query"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content[: len(found.content) // 2])
            self.close_connection = True
            return
        self._answer(found.status_code, found.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Not on the screen."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
