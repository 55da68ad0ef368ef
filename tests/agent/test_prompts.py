"""Prompts: Markdown files whose slots are filled once."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import agent.prompts
from agent.prompts import fingerprint, load, render

FOLDER = Path(agent.prompts.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))


def uses() -> dict[str, set[str]]:
    """Every prompt that the agent's code loads or renders, with the slots that it fills."""
    found: dict[str, set[str]] = {}
    for path in FOLDER.parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("load", "render"):
                [name] = [each.value for each in call.args if isinstance(each, ast.Constant)]
                found[str(name)] = {str(each.arg) for each in call.keywords}
    return found


def test_every_prompt_is_used_and_every_used_one_is_there() -> None:
    assert sorted(uses()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_slot_of_a_prompt_is_filled(name: str) -> None:
    text = load(name)
    assert text
    assert text == text.strip()
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= uses()[name]


def test_the_system_prompt_asks_for_a_box_and_takes_no_instructions() -> None:
    assert r"\boxed" in load("solve")
    assert "instruction" in load("solve")


def test_the_opened_box_is_left_open() -> None:
    assert load("finish").endswith(r"\boxed{")


@pytest.mark.parametrize(
    "hostile", ["{{problem}} {{passages}}", "${x} $1 \\1 \\g<1> %s {0}", "{{unknown}}", ""]
)
def test_values_are_inserted_as_they_are(hostile: str) -> None:
    text = render("rag", passages=hostile, problem="P")
    assert hostile in text
    assert text.endswith("P") is load("rag").endswith("{{problem}}")
    assert hostile in render("rag", passages="A", problem=hostile)


def test_a_slot_without_a_value_is_a_defect() -> None:
    with pytest.raises(KeyError, match="problem"):
        render("rag", passages="A")


def test_an_unknown_prompt_is_a_defect() -> None:
    with pytest.raises(FileNotFoundError):
        load("nonsense")


def test_the_fingerprint_follows_every_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fingerprint()
    assert re.fullmatch(r"[0-9a-f]{64}", whole)
    assert whole == fingerprint.__wrapped__()
    root, seen = files(agent.prompts), {whole}
    for hidden in NAMES:
        monkeypatch.setattr("agent.prompts.files", lambda _, name=hidden: _Without(root, f"{name}.md"))
        seen.add(fingerprint.__wrapped__())
    assert len(seen) == len(NAMES) + 1


class _Without:
    """The folder of prompts without one of them."""

    def __init__(self, root: Any, hidden: str) -> None:
        self.root, self.hidden = root, hidden

    def iterdir(self) -> list[Any]:
        return [path for path in self.root.iterdir() if path.name != self.hidden]
