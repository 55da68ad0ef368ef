"""Which of many reference texts a text repeats: the same words, nearly the same, or long runs of them.

    index = OverlapIndex([Reference("theoremqa", "q1", "How many ways are there to …")])
    index.find("How many ways are there, then, to …")

Exact counting over an inverted index, and no sketch such as MinHash: references are some thousands of short
texts, and what is said to be a hit must be one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from training.leakage.normal import words

Kind = Literal["same", "near", "run"]
RUN = 13  # words in a row: the field's measure since GPT-3 (Brown et al. 2020, appendix C)
SHORT_RUN = 8  # of a reference below 13 words the whole, if it has so many
COVERED = 0.5  # share of a reference's words that shared runs must cover,
LONG = 40  # or so many words of a long one: a shorter phrase is what all such texts say
TELLING = 5  # different words of three letters: what has fewer is a formula that everyone writes
SHINGLE = 4
LEAST_SHINGLES = 8  # in a reference: "find the value of x" is near to everything
NEAR = 0.6  # share of a reference's shingles that are in a text: about one word in eight may be another
COMMON = 20  # references that share a shingle or a run, which then says nothing
_Shingle = tuple[str, ...]


class Reference(NamedTuple):
    """A text that others are compared with."""

    benchmark: str
    id: str
    text: str


class Overlap(NamedTuple):
    """What a text shares with a reference; ``share``: of its shingles, or of its words in runs; 0 to 1."""

    kind: Kind
    reference: Reference
    share: float


class OverlapIndex:
    """References, to look texts up in.

    Args:
        references: Any number; they are kept in memory, with some 200 bytes a word.
    """

    def __init__(self, references: Iterable[Reference]) -> None:
        self._references: list[Reference] = []
        self._lengths: list[int] = []  # words of each
        self._same: dict[int, int] = {}
        self._runs: defaultdict[int, list[int]] = defaultdict(list)  # hash of a run → who has it
        self._sizes: set[int] = set()
        self._holders: defaultdict[int, list[int]] = defaultdict(list)  # hash of a shingle → who has it
        self._known: set[int] = set()  # hashes of all shingles, common ones and formulas among them
        for reference in references:
            self._add(reference)
        every = Counter(number for holders in self._holders.values() for number in holders)
        for held in (self._holders, self._runs):
            for key in [key for key, holders in held.items() if len(holders) > COMMON]:
                del held[key]
        left = Counter(number for holders in self._holders.values() for number in holders)
        # Where most of a reference is what many say, the rest is too little to know it by.
        self._shingles = {n: k for n, k in left.items() if k >= max(LEAST_SHINGLES, every[n] / 2)}

    def __len__(self) -> int:
        return len(self._references)

    def find(self, text: str) -> Overlap | None:
        """The gravest overlap of a text; None where there is none."""
        found = words(text)
        if (same := self._same.get(hash(tuple(found)))) is not None:
            return Overlap("same", self._references[same], 1.0)
        marks = list(map(hash, _runs(found, SHINGLE)))
        shared = Counter(number for mark in set(marks) for number in self._holders.get(mark, ()))
        share, near = max(
            ((count / self._shingles[n], -n) for n, count in shared.items() if n in self._shingles),
            default=(0.0, 0),
        )
        if share >= NEAR:
            return Overlap("near", self._references[-near], round(share, 3))
        return self._in_a_row(found, marks)

    def _in_a_row(self, found: Sequence[str], marks: Sequence[int]) -> Overlap | None:
        """Whether runs of words are shared that cover enough of a reference."""
        runs = {
            hash(run)
            for size in self._sizes
            for stretch in self._stretches(found, marks, size)
            for run in _runs(stretch, size)
        }
        shared = Counter(number for run in runs for number in self._runs.get(run, ()))
        for number, count in shared.most_common():
            length = self._lengths[number]
            covered = count + min(RUN, length) - 1
            if covered >= min(COVERED * length, LONG):
                return Overlap("run", self._references[number], round(min(covered / length, 1.0), 3))
        return None

    def _stretches(self, found: Sequence[str], marks: Sequence[int], size: int) -> Iterator[Sequence[str]]:
        """The parts of a text of at least ``size`` words all of whose shingles some reference has."""
        start = 0
        for known, group in groupby(marks, self._known.__contains__):
            length = sum(1 for _ in group)
            if known and length + SHINGLE - 1 >= size:
                yield found[start : start + length + SHINGLE - 1]
            start += length

    def _add(self, reference: Reference) -> None:
        found = words(reference.text)
        number = len(self._references)
        if not found or self._same.setdefault(hash(tuple(found)), number) != number:
            return
        self._references.append(reference)
        self._lengths.append(len(found))
        if not _is_telling(found):
            return
        size = min(RUN, len(found))
        if size >= SHORT_RUN:
            self._sizes.add(size)
            for run in {hash(run) for run in _runs(found, size) if _is_telling(run)}:
                self._runs[run].append(number)
        shingles = set(_runs(found, SHINGLE))
        self._known.update(map(hash, shingles))
        for shingle in shingles:
            if any(map(_says, shingle)):
                self._holders[hash(shingle)].append(number)


def _runs(found: Sequence[str], size: int) -> Iterator[_Shingle]:
    return zip(*(found[start:] for start in range(size)), strict=False)


def _says(word: str) -> bool:
    return len(word) > 2 and word.isalpha()


def _is_telling(run: Sequence[str]) -> bool:
    return len(set(filter(_says, run))) >= TELLING
