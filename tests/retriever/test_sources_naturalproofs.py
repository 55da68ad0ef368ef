"""NaturalProofs' JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from retriever.sources import collect_corpus
from retriever.sources.naturalproofs import EMPTY

THEOREM = {
    "id": 7,
    "type": "theorem",
    "label": "Odd Square",
    "title": "Odd Square",
    "categories": ["Number Theory", "Squares"],
    "contents": [
        "Let $n$ be an [[Definition:Odd Integer|odd integer]].",
        "Then $n^2 \\in K[[x]]$ is '''odd'''.",
    ],
    "refs": ["Definition:Odd Integer"],
    "ref_ids": [8],
    "proofs": [{"contents": ["By [[Euclid's Lemma]]."], "refs": [], "ref_ids": []}],
}
DEFINITION = {
    "id": 8,
    "type": "definition",
    "title": "Definition:Odd Integer",
    "contents": ["See [[Even Integer]], and R[[x]]."],
}
EMPTY_PAGE = {"id": 9, "type": "theorem", "title": "Later", "contents": []}
OTHER = {"id": 10, "type": "other", "title": "Axiom:Choice", "contents": ["Choose."], "categories": None}


def data(*theorems: object) -> dict[str, object]:
    dataset = {
        "theorems": list(theorems),
        "definitions": [DEFINITION],
        "others": [OTHER],
        "retrieval_examples": [7],
    }
    return {"dataset": dataset, "splits": {"train": {"ref_ids": [], "examples": []}}}


@pytest.mark.parametrize("indent", [None, 4])
def test_every_list_and_no_proofs(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "naturalproofs_proofwiki.json"
    path.write_text(json.dumps(data(THEOREM, EMPTY_PAGE), indent=indent))
    corpus = collect_corpus([path], shipped=False)
    theorem, definition, other = corpus
    assert theorem.model_dump() == {
        "id": "naturalproofs/proofwiki/7",
        "title": "Odd Square",
        "text": "Let $n$ be an odd integer.\nThen $n^2 \\in K[[x]]$ is odd.",
        "kind": "theorem",
        "source": "naturalproofs/proofwiki",
        "tags": ("Number Theory", "Squares"),
        "aliases": (),
        "use_when": "",
    }
    assert (definition.id, definition.kind, definition.title, definition.text) == (
        "naturalproofs/proofwiki/8",
        "definition",
        "Odd Integer",
        "See Even Integer, and R[[x]].",
    )
    assert (other.id, other.kind, other.title) == ("naturalproofs/proofwiki/10", "other", "Axiom:Choice")
    assert corpus.notes == (f"{path}: 1 × {EMPTY}",)


def test_links_are_left_alone_in_other_domains(tmp_path: Path) -> None:
    path = tmp_path / "naturalproofs_stacks.json"
    path.write_text(json.dumps(data(THEOREM)))
    theorem = collect_corpus([path], shipped=False).passages[0]
    assert theorem.id == "naturalproofs/stacks/7"
    assert "[[Definition:Odd Integer|odd integer]]" in theorem.text


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (THEOREM, "the id 'naturalproofs/x/7' is already taken"),
        (THEOREM | {"id": None}, "id is missing"),
        (THEOREM | {"id": []}, "id is missing"),
        (THEOREM | {"id": 1, "contents": [1]}, "text: input should be a valid string"),
        (THEOREM | {"id": 1, "contents": [" "]}, "text is empty"),
        (THEOREM | {"id": 1, "title": 4}, "title: input should be a valid string"),
        ("theorem", "not a JSON object but str"),
    ],
)
def test_a_bad_item_is_named_by_list_and_place(tmp_path: Path, item: object, reason: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data(THEOREM, item)))
    with pytest.raises(BadInputError) as caught:
        collect_corpus([path], shipped=False)
    assert caught.value.message == f"{path}, theorems[1]: {reason}"
    corpus = collect_corpus([path], shipped=False, skip_bad=True)
    assert (len(corpus), corpus.skipped) == (3, (caught.value.message,))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"dataset": {"theorems": [', "is not JSON"),
        (b'{"dataset": {"a": ' + b"[" * 100_000, "is not JSON"),
        (b'{"dataset": {}}', "is not a NaturalProofs file"),
        (b'{"dataset": {"theorems": {}}}', "is not a NaturalProofs file"),
        (b'{"dataset": {"theorems": ["\xff"]}}', "line 1: not UTF-8"),
        (b'{"dataset": {"theorems": []}}', "holds no passage"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=reason) as caught:
        collect_corpus([path], shipped=False)
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
