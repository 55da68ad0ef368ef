"""Queries with their passages for ``rader triples --labelled``: code and worked solutions that lie about.

    .venv/bin/python benchmarks/training_pairs.py code --out code [--package sympy …] [--most 3000]
    .venv/bin/python benchmarks/training_pairs.py solutions MATH_TRAIN.jsonl --out math [--most 1500]

``code``: functions of installed packages; the docstring's beginning asks, the function without it answers.
``solutions``: a problem asks, its solution answers. Each writes OUT/corpus.jsonl and OUT/queries.jsonl. The
shipped retriever has learned from both, so that it does not forget code and plain likeness over theorems.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("sympy", "scipy", "networkx", "numpy", "sklearn", "torch", "transformers")
FEWEST, MOST = 60, 3000  # characters of a text that is taken

Pair = tuple[str, str, str]  # id, query, passage


def main() -> None:
    """Draw pairs and write them."""
    options = _options()
    found = list(code(options.package) if options.what == "code" else solutions(options.problems))
    drawn = sorted(random.Random(options.seed).sample(found, min(options.most, len(found))))  # noqa: S311
    options.out.mkdir(parents=True, exist_ok=True)
    kind = "code" if options.what == "code" else "solution"
    passages = ({"id": name, "text": text, "kind": kind} for name, _, text in drawn)
    queries = ({"id": name, "query": query, "gold_ids": [name]} for name, query, _ in drawn)
    for file, rows in (("corpus.jsonl", passages), ("queries.jsonl", queries)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (options.out / file).write_text("".join(lines), encoding="utf-8")
    print(f"{len(drawn):,} of {len(found):,} pairs in {options.out}")


def code(packages: list[str]) -> Iterator[Pair]:
    """Functions with docstrings, once each by their docstring."""
    asked: set[str] = set()
    for package in packages:
        spec = find_spec(package)
        folder = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path("/nonexistent")
        for file in sorted(folder.rglob("*.py")):
            if "test" in str(file.relative_to(folder)):
                continue
            for number, (query, text) in enumerate(_functions(file)):
                if query not in asked:
                    asked.add(query)
                    yield f"{package}/{file.relative_to(folder).with_suffix('')}:{number}", query, text


def _functions(file: Path) -> Iterator[tuple[str, str]]:
    """What a function does, and the function without its docstring."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, RecursionError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or not (says := ast.get_docstring(node)):
            continue
        query = " ".join(says.split("\n\n")[0].split())
        node.body, node.decorator_list = node.body[1:], []
        text = ast.unparse(node) if node.body else ""
        if len(query) >= FEWEST and FEWEST <= len(text) <= MOST:
            yield query, text


def solutions(problems: list[Path]) -> Iterator[Pair]:
    """Problems with solutions, in DESIGN's format."""
    for file in problems:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row: dict[str, Any] = json.loads(line)
                if FEWEST <= len(row["solution"]) <= MOST:
                    yield row["id"], row["problem"], row["solution"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("code", "solutions"))
    parser.add_argument("problems", nargs="*", type=Path)
    parser.add_argument("--package", action="append", default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.package = options.package or list(PACKAGES)
    return options


if __name__ == "__main__":
    main()
