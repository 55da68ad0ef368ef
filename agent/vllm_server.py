"""``vllm serve`` as a child process: started, waited for, started again where it dies, stopped as a whole.

vLLM needs an environment of its own on many machines, so it is run by whatever Python has it, and as a
module: its script of the name vllm does not work in every build.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from agent.errors import ModelServerError
from retriever.errors import BadInputError, StorageError

MODULE = "vllm.entrypoints.openai.api_server"
GRACE = 20.0  # seconds to end by itself before it is killed
_EVERY = 0.5  # seconds between two looks at it
# Cached prompt tokens are counted in every reply, and nothing is told to vLLM's makers.
_OPTIONS = ("--enable-prompt-tokens-details",)
_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass
class VllmServer:
    """One model served by vLLM.

    Args:
        model: A name on the Hugging Face hub, or a folder.
        log: File that everything it says is added to.
        host, port: Where it listens.
        python: Interpreter of the environment that has vLLM.
        options: vLLM's own flags, such as ``--tensor-parallel-size 2``.
        key: Clients must send it; empty asks for none.
    """

    model: str
    log: Path
    host: str = "127.0.0.1"
    port: int = 8000
    python: str = sys.executable
    options: Sequence[str] = ()
    key: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """What ``--llm-url`` is to be."""
        return f"{self._address}/v1"

    @property
    def _address(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def process_id(self) -> int:
        """Of the server that runs."""
        return self._running().pid

    def command(self) -> list[str]:
        """How it is started."""
        place = ["--host", self.host, "--port", str(self.port)]
        return [self.python, "-m", MODULE, "--model", self.model, *place, *_OPTIONS, *self.options]

    def start(self) -> None:
        """Start it; ``wait`` tells when it answers.

        Raises:
            BadInputError: That Python cannot be run.
            StorageError: The log cannot be written.
        """
        key = {"VLLM_API_KEY": self.key} if self.key else {}
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            log = self.log.open("ab")
        except OSError as error:
            raise StorageError(
                f"the log {self.log} cannot be written ({error.strerror or error})", "Name another with --log"
            ) from error
        try:
            with log:
                # A session of its own: Ctrl-C reaches it through us alone, and a stop its workers too.
                self._process = subprocess.Popen(
                    self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True, env=os.environ | _ENVIRONMENT | key,
                )  # fmt: skip
        except OSError as error:
            raise BadInputError(
                f"{self.python} cannot be run ({error.strerror or error})",
                "Name the Python that has vLLM with --python",
            ) from error

    def wait(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Wait until its health endpoint answers, telling the last line of its log meanwhile.

        Raises:
            ModelServerError: It ended, or is not ready after so many seconds; it is stopped then.
        """
        until = time.monotonic() + seconds
        while not self._healthy():
            if self._running().poll() is not None:
                raise ModelServerError(f"vLLM ended before it was ready ({self.reason()})", self._look())
            if time.monotonic() > until:
                self.stop()
                raise ModelServerError(f"vLLM is not ready after {seconds:.0f} s", self._look())
            tell(self.reason())
            time.sleep(_EVERY)

    def watch(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return self._running().wait()

    def stop(self) -> None:
        """End it and its workers: asked first, killed after `GRACE` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):  # the second for workers that outlive the first
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)

    def reason(self) -> str:
        """The last thing that its log says, an error where there is one among its last lines."""
        with contextlib.suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in deque(file, 30) if line.strip()]
            errors = [line for line in lines if "Error: " in line or " error: " in line]
            return (errors or lines or ["it says nothing"])[-1][-160:]
        return "it says nothing"

    def _look(self) -> str:
        return f"All that it said is in {self.log}"

    def _healthy(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self._address}/health", timeout=2.0, trust_env=False).status_code == 200
        return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ModelServerError("vLLM was not started")
        return self._process


def has_vllm(python: str) -> bool:
    """Whether that Python has vLLM, found out without importing it."""
    look = "import sys; from importlib.util import find_spec; sys.exit(find_spec('vllm') is None)"
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return (
            subprocess.run([python, "-c", look], timeout=60, check=False, capture_output=True).returncode == 0
        )
    return False
