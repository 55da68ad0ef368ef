"""How a statement announces itself in Markdown: bold words, headings, directives."""

from __future__ import annotations

import re
from typing import NamedTuple

from retriever.sources.statement import ABBREVIATIONS, KINDS

_KIND = rf"(?P<kind>{'|'.join(KINDS)})"
_NUMBER = r"(?:\s+(?P<number>\d+(?:\.\d+)*[a-z]?|[A-Z](?:\.\d+)*|[IVX]+)(?![\w-]))?"
# A kind alone, with a number, with a name in brackets, with a name after a colon: "Lemma 3. Zorn".
_ANNOUNCED = re.compile(
    rf"(?:the\s+)?{_KIND}\b{_NUMBER}\s*(?:[.:—–-]\s*)?(?P<name>[(\[].*[)\]]|(?<=[.:—–-]|\s)\S.*)?[\s.:]*",
    re.IGNORECASE | re.DOTALL,
)
# "Bezout's theorem", "Main Lemma"
_NAMED = re.compile(
    r"(?!proof|example|application|using|statement|why|how|what|about|history|this|see|by|from)(?P<name>.{1,80}?\s"
    r"(?P<kind>theorem|lemma|corollary|proposition|axiom|conjecture))[\s.:]*",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(
    r"(?P<mark>\*{1,3}|_{1,3})(?P<inside>[^\s*_](?:.{0,200}?\S)?)(?P=mark)(?![*_])(?P<rest>.*)", re.DOTALL
)
# Without emphasis, only with a number or a name and a full stop or colon: "Theorem 2.1 (Bezout). Let …"
_UNMARKED = re.compile(
    rf"(?P<inside>(?=[A-Z])(?i:{_KIND})\b{_NUMBER}(?:\s*\([^()\n]{{1,100}}\))?\s*[.:])(?P<rest>\s.*)",
    re.DOTALL,
)
_NAME_AFTER = re.compile(r"\s*\(((?:[^()]|\([^()]*\)){1,200})\)")
# "Proof.", "*Proof of Lemma 2*:", and no sentence about proofs.
_PROOF = re.compile(
    r"[*_#\s]*(?:Proof|PROOF|Solution)\b(?! +(?:is|are|was|were|by \w+ is|theory|assistants?)\b)"
)
_ATTRIBUTES = re.compile(r"\s*\{\s*#(?P<label>[^\s{}]+)[^{}]*\}\s*$")
_DIRECTIVE = re.compile(
    r"\s*(?:\{(?P<attributes>[^{}]*)\}|(?P<word>[\w:.*-]+))\s*(?P<title>.*?)\s*", re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"""(?P<key>[\w-]+)\s*=\s*(?P<quote>["']?)(?P<value>.*?)(?P=quote)(?=[,\s]|$)|(?P<word>[^\s,=]+)"""
)
_OPTION = re.compile(r"\s*:(?P<key>[\w-]+):[ \t]*(?P<value>.*)")
_YAML = re.compile(r"(?P<key>[\w-]+):[ \t]*(?P<value>.*)")
_LONGEST = 400  # characters of a heading or an info string that may announce a statement
_CALLOUT = re.compile(
    r"\[!(?P<kind>[\w-]+)(?:\|[^\]\n]*)?\][+-]?[ \t]*(?P<title>[^\n]*)(?P<rest>.*)", re.DOTALL
)


class Lead(NamedTuple):
    """What a statement is announced as, and the text after the announcement."""

    kind: str
    name: str = ""
    number: str = ""
    label: str = ""
    rest: str = ""


def lead_of_paragraph(text: str) -> Lead | None:
    """The lead of a paragraph: emphasised words at its beginning, or plain ones with a full stop or colon."""
    marked = _EMPHASIS.match(text)
    match = marked or _UNMARKED.match(text)
    if match is None:
        return None
    inside, rest = match["inside"].strip(), match["rest"]
    bold = marked is not None and len(marked["mark"]) > 1
    lead = _announced(inside) or (_named(inside) if bold else None)
    if lead is None or not _begins_statement(inside, rest):
        return None
    if not lead.name and not inside.endswith((".", ":")) and (named := _NAME_AFTER.match(rest)):
        lead, rest = lead._replace(name=named[1].strip()), rest[named.end() :]
    return lead._replace(rest=re.sub(r"^\s*[.:—–-]?\s*", "", rest))


def lead_of_heading(text: str) -> Lead | None:
    """The lead that a heading is: "Theorem 2.1 (Bezout)", "Definition: group", "Bezout's theorem"."""
    if len(text) > _LONGEST:
        return None
    attributes = _ATTRIBUTES.search(text)
    bare = (text[: attributes.start()] if attributes else text).strip().strip("*_").strip()
    bare = re.sub(r"^\d+(?:\.\d+)*\.?\s+", "", bare)  # the number of a section
    lead = _announced(bare) or _named(bare)
    return lead._replace(label=attributes["label"]) if lead and attributes else lead


def lead_of_callout(text: str) -> Lead | None:
    """The lead of an Obsidian callout in a block quote: "[!theorem] Bezout"."""
    match = _CALLOUT.match(text)
    kind = kind_named(match["kind"]) if match else ""
    return Lead(kind, name=match["title"].strip(), rest=match["rest"].strip()) if match and kind else None


def lead_of_directive(info: str) -> Lead | None:
    """The lead that the info string of a fence is.

    MyST ``{prf:theorem} Name``, bookdown ``{theorem, label="x", name="Y"}``, Quarto ``{#thm-x}``, Pandoc
    ``{.theorem #x name="Y"}``, a bare ``theorem Name``, and ``{admonition} Theorem 1 (Name)``. ``kind`` is
    ``proof`` for a proof, and empty for another directive whose content may hold statements.
    """
    match = _DIRECTIVE.fullmatch(info) if len(info) <= _LONGEST else None
    if match is None:
        return None
    attributes = match["attributes"]
    words, keys = _attributes(attributes if attributes is not None else match["word"])
    kinds = [(word, kind) for word in words if (kind := kind_named(word))]
    label = next((word[1:] for word in words if word.startswith("#")), keys.get("label", ""))
    if kinds:
        others = [word for word in words[1:] if word[0] not in "#." and word != kinds[0][0]]
        name = keys.get("name") or keys.get("title") or match["title"].strip("{}")
        return Lead(kinds[0][1], name=name, label=label or next(iter(others), ""))
    if attributes is None and not match["word"].startswith("."):
        return None  # a programming language
    abbreviation = label.partition("-")[0]
    if abbreviation in ABBREVIATIONS and label != abbreviation:
        return Lead(ABBREVIATIONS[abbreviation], name=keys.get("name", ""), label=label)
    titled = lead_of_heading(match["title"]) if match["title"] else None
    return titled or Lead("")


def options(lines: list[str]) -> tuple[dict[str, str], int]:
    """Options at the beginning of a directive (``:label: x``, or YAML between ``---``), and their lines."""
    found: dict[str, str] = {}
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
        end = next(i for i, line in enumerate(lines) if i and line.strip() == "---")
        for line in lines[1:end]:
            if match := _YAML.match(line):
                found[match["key"]] = match["value"].strip().strip("\"'")
        return found, end + 1
    for count, line in enumerate(lines):
        match = _OPTION.fullmatch(line)
        if match is None:
            return found, count
        found[match["key"]] = match["value"].strip()
    return found, len(lines)


def begins_proof(text: str) -> bool:
    """Whether a paragraph or heading begins a proof."""
    return _PROOF.match(text) is not None


def kind_named(word: str) -> str:
    """The kind that a word of a directive means ("prf:theorem", ".theorem", "thm*"), or nothing."""
    bare = word.removeprefix(".").removeprefix("prf:").removeprefix("proof:").removesuffix("*").lower()
    return bare if bare in KINDS or bare == "proof" else ""


def _announced(inside: str) -> Lead | None:
    match = _ANNOUNCED.fullmatch(inside)
    if match is None:
        return None
    name = (match["name"] or "").strip().rstrip(".:").strip()
    if name[:1] in ("(", "[") and name[-1:] in (")", "]"):
        name = name[1:-1].strip()
    elif name and not re.search(r"[.:—–-]\s*$", inside[: match.start("name")]):
        return None  # "Theorem about groups" is a heading of something else
    return Lead(match["kind"].lower(), name=name, number=match["number"] or "")


def _named(inside: str) -> Lead | None:
    match = _NAMED.fullmatch(inside)
    return Lead(match["kind"].lower(), name=match["name"].strip()) if match else None


def _begins_statement(inside: str, rest: str) -> bool:
    """Whether what follows is a statement and not the rest of a sentence ("**Theorem 2** shows that …")."""
    if inside.endswith((".", ":", ")")):
        return True
    following = rest.lstrip()
    return not following or rest[0] == "\n" or following[0] in ".:(—–$" or following[0].isupper()


def _attributes(text: str) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    keys: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        if match["key"]:
            keys[match["key"]] = match["value"]
        else:
            words.append(match["word"])
    return words, keys
