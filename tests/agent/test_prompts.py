"""Prompts: Markdown files whose slots are filled once."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

import agent.prompts
from agent.prompts import fingerprint, load, render

SLOTS = {
    "continue": set(),
    "cot": set(),
    "finish": set(),
    "query": set(),
    "rag": {"passages", "problem"},
    "reflect": {"passages"},
    "solve": set(),
    "summarise": {"number", "title"},
}


@pytest.mark.parametrize("name", SLOTS)
def test_a_prompt_has_the_slots_that_are_filled(name: str) -> None:
    text = load(name)
    assert text
    assert text == text.strip()
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= SLOTS[name]


def test_every_prompt_is_known_here() -> None:
    names = {path.name for path in files(agent.prompts).iterdir() if path.name.endswith(".md")}
    assert names == {f"{name}.md" for name in SLOTS}


def test_the_system_prompts_ask_for_a_box_and_take_no_instructions() -> None:
    for name in ("cot", "solve"):
        assert r"\boxed" in load(name)
        assert "instruction" in load(name)


def test_the_opened_box_is_left_open() -> None:
    assert load("finish").endswith(r"\boxed{")


@pytest.mark.parametrize("hostile", ["{{problem}} {{passages}}", "${x} $1 \\1 \\g<1> %s {0}", "{{unknown}}", ""])
def test_values_are_inserted_as_they_are(hostile: str) -> None:
    text = render("rag", passages=hostile, problem="P")
    assert text == load("rag").replace("{{passages}}", hostile).replace("{{problem}}", "P", 1) or hostile
    assert hostile in text
    assert render("rag", passages="A", problem=hostile).count(hostile) >= 1


def test_a_slot_without_a_value_is_a_defect() -> None:
    with pytest.raises(KeyError, match="problem"):
        render("rag", passages="A")


def test_an_unknown_prompt_is_a_defect() -> None:
    with pytest.raises(FileNotFoundError):
        load("nonsense")


def test_the_fingerprint_follows_every_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint())
    assert fingerprint() == fingerprint.__wrapped__()
    root = files(agent.prompts)
    seen = {fingerprint()}
    for hidden in SLOTS:
        monkeypatch.setattr("agent.prompts.files", lambda _, name=hidden: _Without(root, f"{name}.md"))
        seen.add(fingerprint.__wrapped__())
    assert len(seen) == len(SLOTS) + 1


class _Without:
    """The folder of prompts without one of them."""

    def __init__(self, root: object, hidden: str) -> None:
        self.root, self.hidden = root, hidden

    def iterdir(self) -> list[object]:
        return [path for path in self.root.iterdir() if path.name != self.hidden]  # type: ignore[attr-defined]
