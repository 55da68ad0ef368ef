"""What is installed: declared and documented dependencies, and a wheel that runs without this checkout."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.scripted import ScriptedServer
from tests.test_architecture import LAYERS, NAMES, ROOT, imports, tree_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TABLE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
# Halves of a declared package, pinned by it to one version.
HALVES = {"pydantic-core"}


def names(requirements: Iterable[str]) -> set[str]:
    """Names of distributions, as pip compares them, without those of this project."""
    found = {normal(re.split(r"[\[<>=~! ]", each, maxsplit=1)[0]) for each in requirements}
    return found - {normal(PROJECT["name"])}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def rows(text: str) -> list[list[str]]:
    """Cells of the rows of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if "| what for |" not in line
    ]


def test_every_dependency_is_explained() -> None:
    core, extras = (rows(part) for part in TABLE.split("Extras, installed by"))
    assert {row[0] for row in core} == names(PROJECT["dependencies"])
    assert {row[0] for row in extras} == set().union(
        *(names(EXTRAS[name]) for name in EXTRAS.keys() - {"dev"})
    )
    assert all(what and licence for _, what, _, licence in core + extras)
    developing = TABLE.split("To work on it (`dev`):")[1].split("##")[0]
    assert names(EXTRAS["dev"]) <= set(re.findall(r"[a-z][a-z0-9-]+", developing))


def test_what_is_imported_is_declared() -> None:
    declared = names(PROJECT["dependencies"]).union(*map(names, EXTRAS.values()))
    homes = packages_distributions()
    used = {name.split(".")[0] for file in NAMES for name in imports(tree_of(file))}
    unknown = {
        name
        for name in used - set(LAYERS) - set(sys.stdlib_module_names) - {""}  # one that is computed
        if not {normal(home) for home in homes.get(name, [name])} & (declared | HALVES)
    }
    assert unknown == set()


def test_the_lock_has_every_dependency_in_range() -> None:
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {normal(name): version for name, version in locked.items()}
    unlocked = {"pip", "rader-studio", "vllm"}  # the environment's own; this; in an environment of its own
    for requirement in map(Requirement, [*PROJECT["dependencies"], *itertools.chain(*EXTRAS.values())]):
        if requirement.name not in unlocked:
            assert versions[normal(requirement.name)] in requirement.specifier, requirement.name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents; what it depends on is this environment's."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(command, check=True)
    return site


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for package in LAYERS
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in packed if name.split("/")[0] in LAYERS} == here
    assert [name for name in packed if name.endswith("licenses/LICENSE")]


@pytest.mark.slow
def test_the_wheel_runs_elsewhere(installed: Path, tmp_path: Path, tiny_encoder_path: Path) -> None:
    """From another folder, without the checkout: the index that ships is built, searched and used."""
    environment = os.environ | {
        "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1",
        "RADER_HOME": str(tmp_path / "home"), "RADER_ENCODER": str(tiny_encoder_path),
    }  # fmt: skip

    def output(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    rader = installed / "bin" / "rader"
    where = "import agent, retriever, training; print(agent.__file__, retriever.__file__, training.__file__)"
    assert all(path.startswith(str(installed)) for path in output(sys.executable, "-c", where).split())
    assert output(rader, "--version") == f"rader {PROJECT['version']}\n"
    hits = json.loads(output(rader, "search", "Vieta's formulas", "--retriever", "bm25", "--json"))["hits"]
    assert hits[0]["id"] == "vietas-formulas"
    with ScriptedServer(["Two and two are four.\n\nThe answer is $\\boxed{4}$."]) as server:
        solved = output(rader, "solve", "What is 2 + 2?", "--answer", "4", "--llm-url", server.url, "--json")
    assert json.loads(solved)["grade"] == "correct"
