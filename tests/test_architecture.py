"""The shape of the product: which package imports which, where heavy packages live, how long things are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import retriever

ROOT = Path(__file__).parent.parent
LAYERS = ("retriever", "agent", "training", "ui")  # each may import itself and those before it
FILES = sorted(path for package in LAYERS for path in (ROOT / package).rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
# The packages of training, likewise.
TRAINING = ("leakage", "proofs", "trajectories", "triples", "evaluation", "trainers", "retrain")
HEAVY = {
    "torch",
    "chromadb",
    "gradio",
    "sentence_transformers",
    "langgraph",
    "transformers",
    "langchain_openai",
    "ray",
    "xllamacpp",
}
# Where a package may be imported, by the beginning of the file's name.
HOMES = {
    "chromadb": ("retriever/indexing/store.py",),
    "gradio": ("ui/",),
    "langgraph": ("agent/",),
    "ray": ("agent/ray_c",),
    "xllamacpp": ("agent/engine.py",),
}
MOST_LINES, MOST_FUNCTION_LINES = 300, 35
# What is longer, how long it may be, and why.
LONG_FILES = {
    "agent/llm.py": 310,  # one protocol, its errors in one place
}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_KEYWORDS = {"trust_remote_code", "allow_pickle", "allow_dangerous_deserialization", "shell"}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, within functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__") and node.args:
            yield str(node.args[0].value) if isinstance(node.args[0], ast.Constant) else ""


def called(node: ast.Call) -> str:
    """The plain name of what is called, without what it is an attribute of."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def upward(package: str, tree: ast.AST) -> list[str]:
    """Imports that go up the layers, or relative ones, which this check could not follow."""
    above = (*LAYERS[LAYERS.index(package) + 1 :], "tests", "benchmarks")
    return [name for name in imports(tree) if name.split(".")[0] in above or name.startswith(".")]


def dangers(tree: ast.AST) -> list[str]:
    """Ways to run code that came as data."""
    found = [name for name in imports(tree) if name.split(".")[0] in FORBIDDEN_MODULES]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("eval", "exec")
        ):
            found.append(node.func.id)
        if isinstance(node, ast.keyword) and node.arg in FORBIDDEN_KEYWORDS and not is_false(node.value):
            found.append(str(node.arg))
    return found


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def long_functions(tree: ast.AST) -> list[str]:
    """Functions of more lines than they should have; signature and docstring are there to be long."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None and len(node.body) > 1
            length = (node.end_lineno or 0) - node.body[1 if documented else 0].lineno + 1
            if length > MOST_FUNCTION_LINES:
                found.append(f"{node.name}: {length} lines")
    return found


def tree_of(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def test_every_package_is_looked_at() -> None:
    assert {name.split("/")[0] for name in NAMES} >= {"retriever", "agent", "ui"}
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_imports_never_go_up(name: str) -> None:
    assert upward(name.split("/", maxsplit=1)[0], tree_of(name)) == []


@pytest.mark.parametrize("package", TRAINING)
def test_within_training_imports_never_go_up(package: str) -> None:
    above = tuple(f"training.{each}." for each in TRAINING[TRAINING.index(package) + 1 :])
    names = [name for name in NAMES if name.startswith(f"training/{package}/")]
    assert len(names) > 3
    assert [name for name in names if any(each.startswith(above) for each in imports(tree_of(name)))] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_code_comes_as_data(name: str) -> None:
    assert dangers(tree_of(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_file_and_no_function_is_too_long(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").count("\n")
    assert lines <= LONG_FILES.get(name, MOST_LINES)
    assert long_functions(tree_of(name)) == []


@pytest.mark.parametrize("package", HOMES)
def test_a_package_with_one_home_is_imported_only_there(package: str) -> None:
    users = [name for name in NAMES if any(each.split(".")[0] == package for each in imports(tree_of(name)))]
    assert users
    assert [name for name in users if not name.startswith(HOMES[package])] == []


def test_chroma_has_one_room() -> None:
    users = [
        name for name in NAMES if any(each.split(".")[0] == "chromadb" for each in imports(tree_of(name)))
    ]
    assert len(users) == 1


@pytest.mark.parametrize(
    "module", ["ui.cli", "retriever", "agent", "agent.llm", "agent.answers", "agent.log"]
)
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert set(loaded.stdout.split()) & HEAVY == set()


def test_the_public_names_of_the_retriever_are_where_it_says() -> None:
    assert sorted(retriever.__all__) == sorted(retriever._HOMES)
    for name, home in retriever._HOMES.items():
        module: ModuleType = import_module(f"retriever.{home}")
        assert getattr(retriever, name) is getattr(module, name)
    listed = tree_of("retriever/__init__.py")
    for_checkers = {
        alias.name: node.module
        for node in ast.walk(listed)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("retriever.")
        for alias in node.names
    }
    assert for_checkers == {name: f"retriever.{home}" for name, home in retriever._HOMES.items()}


# That the checks themselves find what they look for


@pytest.mark.parametrize(
    ("package", "code", "found"),
    [
        ("retriever", "import agent.llm", ["agent.llm"]),
        ("retriever", "def f():\n    from ui import cli", ["ui"]),
        ("agent", "if TYPE_CHECKING:\n    from training.evaluation import answers", ["training.evaluation"]),
        ("agent", "import_module('ui.app')", ["ui.app"]),
        ("agent", "importlib.import_module('ui.app')", ["ui.app"]),
        ("ui", "from . import render", ["."]),
        ("ui", "from tests.scripted import ScriptedServer", ["tests.scripted"]),
        ("ui", "import agent, retriever, training, uikit", []),
        ("training", "from agent import log\nimport retriever", []),
    ],
)
def test_an_upward_import_is_found(package: str, code: str, found: list[str]) -> None:
    assert upward(package, ast.parse(code)) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import pickle", ["pickle"]),
        ("def f():\n    from joblib import load", ["joblib"]),
        ("eval('1')", ["eval"]),
        ("exec(text)", ["exec"]),
        ("load(name, trust_remote_code=True)", ["trust_remote_code"]),
        ("load(name, trust_remote_code=flag)", ["trust_remote_code"]),
        ("numpy.load(file, allow_pickle=True)", ["allow_pickle"]),
        ("run(text, shell=True)", ["shell"]),
        ("model.eval()\nload(name, trust_remote_code=False)\n'pickle and eval(x)'", []),
    ],
)
def test_code_that_comes_as_data_is_found(code: str, found: list[str]) -> None:
    assert dangers(ast.parse(code)) == found


def test_a_long_function_is_found() -> None:
    body = "    x = 1\n"
    assert long_functions(ast.parse("def f():\n" + body * MOST_FUNCTION_LINES)) == []
    assert long_functions(ast.parse("class A:\n  async def f():\n" + body * (MOST_FUNCTION_LINES + 1))) == [
        f"f: {MOST_FUNCTION_LINES + 1} lines"
    ]
