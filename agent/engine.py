"""The embedded language model: llama.cpp's server in this process, on a loopback port."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.errors import ModelServerError
from agent.llm import ChatModel
from retriever.errors import BadInputError


class LlamaCppEngine:
    """Serves one GGUF file through ``xllamacpp`` until it is closed.

    Requests are batched continuously over ``slots`` and a prompt's beginning that a slot has read
    before is not read again.

    Args:
        weights: The GGUF file.
        name: The model's name in requests and logs.
        context: Tokens that all slots share.
        slots: Requests served at once.
        threads: 0 for the number of processors that this process may use.

    Raises:
        ModelServerError: the file cannot be loaded.
    """

    def __init__(
        self, weights: Path, *, name: str, context: int = 16384, slots: int = 4, threads: int = 0
    ) -> None:
        self.name = name
        try:
            import xllamacpp

            self._server: Any = xllamacpp.Server(_parameters(weights, name, context, slots, threads))
        except (ImportError, RuntimeError, ValueError) as error:
            raise ModelServerError(
                f"the embedded model {weights.name} cannot be loaded ({error})",
                f"Run: rader models verify {name}, or name a server with --llm-url",
            ) from error
        self.url = f"{self._server.listening_address}/v1"
        self._runs = 0
        self._counting = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Not to be retired within: a run is under way.

        Raises:
            ModelServerError: It is closed.
        """
        with self._counting:
            if self._server is None:
                raise ModelServerError(f"the model {self.name} made room for another", "Ask again")
            self._runs += 1
        try:
            yield
        finally:
            with self._counting:
                self._runs -= 1

    def retire(self) -> None:
        """Close it to make room for another.

        Raises:
            BadInputError: A run is under way.
        """
        with self._counting:
            if self._runs:
                raise BadInputError(
                    f"{self.name} is answering, and one model is loaded at a time",
                    "Wait until it is done, or choose it for this question too",
                )
            self.close()

    def chat_model(self, identity: str) -> ChatModel:
        """The served model as a ``ChatModel``; ``identity`` goes into trajectories."""
        return ChatModel(self.url, self.name, identity=identity)

    def close(self) -> None:
        """Stop the server and free its memory."""
        self._server = None


def _parameters(weights: Path, name: str, context: int, slots: int, threads: int) -> Any:
    import xllamacpp

    count = threads or _processors()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = context
    parameters.n_parallel = slots
    parameters.kv_unified = True
    # llama.cpp keeps up to 8 GiB of read prompts by default; a laptop's whole app shall stay below 4 GB.
    parameters.cache_ram_mib = 256
    parameters.cpuparams.n_threads = count
    parameters.cpuparams_batch.n_threads = count
    parameters.verbosity = 0
    return parameters


def _processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
