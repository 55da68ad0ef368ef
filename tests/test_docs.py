"""What the documentation says can be run: its commands and flags exist, and so does what it links to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.test_architecture import ROOT
from ui.cli import app

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
RADER = typer.main.get_command(app)
BETWEEN = {";", "&&", "||", "|", "&", "(", ")"}  # commands on one line


def commands(page: str) -> Iterator[list[str]]:
    """Every command of every block of a page that is marked as ``sh``, as words."""
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            command: list[str] = []
            for word in [*lexer, ";"]:
                if word not in BETWEEN:
                    command.append(word)
                elif command:
                    yield command
                    command = []


def complaint(words: list[str]) -> str:
    """What is wrong with a command of ``rader``: empty where nothing is."""
    command = RADER
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]  # type: ignore[attr-defined]
    if getattr(command, "commands", None) and not (words and words[0].startswith("-")):
        return f"{command.name} has no command {' '.join(words[:1])!r}"
    known = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)} | {"--help"}
    flags = (word.split("=")[0] for word in (words[: words.index("--")] if "--" in words else words))
    unknown = [flag for flag in flags if re.match(r"-[-a-zA-Z]", flag) and flag not in known]
    return f"{command.name} has no {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_commands_are_there(page: Path) -> None:
    found = list(commands(page.read_text(encoding="utf-8")))
    assert [wrong for name, *words in found if name == "rader" and (wrong := complaint(words))] == []
    made = [word for name, *words in found if name == "make" for word in words if "=" not in word]
    assert set(made) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_links_to_is_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith("http")]
    assert [target for target in local if not (page.parent / target).exists()] == []


# That the checks find what they look for


def test_commands_are_found() -> None:
    lines = ('rader solve "a; b" \\', "  --json   # why", "make x; rader doctor | cat")
    page = "\n".join(["a", "```sh", *lines, "```", "```", "rader no", "```", ""])
    expected = [["rader", "solve", "a; b", "--json"], ["make", "x"], ["rader", "doctor"], ["cat"]]
    assert list(commands(page)) == expected


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("search x -k 3 --json", ""),
        ("models list", ""),
        ("--version", ""),
        ("serve-llm M -- --any-flag", ""),
        ("sarch x", "has no command 'sarch'"),
        ("models lst", "has no command 'lst'"),
        ("search x --jsn", "--jsn"),
        ("train retriever triples --recipe=x", "--recipe"),
    ],
)
def test_a_wrong_command_is_found(command: str, wrong: str) -> None:
    found = complaint(command.split())
    assert wrong in found
    assert bool(found) == bool(wrong)
