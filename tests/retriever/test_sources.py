"""Installed packages become passages without being imported."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from retriever.sources import DEFAULT_CODE, SourceReport, code_passages, collect_corpus

MODULE = '''
raise RuntimeError("imported")

def search(items: list[int], x: int = 0) -> int:
    """Find x.

    By halves.
    """
    low = 0
    high = len(items)
    return low + high

def tiny():
    """Too small."""
    return 1

def undocumented():
    a = 1
    b = 2
    return a + b

def _private():
    """Private."""
    a = 1
    b = 2
    return a + b

class Wrong(ValueError):
    """An exception."""

class Tree(object):
    """A tree."""

    def grow(self):
        """Grow."""
        a = 1
        b = 2
        return a + b

    @property
    def size(self):
        """Size."""
        a = 1
        b = 2
        return a + b

    @size.setter
    def size(self, x):
        """Set it."""
        a = 1
        b = 2
        self.x = a + b
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with an explosive module, a broken one, private ones and tests."""
    root = tmp_path / "fakepackage"
    for folder in (root / "deep" / "tests", root / "_hidden"):
        folder.mkdir(parents=True)
    long = '\ndef long():\n    """Long."""\n' + "".join(f"    a{i} = {i}\n" for i in range(200))
    files = {"__init__.py": "", "deep/__init__.py": "", "deep/algo.py": MODULE + long, "broken.py": "def ("}
    files |= {"deep/tests/test_a.py": MODULE, "_hidden/a.py": MODULE, "test_b.py": MODULE, "nul.py": "\0"}
    for name, text in files.items():
        (root / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return root.name


def test_functions_classes_and_methods_become_passages(package: str) -> None:
    report = SourceReport()
    found = {passage.title: passage for passage in code_passages([package], report)}
    prefix = "fakepackage.deep.algo."
    assert set(found) == {prefix + name for name in ("Tree", "Tree.grow", "Tree.size", "long", "search")}
    search = found[prefix + "search"]
    assert search.id == "py/fakepackage.deep.algo.search"
    assert search.text == (
        "def search(items: list[int], x: int=0) -> int\n\nFind x.\n\nBy halves.\n\n"
        "low = 0\nhigh = len(items)\nreturn low + high"
    )
    assert (search.kind, search.source) == ("code", "fakepackage")
    assert search.tags == ("fakepackage", "fakepackage.deep.algo")
    assert found[prefix + "Tree"].text == "class Tree(object)\n\nA tree.\n\nmethods: grow, size"
    assert found[prefix + "long"].text.endswith("a79 = 79\n[code cut: 80 of 200 lines]")
    assert report.files == 3
    assert len(report.skipped) == 2
    assert package not in sys.modules


def test_a_part_of_a_package(package: str) -> None:
    assert code_passages([f"{package}.deep.algo"]) == code_passages([package, f"{package}.deep"])


@pytest.mark.parametrize(
    "name", ["no_such_package", "sympy.no_such", "math", "", "..", "a-b", "fakepackage.x"]
)
def test_a_name_without_python_source(package: str, name: str) -> None:
    with pytest.raises(BadInputError) as caught:
        code_passages([name])
    assert repr(name) in caught.value.message
    assert caught.value.remedy


def test_the_default_set_is_large_and_dated() -> None:
    found = code_passages(DEFAULT_CODE)
    ids = {passage.id: passage for passage in found}
    assert len(found) == len(ids) >= 1000
    assert ids["py/networkx.algorithms.shortest_paths.weighted.dijkstra_path"].source == (
        f"networkx {version('networkx')}"
    )
    assert ids["py/bisect.bisect_left"].source.startswith("python 3.")
    assert "py/sympy.ntheory.modular.crt" in ids


def test_files_and_packages_in_one_corpus(package: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": "a", "text": "t"}\n{"id": "b"}\n')
    corpus = collect_corpus([tmp_path / "c.jsonl"], [package], shipped=False, skip_bad=True)
    assert len(corpus) == 6
    assert len(corpus.skipped) == 3  # a line, and two files with bad syntax
    with pytest.raises(BadInputError, match="line 2"):
        collect_corpus([tmp_path / "c.jsonl"], shipped=False)
