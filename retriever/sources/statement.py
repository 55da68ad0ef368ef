"""What Markdown and LaTeX have in common: a statement in a user's own file, and the passage it becomes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from retriever.corpus import Found, passage_of

# What authors call their statements, which is also the kind of passage they become.
KINDS = (
    *("theorem", "lemma", "proposition", "corollary", "definition", "axiom", "remark", "example"),
    *("conjecture", "claim", "fact", "postulate", "property", "criterion", "observation", "assumption"),
    *("notation", "principle"),
)
# Names of environments that stand for them, in LaTeX and in ids ("thm-bezout").
ABBREVIATIONS = {
    **dict.fromkeys(("thm", "theo", "Theorem", "Thm"), "theorem"),
    **dict.fromkeys(("lem", "lemm", "lma", "Lemma", "Lem"), "lemma"),
    **dict.fromkeys(("prop", "prp", "propn", "Proposition", "Prop"), "proposition"),
    **dict.fromkeys(("cor", "coro", "corol", "corr", "Corollary", "Cor"), "corollary"),
    **dict.fromkeys(("def", "defn", "defi", "dfn", "df", "Definition", "Def"), "definition"),
    **dict.fromkeys(("ax", "Axiom"), "axiom"),
    **dict.fromkeys(("rem", "rmk", "rk", "Remark", "Rem"), "remark"),
    **dict.fromkeys(("exm", "exmp", "exa", "Example"), "example"),
    **dict.fromkeys(("conj", "cnj", "Conjecture"), "conjecture"),
    **dict.fromkeys(("clm", "Claim"), "claim"),
    "obs": "observation",
    **dict.fromkeys(("pf", "prf", "Proof"), "proof"),
}
_SLUG = 80  # characters of a name in an id


class Statement(NamedTuple):
    """A theorem, definition, … as its author wrote it, without its proof.

    ``line`` counts from 1; ``number`` is one written by hand ("2.1"); ``section`` is the heading above it.
    """

    line: int
    kind: str
    text: str
    name: str = ""
    number: str = ""
    label: str = ""
    section: str = ""


class Fault(NamedTuple):
    """A place in a file where something is wrong, and what."""

    line: int
    reason: str


def passages(statements: Iterable[Statement | Fault], path: str, name: str) -> Iterator[Found]:
    """The passages of one file.

    An id is ``name``, ``#`` and the label; where there is none, the kind with the name, else with the number,
    else with a hash of the statement. It stays the same whatever is written before or after; a second
    statement with the same id gets ``-2``.

    Args:
        statements: In the order of the file.
        path: The file, as people should see it in messages.
        name: The file, as it should be in ids: it must not depend on where the folder lies.
    """
    seen: Counter[str] = Counter()
    for item in statements:
        place = f"{path}, line {item.line}"
        if isinstance(item, Fault):
            yield Found(place, item.reason)
            continue
        anchor = _anchor(item)
        seen[anchor] += 1
        again = f"-{seen[anchor]}" if seen[anchor] > 1 else ""
        yield Found(
            place,
            passage_of(
                {
                    "id": f"{name}#{anchor}{again}",
                    "title": _title(item),
                    "text": item.text,
                    "kind": item.kind,
                    "source": name,
                    "tags": [item.section] if item.section else [],
                }
            ),
        )


def slug(text: str) -> str:
    """Lower-case words and digits, joined by hyphens: "Bézout's identity" gives "bezout-s-identity"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return re.sub(r"[^\w]+", "-", plain.lower()).strip("-")[:_SLUG]


def _anchor(item: Statement) -> str:
    if item.label:
        return " ".join(item.label.split())
    known = slug(item.name) or item.number
    return f"{item.kind}-{known or _digest(item.text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:10]


def _title(item: Statement) -> str:
    if item.name:
        return item.name
    kind = item.kind.capitalize()
    if item.number:
        return f"{kind} {item.number}"
    return f"{kind} ({item.section})" if item.section else kind
