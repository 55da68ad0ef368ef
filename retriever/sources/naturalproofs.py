"""NaturalProofs (Welleck et al., 2021): one JSON file a domain, with theorems, definitions and others.

{"dataset": {"theorems": [{"id", "type", "label", "title", "categories", "contents": [line, …], "refs",
"ref_ids", "proofs"}, …], "definitions": […], "others": […], "retrieval_examples": […]}, "splits": {…}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from retriever.corpus import Found, passage_of
from retriever.errors import BadInputError
from retriever.jsonl import Row, shown
from retriever.sources.text import MOST_JSON_BYTES, read_text

EMPTY = "a page without a statement was left out"

_GROUPS = {"theorems": "theorem", "definitions": "definition", "others": "other"}
# Links of ProofWiki, outside of formulas: [[Definition:Set|sets]], [[Zorn's Lemma]]. In R[[x]] there is none.
_LINK = re.compile(r"(?<![\w\]])\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_EMPHASIS = re.compile(r"'{2,3}(.+?)'{2,3}")
_FORMULA = re.compile(r"(\$[^$]*\$)")


def read_naturalproofs(path: Path) -> Iterator[Found]:
    """The theorems, definitions and other pages of a file, without proofs.

    Ids are ``naturalproofs/DOMAIN/ID``, the domain from the file's name (``naturalproofs_stacks.json``). In
    ProofWiki's domain links become the words they show. A page without contents is noted.

    Raises:
        BadInputError: The file cannot be read or is not such a file.
    """
    domain = path.stem.removeprefix("naturalproofs_") or path.stem
    for group, items in _groups(path).items():
        for number, item in enumerate(items):
            place = f"{shown(path)}, {group}[{number}]"
            if not isinstance(item, dict):
                yield Found(place, f"not a JSON object but {type(item).__name__}")
            elif item.get("contents") in ([], "", None):
                yield Found(place, None, EMPTY)
            else:
                yield Found(place, passage_of(_row(item, _GROUPS[group], domain)))


def is_naturalproofs(data: object) -> bool:
    """Whether a JSON value has the shape of a NaturalProofs file."""
    dataset = data.get("dataset") if isinstance(data, dict) else None
    return isinstance(dataset, dict) and any(isinstance(dataset.get(group), list) for group in _GROUPS)


def _groups(path: Path) -> dict[str, list[object]]:
    try:
        data = json.loads(read_text(path, MOST_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{shown(path)} is not JSON ({error})", "Download it again") from error
    if not is_naturalproofs(data):
        what = f"{shown(path)} is not a NaturalProofs file"
        raise BadInputError(what, "It has lists theorems, definitions and others under 'dataset'")
    found = {group: data["dataset"].get(group, []) for group in _GROUPS}
    return {group: items for group, items in found.items() if isinstance(items, list)}


def _row(item: Row, kind: str, domain: str) -> Row:
    number = item.get("id")
    title, text = item.get("title"), item["contents"]
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "\n".join(text)
    if isinstance(text, str) and "proofwiki" in domain:
        text = _unlinked(text)
    return {
        "id": f"naturalproofs/{domain}/{number}" if isinstance(number, int | str) and number != "" else None,
        "title": title.removeprefix("Definition:") if isinstance(title, str) else title,
        "text": text,
        "kind": item.get("type") or kind,
        "source": f"naturalproofs/{domain}",
        "tags": item.get("categories"),
    }


def _unlinked(text: str) -> str:
    parts = _FORMULA.split(text)
    parts[::2] = [_EMPHASIS.sub(r"\1", _LINK.sub(r"\1", words)) for words in parts[::2]]
    return "".join(parts)
