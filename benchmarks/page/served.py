"""The page and a plain Gradio chat, each a process of its own, over the same scripted model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ui.assemble import Studio
from ui.ports import free_port
from ui.settings import load_settings

HOST = "127.0.0.1"
PATIENCE = 120.0  # seconds until a page answers
PEER = Path(__file__).with_name("peer.py")


def home(folder: Path) -> Path:
    """A RADER_HOME under ``folder`` with this machine's models and an index of what ships."""
    made = folder / "home"
    made.mkdir(parents=True, exist_ok=True)
    if not (made / "models").exists():
        settings = load_settings()
        Studio(settings).weights(settings.encoder)
        (made / "models").symlink_to(settings.home / "models")
    for retriever in ("rader", "base"):  # each has an index of its own
        _rader(made, ["index", "--retriever", retriever])
    return made


def _rader(home: Path, arguments: list[str]) -> None:
    environment = os.environ | {"RADER_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "ui.cli", *arguments], check=True, env=environment, stdout=sys.stderr
    )


@contextmanager
def page(home: Path, model: str) -> Iterator[str]:
    """The address of ``rader chat`` with the model at the URL ``model``."""
    port = free_port(HOST, 0)
    flags = ["--port", str(port), "--llm-url", model]
    with _process(["-m", "ui.cli", "chat", *flags], port, {"RADER_HOME": str(home)}) as url:
        yield url


@contextmanager
def peer(model: str) -> Iterator[str]:
    """The address of the plain chat."""
    port = free_port(HOST, 0)
    with _process([str(PEER), str(port), model], port, {}) as url:
        yield url


@contextmanager
def _process(arguments: list[str], port: int, variables: dict[str, str]) -> Iterator[str]:
    url = f"http://{HOST}:{port}/"
    process = subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | variables, stdout=subprocess.DEVNULL
    )
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(url, timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    process.kill()
    raise SystemExit(f"{url} does not answer")
