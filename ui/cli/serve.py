"""``rader serve-llm``."""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retriever.errors import BadInputError
from ui.cli import options
from ui.output import JsonFlag, Reporter

if TYPE_CHECKING:
    from agent.vllm_server import VllmServer


def serve_llm(
    model: Annotated[
        str, typer.Argument(help="A name on the Hugging Face hub, or a folder.")
    ] = "Qwen/Qwen2.5-7B-Instruct",
    flags: Annotated[
        list[str] | None, typer.Argument(help="vLLM's own flags, after a --", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    python: Annotated[
        str,
        typer.Option(
            help="Python of the environment that has vLLM.",
            envvar="RADER_VLLM_PYTHON",
            show_default="this one",
        ),
    ] = sys.executable,
    log: Annotated[Path | None, typer.Option(help="What vLLM says.", show_default="RADER_HOME/logs")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds until it must be ready.", min=1)] = 1800,
    restarts: Annotated[int, typer.Option(help="How often it is started again where it dies.", min=0)] = 3,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve a language model with vLLM until Ctrl-C, and start it again where it dies.

    On one GPU: rader serve-llm Qwen/Qwen2.5-7B-Instruct -- --max-model-len 8192
    On four: … -- --tensor-parallel-size 4, or --data-parallel-size 4 where the model fits into one.

    Then: rader collect PROBLEMS --out DIR --llm-url http://127.0.0.1:8000/v1 --parallel 64.
    With RADER_LLM_KEY set, clients must send that key.
    """
    from agent.vllm_server import VllmServer, has_vllm
    from ui.ports import free_port
    from ui.settings import load_settings

    settings = load_settings(config, home=home)
    if not has_vllm(python):
        raise BadInputError(
            f"{python} has no vLLM",
            "Install it there (pip install vllm), or name another Python with --python",
        )
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    server = VllmServer(
        model,
        log or settings.home / "logs" / f"vllm-{started}.log",
        host=host,
        port=free_port(host, port),
        python=python,
        options=flags or (),
        key=settings.llm_key.get_secret_value(),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as service managers stop it
    try:
        _supervise(server, restarts, timeout, Reporter(as_json))
    finally:
        server.stop()


def _supervise(server: VllmServer, restarts: int, timeout: float, reporter: Reporter) -> None:
    """Keep it running; returns only by an error or an interruption."""
    from agent.errors import ModelServerError

    for turn in range(restarts + 1):
        with reporter.progress() as watch:
            server.start()
            server.wait(timeout, lambda line: watch(f"{server.model}: {line[:80]}", 0, 0))
        record = {"url": server.url, "model": server.model, "pid": server.process_id, "log": str(server.log)}
        reporter.result(record, f"{server.model} is served at {server.url}; stop it with Ctrl-C")
        code = server.watch()
        server.stop()
        if turn < restarts:
            reporter.say(f"vLLM ended with {code} ({server.reason()}); it is started again")
            time.sleep(2**turn)
    raise ModelServerError(f"vLLM ended {restarts + 1} times", f"All that it said is in {server.log}")
