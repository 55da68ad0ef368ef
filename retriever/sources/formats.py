"""Which reader a file is for: told by its contents, and by its name where these leave it open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from retriever.corpus import Found, read_passages
from retriever.errors import BadInputError
from retriever.jsonl import shown, unreadable
from retriever.sources import latex, markdown, statement
from retriever.sources.naturalproofs import is_naturalproofs, read_naturalproofs
from retriever.sources.text import read_text

Format = Literal["passages", "naturalproofs", "latex", "markdown"]
FORMATS: tuple[Format, ...] = get_args(Format)
REMEDY = f"Say what it is with --format: {', '.join(FORMATS)}"

SUFFIXES: dict[str, Format] = {
    ".jsonl": "passages",
    ".ndjson": "passages",
    ".tex": "latex",
    ".latex": "latex",
    ".ltx": "latex",
    ".md": "markdown",
    ".markdown": "markdown",
    ".rmd": "markdown",
    ".qmd": "markdown",
    ".mdx": "markdown",
}
_HEAD = 64 * 2**10  # bytes that are looked at
_DATASET = re.compile(rb'\s*\{\s*"(?:dataset|splits)"\s*:\s*\{')
_LATEX = re.compile(rb"\\documentclass|\\begin\s*\{|\\newtheorem|\\section")
_MARKDOWN = re.compile(rb"^(?:#{1,6} |\*\*\w|__\w|```|~~~|:::|> )", re.MULTILINE)


def format_of(path: Path) -> Format:
    """The format of a file.

    LaTeX and Markdown go by their names. Otherwise JSON shows itself: an object with lists of theorems under
    ``dataset`` is NaturalProofs, another object is a line of passages. What is left is known by what JSONL is
    called, and by what LaTeX and Markdown look like.

    Raises:
        BadInputError: The file cannot be read, is empty or binary, or has no format that is known.
    """
    head = _head(path)
    if not head.strip():
        raise BadInputError(f"{shown(path)} is empty", "Name a file with at least one passage")
    known = SUFFIXES.get(path.suffix.lower())
    if known not in ("latex", "markdown") and _is_json(head):
        return "naturalproofs" if _is_dataset(head) else "passages"
    if known:
        return known
    if b"\0" in head or head.startswith(b"%PDF"):
        raise BadInputError(f"{shown(path)} is not text but binary", "Name a JSONL, LaTeX or Markdown file")
    if _LATEX.search(head):
        return "latex"
    if _MARKDOWN.search(head):
        return "markdown"
    raise BadInputError(f"cannot tell what {shown(path)} is", REMEDY)


def read_file(path: Path, name: str, form: Format, theorems: latex.Theorems | None = None) -> Iterator[Found]:
    """The passages of one file.

    Args:
        path: The file.
        name: What ids of LaTeX and Markdown statements begin with.
        form: Its format.
        theorems: For LaTeX, the environments declared in the whole folder; None looks beside the file.

    Raises:
        BadInputError: The file cannot be read.
    """
    if form == "passages":
        return read_passages(path)
    if form == "naturalproofs":
        return read_naturalproofs(path)
    text = read_text(path)
    if form == "markdown":
        found = markdown.statements(text)
    else:
        found = latex.statements(text, theorems or declarations(path.parent.glob("*")))
    return statement.passages(found, shown(path), name)


def declarations(paths: Iterator[Path]) -> latex.Theorems:
    """What the LaTeX files, packages and classes among the paths declare; unreadable ones declare nothing."""
    declared = []
    for path in sorted(paths):
        if path.suffix.lower() in (".tex", ".latex", ".ltx", ".sty", ".cls"):
            try:
                declared.append(latex.declared(read_text(path)))
            except BadInputError:
                continue
    return latex.merged(declared)


def _head(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise BadInputError(f"{shown(path)} is not a file", "Name a file or a folder")
        with path.open("rb") as file:
            return file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _is_json(head: bytes) -> bool:
    """Whether a file begins with a JSON object: its first line that is not blank is one, or begins one."""
    first = head.lstrip().split(b"\n", 1)[0].strip()
    try:
        return isinstance(json.loads(first), dict)
    except RecursionError:
        return True
    except ValueError:
        return first == b"{" or re.match(rb'\{\s*"[^"\\\n]*"\s*:', first) is not None


def _is_dataset(head: bytes) -> bool:
    if _DATASET.match(head):
        return True
    try:
        return is_naturalproofs(json.loads(head))
    except (ValueError, RecursionError):
        return False
