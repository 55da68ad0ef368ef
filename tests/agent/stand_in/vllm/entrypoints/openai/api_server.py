"""A process with vLLM's command line and health endpoint, to see how it is started, watched and stopped.

``STAND_IN`` says what it does: ``serve``; ``die`` at once; ``hang`` and never be ready; ``stubborn`` serves
and does not end when asked to. The real vLLM is tested by ``make test-vllm``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Health(BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        """Well."""
        self.send_response(200)
        self.end_headers()


def main() -> None:
    """As told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    options, others = parser.parse_known_args()
    print("arguments", *others, "key", os.environ.get("VLLM_API_KEY", ""), flush=True)
    how = os.environ["STAND_IN"]
    if how == "die":
        sys.exit("ValueError: no such model")
    if how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while how == "hang":
        time.sleep(1)
    HTTPServer((options.host, options.port), Health).serve_forever()


main()
