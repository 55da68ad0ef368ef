"""Names of statements in running text: where a proof cites one, and the text with the name taken out.

Words are compared without case, possessive, plural, hyphen, mark-up or formatting command, so that
"De Morgan's Laws", "De-Morgan law" and "Definition of $T_3$ Space" for "T3 Space" are found alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

Form = tuple[str, ...]  # a name, word by word

# A citation that has been found stands in the text as one character of a private use area of Unicode.
FIRST_MARK, LAST_MARK = "\U000f0000", "\U000ffffd"
MARKS = f"[{FIRST_MARK}-{LAST_MARK}]"

_WORD = re.compile(r"\\?[^\W\d_]+(?:['’]s\b|['’])?|\d+")
_FORMATTING = frozenset(
    {r"\text", r"\mathrm", r"\mathbf", r"\mathit", r"\mathop", r"\operatorname", r"\paren"}
)
_LONGEST_GAP = 24  # characters between two words of one name: "$ \text{…" and the like
_BREAK = re.compile(
    r"\n|\\\(|\\\)|(?<!\b\w)[.;!?]\s"
)  # no name goes over the end of a line, a formula or a sentence
_DISAMBIGUATOR = re.compile(r"\s*\([^()]*\)")
_SUBPROOF = re.compile(r"\b(?:proof|solution)\b", re.IGNORECASE)  # "…/Algebraic Proof 1" is its parent anew

# "Spherical" before "Law of Cosines", and not "Using".
_PART_OF_ANOTHER = re.compile(
    r"\b(?!(?:Again|Also|Applying|Because|Hence|Recall|Similarly|Since|Therefore|Using)\b)[A-Z][a-z]{4,} $"
)


class Word(NamedTuple):
    """A word as names are compared, and where it stands in the text."""

    norm: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text, formatting commands left out."""
    found = (Word(_norm(m[0]), m.start(), m.end()) for m in _WORD.finditer(text) if m[0] not in _FORMATTING)
    return [word for word in found if word.norm]


@lru_cache(1 << 16)
def form_of(name: str) -> Form:
    """A name word by word; two spellings with the same form are the same name."""
    return tuple(word.norm for word in words(name))


def full_forms(title: str, aliases: Iterable[str] = ()) -> set[Form]:
    """What a citation of exactly this statement looks like: its names, in the orders that readers see.

    "First Sylow Theorem/Corollary" is printed as "First Sylow Theorem: Corollary" and as "Corollary to
    First Sylow Theorem".
    """
    forms: set[Form] = set()
    for name in (title, *aliases):
        base, *rest = (part.strip() for part in name.split("/"))
        forms.add(form_of(name))
        if rest:
            bare, last = _DISAMBIGUATOR.sub("", base), rest[-1]
            forms |= {form_of(f"{bare} {last}"), form_of(f"{last} to {base}"), form_of(f"{last} of {base}")}
            forms.add(form_of(f"{last} to the {base}"))
            if _SUBPROOF.search(last):
                forms.add(form_of(base))
    return {form for form in forms if is_name(form)}


def short_forms(title: str) -> set[Form]:
    """What a citation may be cut down to: without "(Group Theory)", without what follows a slash."""
    bare = _DISAMBIGUATOR.sub("", title)
    forms = {form_of(bare), form_of(bare.split("/", maxsplit=1)[0])}
    return {form for form in forms if is_name(form)}


def is_name(form: Form) -> bool:
    """Whether it can be told from a formula and from everyday words: two words, one of four letters."""
    return len(form) > 1 and any(len(word) > 3 and word.isalpha() for word in form)


