"""What a passage may hold."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from retriever.passage import MOST_CHARACTERS, Passage


def test_content_counts_towards_the_limit() -> None:
    assert len(Passage(id="a", text="x" * MOST_CHARACTERS).content) == MOST_CHARACTERS
    for extra in ({"title": "t"}, {"aliases": ("t",)}, {"use_when": "t"}):
        with pytest.raises(ValidationError, match="characters, and 1,000,000 is the most"):
            Passage.model_validate({"id": "a", "text": "x" * MOST_CHARACTERS} | extra)


@pytest.mark.parametrize("key", ["title", "text", "kind", "source", "use_when", "tags", "aliases"])
def test_a_nul_is_refused_wherever_it_is(key: str) -> None:
    value: object = ["a\0b"] if key in ("tags", "aliases") else "a\0b"
    with pytest.raises(ValidationError, match="NUL"):
        Passage.model_validate({"id": "a", "text": "t", key: value})


@pytest.mark.parametrize("character", ["\0", "\n", "\t", "\r", "\x1b", "\x7f"])
def test_an_id_has_no_control_characters(character: str) -> None:
    with pytest.raises(ValidationError, match=r"control character|NUL"):
        Passage(id=f"a{character}b", text="t")


@pytest.mark.parametrize("name", ["a b", "Bézout/Ⅳ", "a#b-2", "定理"])
def test_other_ids_are_fine(name: str) -> None:
    assert Passage(id=name, text="a\nb\tc").id == name
