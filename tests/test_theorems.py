"""The theorems that ship: every entry is whole, its LaTeX balanced, and no two say the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parent.parent / "retriever" / "data" / "theorems.jsonl"
KEYS = ["id", "title", "aliases", "text", "use_when", "kind", "tags"]
KINDS = {"theorem", "formula", "method", "definition"}
NEAR = 0.70  # word-set Jaccard of title and text; true siblings (sine and cosine rule, say) reach 0.63
# At least so many entries of every area that the product promises; what is there today is about a tenth more.
AREAS = {
    "algebra": 50,
    "inequalities": 24,
    "number-theory": 48,
    "combinatorics": 42,
    "probability": 50,
    "geometry": 75,
    "trigonometry": 34,
    "sequences": 24,
    "functions": 22,
    "complex-numbers": 15,
    "linear-algebra": 64,
    "calculus": 54,
    "analysis": 25,
    "differential-equations": 22,
    "graph-theory": 21,
    "abstract-algebra": 34,
    "statistics": 23,
    "finance": 24,
    "physics": 27,
    "information-theory": 14,
}
PART = re.compile(r"\\(?:begin|end)\{[^}]*\}|\\(?:left|right)(?![a-zA-Z])|\\.|[{}]", re.DOTALL)
PARTNERS = {"}": "{", "end": "begin", "right": "left"}


def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


THEOREMS = entries()


def schema_faults(entry: dict[str, Any]) -> Iterator[str]:
    """What is missing, too much or of the wrong kind in an entry."""
    if list(entry) != KEYS:
        yield f"keys {list(entry)}"
        return
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry["id"]):
        yield "id"
    if entry["kind"] not in KINDS:
        yield f"kind {entry['kind']}"
    yield from (key for key in ("title", "text", "use_when") if not is_text(entry[key]))
    for key in ("aliases", "tags"):
        if not isinstance(entry[key], list) or not all(map(is_text, entry[key])) or repeats(entry[key]):
            yield key
    if not entry["tags"]:
        yield "no tags"
    if not str(entry["use_when"]).startswith("Use it when "):
        yield "use_when does not begin with 'Use it when '"


def is_text(value: object) -> bool:
    """A string that says something, without spaces around it or control characters."""
    return (
        isinstance(value, str)
        and value == value.strip() != ""
        and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", value)
    )


def repeats(values: Sequence[str]) -> list[str]:
    """Values that are there more than once, letter case aside."""
    return [value for value, times in Counter(each.casefold() for each in values).items() if times > 1]


def latex_faults(text: str, *, name: bool = False) -> Iterator[str]:
    """What is wrong with the LaTeX of a text whose formulas stand between single dollars. A ``name`` may be
    written as people type it, such as x^n - 1."""
    parts = re.split(r"(?<!\\)\$", text)
    if len(parts) % 2 == 0:
        yield "odd number of $"
    for prose in parts[::2]:
        if re.search(r"\\(?!\$|%)", prose):
            yield f"command outside $: {prose[:60]}"
        if not name and re.search(r"[{}^]|(?<!\w)_|_(?!\w)", prose):
            yield f"formula outside $: {prose[:60]}"
    for formula in parts[1::2]:
        if not formula.strip():
            yield "empty formula"
        yield from nesting_faults(formula)


def nesting_faults(formula: str) -> Iterator[str]:
    r"""Braces, ``\left … \right`` and environments that are not closed in the order of their opening."""
    opened: list[str] = []
    for part in PART.findall(formula):
        kind, name = part.lstrip("\\").rstrip("}").partition("{")[::2] if len(part) > 2 else (part, "")
        if kind in ("{", "begin", "left"):
            opened.append(kind + name)
        elif kind in PARTNERS and (not opened or opened.pop() != PARTNERS[kind] + name):
            yield f"{part} closes nothing in {formula[:60]}"
    if opened:
        yield f"{opened[-1]} is not closed in {formula[:60]}"


def words(entry: dict[str, Any]) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", f"{entry['title']} {entry['text']}".lower()))


def near_duplicates(given: Sequence[dict[str, Any]], threshold: float) -> list[tuple[str, str]]:
    """Pairs whose words are the same to at least ``threshold`` (Jaccard)."""
    sets = [(entry["id"], words(entry)) for entry in given]
    return [
        (one, other)
        for (one, left), (other, right) in combinations(sets, 2)
        if min(len(left), len(right)) >= threshold * max(len(left), len(right))
        and len(left & right) >= threshold * len(left | right)
    ]


def test_there_are_enough() -> None:
    assert len(THEOREMS) >= 600


def test_every_line_is_an_entry_and_the_last_is_ended() -> None:
    assert FILE.read_bytes().endswith(b"}\n")
    assert b"\n\n" not in FILE.read_bytes()


def test_every_entry_is_whole() -> None:
    assert {entry["id"]: faults for entry in THEOREMS if (faults := list(schema_faults(entry)))} == {}


@pytest.mark.parametrize("key", ["id", "title", "text", "use_when"])
def test_no_two_share(key: str) -> None:
    assert repeats([entry[key] for entry in THEOREMS]) == []


@pytest.mark.parametrize("key", ["text", "use_when"])
def test_latex_is_balanced(key: str) -> None:
    assert {entry["id"]: faults for entry in THEOREMS if (faults := list(latex_faults(entry[key])))} == {}


def test_latex_of_names_is_balanced() -> None:
    names = [name for entry in THEOREMS for name in (entry["title"], *entry["aliases"])]
    assert {name: faults for name in names if (faults := list(latex_faults(name, name=True)))} == {}


def test_no_two_are_near_duplicates() -> None:
    assert near_duplicates(THEOREMS, NEAR) == []


@pytest.mark.parametrize("area", AREAS)
def test_every_area_is_covered(area: str) -> None:
    assert sum(area in entry["tags"] for entry in THEOREMS) >= AREAS[area]


# That the checks themselves find what they look for

GOOD: dict[str, Any] = {
    "id": "vieta",
    "title": "Vieta",
    "aliases": [],
    "text": r"The sum is $-\frac{b}{a}$.",
    "use_when": "Use it when a sum is wanted.",
    "kind": "theorem",
    "tags": ["algebra"],
}


def test_a_good_entry_has_no_faults() -> None:
    assert list(schema_faults(GOOD)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Not An Id"},
        {"title": ""},
        {"title": " x"},
        {"text": "a\x0crac"},
        {"text": 5},
        {"use_when": "Helps with sums."},
        {"kind": "rumour"},
        {"tags": []},
        {"tags": "algebra"},
        {"tags": ["algebra", "algebra"]},
        {"aliases": [""]},
        {"source": "elsewhere"},
    ],
)
def test_a_bad_entry_is_found(change: dict[str, object]) -> None:
    assert list(schema_faults(GOOD | change))


def test_a_missing_key_is_found() -> None:
    assert list(schema_faults({key: value for key, value in GOOD.items() if key != "use_when"}))


@pytest.mark.parametrize(
    "text",
    [
        r"$\frac{1}{2}$ and $\left(x\right]$",
        r"costs \$5 or 5\% of $x$",
        r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$",
        r"$\left\{x\in\mathbb{R}\right\}$, $\{1,2\}$, $\leftarrow$, $\left.\frac{a}{b}\right|$",
        "no formula at all",
    ],
)
def test_balanced_latex_has_no_faults(text: str) -> None:
    assert list(latex_faults(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a $ alone",
        r"$\frac{1}{2$",
        r"$x}$",
        r"$\left(x$",
        r"$\left(\frac{a}{b\right)}$",
        r"$\begin{pmatrix}1\end{bmatrix}$",
        r"$\begin{pmatrix}1$",
        r"\frac{1}{2} outside",
        "x^2 outside",
        "x_{1} outside",
        "an empty $ $ one",
        "a display $$x$$",
    ],
)
def test_bad_latex_is_found(text: str) -> None:
    assert list(latex_faults(text))


def test_a_name_may_be_typed_but_holds_no_commands() -> None:
    assert list(latex_faults("x^n - 1", name=True)) == []
    assert list(latex_faults(r"\frac{1}{2} of all", name=True))


def test_near_duplicates_and_repeats_are_found() -> None:
    longer = {**GOOD, "id": "again", "text": GOOD["text"] + " Always"}
    other = {**GOOD, "id": "other", "title": "Fermat", "text": "For primes only."}
    assert near_duplicates([GOOD, longer, other], 0.7) == [("vieta", "again")]
    assert repeats(["A", "a", "b"]) == ["a"]
