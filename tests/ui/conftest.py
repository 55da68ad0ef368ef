"""Fixtures of the chat's tests: a real index and retriever of a few passages, and solvers around a server."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.llm import ChatModel
from agent.log import TrajectoryLog
from agent.solve import Solver
from agent.state import AgentConfig, SearchConfig
from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.index import build_index, open_index
from retriever.passage import Passage
from retriever.search import Retriever
from tests.scripted import ScriptedServer
from tests.ui.browser import browser, context
from tests.ui.command import Rader
from ui.solve.choices import Choices
from ui.solve.runs import MakeSolver

__all__ = ["browser", "context"]  # fixtures of all views

HOSTILE = "<script>alert(1)</script> [link](javascript:alert(2)) theorem"
PASSAGES = (
    Passage(id="am-gm", title="AM-GM inequality", text=r"For $a,b>0$: \(\sqrt{ab}\le\frac{a+b}2\)."),
    Passage(id="hostile", title=HOSTILE, text=f"<img src=x onerror=alert(3)> {HOSTILE} https://example.com"),
    Passage(id="vieta", title="Vieta", text="The product of the roots of a polynomial.", kind="formula"),
)


@pytest.fixture(autouse=True, scope="module")
def gradios_loops() -> Iterator[None]:
    """Let go of the event loops that Gradio leaves open here, before another test is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


SolverFor = Callable[[ScriptedServer], MakeSolver]


@pytest.fixture(scope="session")
def retriever(tiny_encoder_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    """A real retriever over ``PASSAGES``."""
    home, encoder = tmp_path_factory.mktemp("ui-home"), Encoder(tiny_encoder_path)
    build_index(home, Corpus(PASSAGES), encoder)
    return Retriever(open_index(home, encoder), encoder)


@pytest.fixture(scope="session")
def solver_for(retriever: Retriever, tmp_path_factory: pytest.TempPathFactory) -> SolverFor:
    """From a scripted server to what makes a page's solvers; they log and keep their states in one folder."""
    home = tmp_path_factory.mktemp("ui-log")

    def around(server: ScriptedServer) -> MakeSolver:
        model, log = ChatModel(server.url, "scripted"), TrajectoryLog(home / "trajectories.jsonl")

        def make(choices: Choices) -> Solver:
            config = AgentConfig(depth=choices.depth, hits=choices.hits, sources=choices.sources)
            search = SearchConfig(rollouts=3, early_stop=False)
            return Solver(model, retriever, config, log, home / "checkpoints.sqlite", search=search)

        return make

    return around


@pytest.fixture(scope="session")
def rader(tmp_path_factory: pytest.TempPathFactory, tiny_encoder_path: Path) -> Rader:
    """A home whose index holds two theorems and one function."""
    home = tmp_path_factory.mktemp("home")
    corpus = home / "corpus.jsonl"
    rows = [
        {"id": "vieta", "title": "Vieta's Formulas", "text": "The roots of $x^2+bx+c$ sum to $-b$."},
        {"id": "pythagoras", "title": "Pythagorean Theorem", "text": "$a^2+b^2=c^2$ in a right triangle."},
        {"id": "gcd", "title": "gcd", "text": "def gcd(a, b): ...", "kind": "code"},
    ]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    rader = Rader(home, tiny_encoder_path)
    made = rader("index", str(corpus), "--no-shipped", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["passages"] == 3
    return rader
