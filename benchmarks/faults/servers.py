"""A model server that hangs, refuses, talks nonsense, never stops talking, or is started again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.faults.disks import unclear
from benchmarks.faults.jobs import Collect
from benchmarks.faults.kills import undisturbed
from benchmarks.faults.record import Asked, Scenario, Trial, differences
from benchmarks.faults.world import DELAY
from tests.scripted import ScriptedServer
from tests.ui import scripts

TIMEOUT = {"RADER_LLM_TIMEOUT": "2"}
AWAY = 4.0  # seconds that a server is away while it is started again
LISTING = {"object": "list", "data": [{"id": "scripted", "owned_by": "llamacpp"}]}
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
Send = Callable[[bytes], None]


def silent(send: Send) -> None:
    """Nothing, for longer than anybody waits."""
    del send
    time.sleep(20)


def breathing(send: Send) -> None:
    """Comments that keep the connection alive, and never a token."""
    for _ in range(100):
        send(b": still here\n\n")
        time.sleep(0.2)


def endless(send: Send) -> None:
    """More tokens than were asked for, as fast as it can, for minutes."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        send(_chunk({"choices": [{"index": 0, "delta": {"content": "and so on "}}]}))


def page(send: Send) -> None:
    """A page for people."""
    send(b"<html><body>502 Bad Gateway</body></html>")


def torn(send: Send) -> None:
    """JSON that breaks off."""
    send(b'data: {"choices": [{"delta": {"content": "So\n\n')


def shapes(send: Send) -> None:
    """JSON of other shapes."""
    for value in (
        [],
        None,
        7,
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"delta": {"content": 5}}]},
    ):
        send(f"data: {json.dumps(value)}\n\n".encode())


def bytes_of_all_kinds(send: Send) -> None:
    """No text at all."""
    send(b"data: " + bytes(range(256)) * 50 + b"\n\n")


def empty(send: Send) -> None:
    """An end without a beginning."""
    send(b"data: [DONE]\n\n")


MANNERS: tuple[Callable[[Send], None], ...] = (
    silent, breathing, endless, page, torn, shapes, bytes_of_all_kinds, empty,
)  # fmt: skip


class BadServer:
    """Lists a model, and answers every question in one bad manner."""

    def __init__(self, manner: Callable[[Send], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Be quiet."""

            def do_GET(self) -> None:
                self._begin("application/json")
                self.wfile.write(json.dumps(LISTING).encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._begin("text/event-stream")
                with suppress(OSError):
                    manner(self._send)

            def _begin(self, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()

            def _send(self, data: bytes) -> None:
                self.wfile.write(data)
                self.wfile.flush()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads, self._http.block_on_close = True, False
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def scenarios(job: Collect) -> Iterator[Scenario]:
    """One a manner, and the restart."""
    for manner in MANNERS:
        name = f"model server: {manner.__name__.replace('_', ' ')}"
        yield Scenario(name, partial(_bad, name, job, manner))
    yield Scenario("model server: away and back", partial(_restarted, "model server: away and back", job))


def _bad(name: str, job: Collect, manner: Callable[[Send], None], asked: Asked) -> Iterator[Trial]:
    """Ended in time and said why; once the server is well, everything is there."""
    if asked.kept.of(name):
        return
    home = job.world.folder / "server"
    wanted, _ = undisturbed(job, home)
    job.prepare(home)
    start = time.monotonic()
    with BadServer(manner) as server:
        wrong = unclear(job.start(home, url=server.url, env=TIMEOUT))
    note = f"told after {time.monotonic() - start:.0f} s"
    running = job.start(home, more=["--retry-failed"])
    lost, more = ([], []) if running.ended() else differences(job.result(home), wanted)
    lost += [running.complaint] if running.ended() else []
    yield Trial(scenario=name, number=0, tried=1, lost=tuple(lost), wrong=(*wrong, *more), note=note)


def _restarted(name: str, job: Collect, asked: Asked) -> Iterator[Trial]:
    """The same command goes on by itself once its server is back."""
    if asked.kept.of(name):
        return
    home = job.world.folder / "server"
    wanted, seconds = undisturbed(job, home)
    job.prepare(home)
    with ScriptedServer(scripts.solve, delay=DELAY) as first:
        running = job.start(home, url=first.url)
        running.wait(seconds / 2)
        first.break_after = 3  # what is being answered breaks off
    running.wait(AWAY)
    with ScriptedServer(scripts.solve, delay=DELAY, port=int(urlsplit(first.url).port or 0)):
        wrong = unclear(running)
    lost, more = differences(job.result(home), wanted)
    yield Trial(scenario=name, number=0, tried=1, lost=tuple(lost), wrong=(*wrong, *more))


def _chunk(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(HEAD | value)}\n\n".encode()
