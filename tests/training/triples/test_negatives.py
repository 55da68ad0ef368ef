"""Hard negatives: in which order they come, and what the guard keeps from becoming one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.indexing.exact import exact_index
from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from retriever.search import Retriever
from tests.training.samples import CORPUS, PASSAGES
from training.proofs.splits import groups_of
from training.triples.negatives import Guard, by_search, by_words, cosine_of, mine

LONG = "Whenever a share of some whole thing is taken away from it then what remains is its complement"
LIKE = [
    Passage(id="long", title="Long", text=LONG),
    Passage(id="longer", title="Other", text=f"{LONG} again"),
    Passage(id="copy", title="Copy", text=PASSAGES[0].text),
    Passage(id="namesake", title="Part of a Whole", text="Nothing like it."),
]
KNOWN = {passage.id: passage for passage in [*PASSAGES, *LIKE]}


def guard(**more: object) -> Guard:
    return Guard(KNOWN, groups_of(KNOWN.values()), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ("parts", "the positive itself"),
        ("angle", "positive elsewhere for the same problem"),
        ("copy", "a copy of a positive"),
        ("namesake", "a copy of a positive"),
        ("unknown", "not in the corpus"),
        ("prime", "held out"),
    ],
)
def test_what_may_help_is_no_negative_and_is_counted(candidate: str, reason: str) -> None:
    looking = guard(excluded={"prime"})
    kept = looking.allowed([candidate, "ring"], "parts", {"parts", "angle"}, "a problem", "p")
    assert list(kept) == ["ring"]
    assert looking.dropped == {f"negative: {reason}": 1}


def test_the_problems_own_statement_is_no_negative_by_id_or_by_text() -> None:
    looking = guard()
    assert list(looking.allowed(["ring", "prime"], "parts", set(), "…", own="ring")) == ["prime"]
    assert list(looking.allowed(["ring", "prime"], "parts", set(), PASSAGES[3].text)) == ["ring"]
    assert looking.dropped == {"negative: the problem's own statement": 2}


def test_nearly_the_same_text_is_no_negative() -> None:
    looking = guard()
    assert list(looking.allowed(["longer", "ring"], "long", set(), "")) == ["ring"]
    assert looking.dropped == {"negative: nearly the positive's text": 1}


def test_a_passage_near_in_meaning_is_no_negative() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    cosine = cosine_of(["parts", "ring", "angle"], vectors)
    looking = guard(cosine=cosine, most_cosine=0.75)
    assert list(looking.allowed(["ring", "angle"], "parts", set(), "")) == ["angle"]
    assert looking.dropped == {"negative: too near to the positive": 1}
    assert list(guard(cosine=cosine, most_cosine=0.85).allowed(["ring"], "parts", set(), "")) == ["ring"]


def test_miners_take_turns_and_an_id_comes_once() -> None:
    def first(queries: Sequence[str], k: int) -> list[list[str]]:
        return [["a", "b", "c"][:k] for _ in queries]

    def second(queries: Sequence[str], k: int) -> list[list[str]]:
        return [["b", "d"][:k] for _ in queries]

    assert mine([first, second], ["q", "r"], 3) == [["a", "b", "d", "c"]] * 2
    assert mine([first, second], ["q"], 1) == [["a", "b"]]
    assert mine([], ["q"]) == [[]]
    assert mine([first], []) == []


def test_words_and_an_encoder_mine_from_the_same_corpus(tiny_encoder_path: Path, home: Path) -> None:
    encoder = Encoder(tiny_encoder_path)
    index = exact_index(CORPUS, encoder, home)
    miners = [by_words(LexicalIndex.build(CORPUS)), by_search(Retriever(index, encoder, "base"))]
    [found] = mine(miners, ["rings: sums and products"], depth=4)
    assert found[0] == "ring"
    assert sorted(found) == sorted(passage.id for passage in Corpus(PASSAGES))
