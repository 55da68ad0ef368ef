"""A chat model that says what a test tells it to, behind a real OpenAI-compatible HTTP endpoint.

    with ScriptedServer(["Step one.", "So \\\\boxed{4}"]) as server:
        model = ChatModel(server.url, "scripted")

Replies are taken in turn, or computed from the request by a function. Stop words, JSON replies and token
counts behave as on a real server; ``break_after`` cuts the connection, ``delay`` slows every token.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Script = Sequence[str] | Callable[[dict[str, Any]], str]


class ScriptedServer:
    """Serves ``script`` on a loopback port; ``requests`` keeps every request body.

    Args:
        script: Replies in turn (the last one repeats), or a function from request body to reply.
        delay: Seconds before each token.
        break_after: Tokens after which the connection is cut, in every reply.
        status: An HTTP error status to answer with instead.
        owned_by: What ``/v1/models`` says; ``llamacpp`` servers go on with an assistant message.
        port: Where it listens; 0 takes a free one.
    """

    def __init__(
        self,
        script: Script,
        *,
        delay: float = 0.0,
        break_after: int | None = None,
        status: int = 200,
        owned_by: str = "llamacpp",
        port: int = 0,
    ) -> None:
        self.script, self.delay, self.break_after = script, delay, break_after
        self.status, self.owned_by = status, owned_by
        self.requests: list[dict[str, Any]] = []
        self.dropped = threading.Event()  # set when a client left before its reply was complete
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL, ending in ``/v1``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply(self, body: dict[str, Any]) -> str:
        """The whole reply to a request, cut at its first stop word."""
        self.requests.append(body)
        if callable(self.script):
            text = self.script(body)
        else:
            text = self.script[min(len(self.requests), len(self.script)) - 1]
        for stop in body.get("stop") or []:
            text = text.split(stop)[0]
        return text


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Be quiet."""

        def do_GET(self) -> None:
            self._json({"object": "list", "data": [{"id": "scripted", "owned_by": server.owned_by}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if server.status != 200:
                self._json({"error": {"message": "scripted refusal"}}, server.status)
                return
            try:
                self._stream(server.reply(body))
            except (BrokenPipeError, ConnectionResetError):
                server.dropped.set()
            self.close_connection = True

        def _json(self, value: object, status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            tokens = text.split(" ")
            for number, token in enumerate(tokens):
                if number == server.break_after:
                    return
                time.sleep(server.delay)
                self._event({"delta": {"content": token if number == 0 else f" {token}"}})
            self._event({"delta": {}, "finish_reason": "stop"})
            usage = {"prompt_tokens": 7, "completion_tokens": len(tokens), "total_tokens": 7 + len(tokens)}
            self._chunk({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, choice: dict[str, Any]) -> None:
            self._chunk({"choices": [{"index": 0, "finish_reason": None, **choice}]})

        def _chunk(self, value: dict[str, Any]) -> None:
            head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
            self.wfile.write(f"data: {json.dumps(head | value)}\n\n".encode())
            self.wfile.flush()

    return Handler