class Names:
    """The names of some statements, to be found in a text.

    Args:
        forms: The forms of each statement's names, by its id.
    """

    def __init__(self, forms: Mapping[str, Iterable[Form]]) -> None:
        owners: defaultdict[Form, set[str]] = defaultdict(set)
        for identity, own in forms.items():
            for form in own:
                owners[form].add(identity)
        self._owners = dict(owners)
        self._by_first: defaultdict[str, list[Form]] = defaultdict(list)
        for form in sorted(owners, key=lambda form: (-len(form), form)):
            self._by_first[form[0]].append(form)

    def mark(self, text: str) -> tuple[str, dict[str, frozenset[str]]]:
        """The text with one character, a mark, in place of each name, and whose name each mark stands for.

        Where names overlap, the first counts, and of those that begin together the longest. A name that ends
        another title ("Spherical Law of Cosines") goes with it, under a mark that stands for nobody. ``text``
        must be free of marks (`unmark`).
        """
        marks: dict[frozenset[str], str] = {}
        pieces: list[str] = []
        done = 0
        for start, end, owners in self._mentions(text):
            mark = marks.setdefault(owners, chr(ord(FIRST_MARK) + len(marks)))
            pieces += [text[done:start], mark]
            done = end
        return "".join([*pieces, text[done:]]), {mark: owners for owners, mark in marks.items()}

    def remove(self, text: str) -> str:
        """The text without the names, and without the "by" or "from" that led to them."""
        marked, owners = self.mark(text)
        while owners:  # what stood around a name may make one anew
            marked, owners = self.mark(without_citations(marked))
        return marked

    def _mentions(self, text: str) -> Iterator[tuple[int, int, frozenset[str]]]:
        lowered = text.lower()
        possible = any(all(word in lowered for word in form) for form in self._owners)
        found = words(text) if possible else []
        position = done = 0
        while position < len(found):
            form = self._at(text, found, position)
            if form:
                first, last = found[position], found[position + len(form) - 1]
                another = _PART_OF_ANOTHER.search(text[done : first.start])
                start = done + another.start() if another else first.start
                yield start, last.end, frozenset() if another else frozenset(self._owners[form])
                done = last.end
            position += len(form) or 1

    def _at(self, text: str, found: list[Word], position: int) -> Form:
        """The longest name that begins at this word, or nothing."""
        for form in self._by_first.get(found[position].norm, ()):
            spoken = found[position : position + len(form)]
            if tuple(word.norm for word in spoken) == form and _together(text, spoken):
                return form
        return ()


_LIST = re.compile(rf"({MARKS})(?:(?:\s*(?:,|;|&|:|\b(?:and|or|then|with|also|again)\b))*\s*{MARKS})+")
# "From MARK and Bag Theorem": the other name, which nobody linked, takes the place of the first.
_BEFORE_ANOTHER = re.compile(rf"{MARKS}(?:\s*,\s*|\s*,?\s+and\s+)(?=[A-Z][\w'’-]+ (?:[a-z]{{2,4}} )*[A-Z])")
# "MARK for Topological Spaces": how the page's text spells out what its title leaves to a slash.
_SPELT_OUT = re.compile(rf"({MARKS})(?: (?:of|for|in|on|over|under)(?: an?| the)?(?: [A-Z][\w'’-]+)+)+")
_REFERENCE = re.compile(
    rf"(?:\b(?:Porism|Lemma|Corollary)(?:\s+\$?\d+\$?)?\s+to\s+(?:the\s+)?)?"
    rf"\bProposition\s+\$?\d+\$?\s+of\s+Book\s+\$[^$]*\$\s*:?\s*({MARKS})"
)
_LED_TO = re.compile(
    r"(?:\b(?:this|the result|the conclusion|it)\s+(?:also\s+|then\s+|now\s+)?follows\s+)?"
    r"(?:\b(?:directly|immediately|again|also|then|now)\s+)?"
    r"\b(?:by|from|using|through|via|per|see|with|in view of|because of|due to|according to|as in)\s+"
    r"(?:the\s+|an?\s+|definition\s+of\s+(?:the\s+)?)?"
    rf"({MARKS})",
    re.IGNORECASE,
)
# Not the reason of a row, and not all that a line says.
_IN_A_SENTENCE = re.compile(rf"(?<=[a-z,] )(?:(?:the|an?) )?{MARKS}|^{MARKS}(?= [a-z])", re.MULTILINE)


def without_citations(text: str) -> str:
    """The marked text with the marks, and what only led to them, taken out; empty if nothing is left."""
    text = _REFERENCE.sub(r"\1", text)
    text = _SPELT_OUT.sub(r"\1", text)
    text = _LIST.sub(r"\1", text)
    text = _BEFORE_ANOTHER.sub("", text)
    text = _LED_TO.sub(r"", text)
    text = _IN_A_SENTENCE.sub("a known result", text)
    text = re.sub(MARKS, " ", text)
    text = re.sub(r"[ \t]*\(\s*\)", "", text)
    text = re.sub(r"[ \t]+([,.:;])", r"\1", text)
    text = re.sub(r"([,:;])(?:\s*[,:;])+", r"\1", text)
    text = re.sub(r"[,:;]\s*\.", ".", text)
    text = re.sub(r"(?m)^[\s,.:;]+", "", text)
    return re.sub(r"[ \t]{2,}", " ", text).strip()


def unmark(text: str) -> str:
    """The text without characters that would be taken for marks."""
    return re.sub(MARKS, "", text)


@lru_cache(1 << 16)
def _norm(word: str) -> str:
    bare = re.sub(r"['’]s?$", "", word.lstrip("\\").lower())
    plural = len(bare) > 3 and bare.endswith("s") and not bare.endswith(("ss", "us", "is"))
    return bare[:-1] if plural else bare


def _together(text: str, spoken: list[Word]) -> bool:
    gaps = (text[one.end : other.start] for one, other in pairwise(spoken))
    return all(len(gap) <= _LONGEST_GAP and not _BREAK.search(gap) for gap in gaps)
