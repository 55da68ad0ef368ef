"""Passages out of installed Python packages, read by AST: nothing of them is imported or run."""

from __future__ import annotations

import ast
import importlib.util
import logging
import platform
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from retriever.errors import BadInputError
from retriever.passage import Passage
from retriever.quiet import ignoring

_log = logging.getLogger(__name__)

# The standard library's algorithmic modules that are written in Python (math, itertools and cmath are not),
# and the packages for number theory, combinatorics, equations and graphs. Over 1,000 passages.
DEFAULT_CODE: tuple[str, ...] = (
    "bisect",
    "collections",
    "colorsys",
    "difflib",
    "fractions",
    "functools",
    "graphlib",
    "heapq",
    "random",
    "statistics",
    "networkx.algorithms",
    "sympy.combinatorics",
    "sympy.functions.combinatorial",
    "sympy.ntheory",
    "sympy.solvers",
)
DOC_LINES = 60  # of a docstring
SOURCE_LINES = 80  # of a body; beyond, both are cut and say so
LEAST_CODE, LEAST_DOC = 3, 15  # lines: a function with fewer of both is too small to be worth finding
_SKIPPED_FOLDERS = frozenset({"tests", "test", "testing", "benchmarks", "__pycache__"})

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass
class SourceReport:
    """What reading the packages came to: files read, and those whose syntax this Python does not know."""

    files: int = 0
    skipped: list[str] = field(default_factory=list)


def code_passages(names: Sequence[str] = DEFAULT_CODE, report: SourceReport | None = None) -> list[Passage]:
    """Public functions, methods and classes with a docstring, as passages of kind ``code``.

    The text is the signature, the docstring and the code, each cut at a stated number of lines. Private
    names, exceptions, tests and functions of a line or two with a short docstring are left out.

    Args:
        names: Modules or packages, dotted (``sympy.ntheory``); a package brings all that is in it.
        report: Filled in with counts, and with the files that could not be parsed.

    Returns:
        Passages sorted by id (``py/sympy.ntheory.generate.prime``), each once.

    Raises:
        BadInputError: A name is not installed, or is not written in Python.
    """
    report = report if report is not None else SourceReport()
    found: dict[str, Passage] = {}
    for name in names:
        parent, path = _locate(name)
        origin = _origin(name.split(".")[0])
        for file in _files(path):
            for passage in _read(file, _module_name(parent, file), origin, report):
                found.setdefault(passage.id, passage)
    return [found[key] for key in sorted(found)]


def _locate(name: str) -> tuple[Path, Path]:
    """The folder that holds the top-level package, and the folder or file of the module named.

    Only the top-level name goes to `find_spec`, which would import the parents of a dotted one.
    """
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top) if all(part.isidentifier() for part in (top, *rest)) else None
    if spec is None:
        raise BadInputError(f"no Python module is called {name!r}", f"Install it: pip install {top}")
    if spec.submodule_search_locations:
        base = Path(next(iter(spec.submodule_search_locations)))
    else:  # modules that Python froze into itself say where their source is
        base = Path(getattr(spec.loader_state, "filename", None) or spec.origin or "")
    path = base.joinpath(*rest)
    if rest and not path.is_dir():
        path = path.with_name(path.name + ".py")
    if not path.is_dir() and not (path.is_file() and path.suffix == ".py"):
        raise BadInputError(f"{name!r} has no Python source", "Name a module that is written in Python")
    return base.parent, path


def _origin(top: str) -> str:
    """Package name and version."""
    if top in sys.stdlib_module_names:
        return f"python {platform.python_version()}"
    try:
        return f"{top} {metadata.version(top)}"
    except metadata.PackageNotFoundError:  # its distribution has another name, as scikit-learn has
        names = metadata.packages_distributions().get(top)
        return f"{names[0]} {metadata.version(names[0])}" if names else top


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*.py")):
        *folders, name = file.relative_to(path).parts
        private = name.startswith(("_", "test_", "conftest")) and name != "__init__.py"
        if not private and not any(f.startswith("_") or f in _SKIPPED_FOLDERS for f in folders):
            yield file


def _module_name(parent: Path, file: Path) -> str:
    parts = file.relative_to(parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(file: Path, module: str, origin: str, report: SourceReport) -> Iterator[Passage]:
    try:
        source = file.read_text(encoding="utf-8")
        with ignoring():  # a stray backslash in somebody's docstring is not our business
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, OSError) as error:
        report.skipped.append(f"{file}: {error}")
        _log.warning("left out %s: %s", file, error)
        return
    report.files += 1
    lines = source.splitlines()
    for qualified, node in _definitions(module, tree):
        yield Passage(
            id=f"py/{qualified}",
            title=qualified,
            text=_text(node, lines),
            kind="code",
            source=origin,
            tags=tuple(dict.fromkeys((module.partition(".")[0], module))),
        )


def _definitions(prefix: str, parent: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Definition]]:
    """Public definitions with a docstring and enough code, with their qualified names; methods too."""
    for node in parent.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        qualified = f"{prefix}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _definitions(qualified, node)
        if _doc(node) and _worth_finding(node):
            yield qualified, node


def _worth_finding(node: Definition) -> bool:
    if isinstance(node, ast.ClassDef):
        return not any(ast.unparse(base).endswith(("Error", "Exception", "Warning")) for base in node.bases)
    return len(_code_span(node)) >= LEAST_CODE or len(_doc(node)) >= LEAST_DOC


def _doc(node: Definition) -> list[str]:
    return (ast.get_docstring(node) or "").splitlines()


def _text(node: Definition, lines: list[str]) -> str:
    """Signature, docstring, and the code or, for a class, the names of its methods."""
    doc = _cut(_doc(node), DOC_LINES, "docstring")
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        names = [n.name for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
        methods = f"methods: {', '.join(dict.fromkeys(names))}" if names else ""
        return "\n\n".join(part for part in (f"class {node.name}({bases})", doc, methods) if part)
    span = _code_span(node)
    code = textwrap.dedent("\n".join(lines[span.start : span.stop])).strip("\n").splitlines()
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"def {node.name}({ast.unparse(node.args)}){returns}"
    return "\n\n".join((signature, doc, _cut(code, SOURCE_LINES, "code")))


def _code_span(node: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    """Indices of the lines below the docstring."""
    return range(node.body[0].end_lineno or 0, node.end_lineno or 0)


def _cut(lines: list[str], limit: int, what: str) -> str:
    note = [f"[{what} cut: {limit} of {len(lines)} lines]"] if len(lines) > limit else []
    return "\n".join(lines[:limit] + note)
