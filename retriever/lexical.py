"""BM25 over mathematics: LaTeX commands, symbols and powers are words of their own."""

# ruff: noqa: SIM905 - word lists written as lists would be 150 lines, a word each

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from retriever.passage import Passage

if TYPE_CHECKING:
    import bm25s

# One spelling for what people write in several ways. Superscripts come before NFKC, which makes x² into x2.
_SYMBOLS = r"""
≤ \leq ≥ \geq ≠ \neq ∑ \sum Σ \sum ∏ \prod ∫ \int √ \sqrt ∞ \infty ∈ \in ⊆ \subseteq ⊂ \subset ∪ \cup ∩ \cap
≡ \equiv → \to ∀ \forall ∃ \exists ∂ \partial ∇ \nabla × \times · \cdot ± \pm ≈ \approx π \pi α \alpha β \beta
γ \gamma δ \delta ε \epsilon θ \theta λ \lambda μ \mu σ \sigma φ \phi ω \omega
""".split()
_SPELLINGS = {"²": "^2", "³": "^3", "ⁿ": "^n", "⁻¹": "^-1", "−": "-", "’": "'"} | {
    symbol: command + " " for symbol, command in zip(_SYMBOLS[::2], _SYMBOLS[1::2], strict=True)
}
_SYNONYMS = r"""
\dfrac \frac \tfrac \frac \le \leq \ge \geq \ne \neq \dbinom \binom \tbinom \binom \rightarrow \to
\varepsilon \epsilon \varphi \phi
""".split()
_SAME_COMMAND = dict(zip(_SYNONYMS[::2], _SYNONYMS[1::2], strict=True))
# Commands about looks, and words too common to tell theorems apart.
_LOOKS = frozenset(
    r"""
\left \right \text \textbf \textit \mathrm \mathbf \mathit \quad \qquad \displaystyle \limits \operatorname
\big \Big \bigg \Bigg \begin \end \ds \paren \map
""".split()
)
_STOPWORDS = frozenset(
    """
a an and are as at be been but by can do does for from had has have he her his how i if in into is it its
may must of on one or our s she so such than that the their them then there these they this to was we were
what when where which while who will with would you your
""".split()
)
_TOKEN = re.compile(
    r"""
    \\[A-Za-z]+                                        # a LaTeX command
  | [A-Za-z0-9]+ \^ (?: \{[^{}\s]{1,12}\} | -?[A-Za-z0-9]+ )   # a power: x^2, e^{-x}
  | \d+ (?: \.\d+ )?                                   # a number
  | [^\W\d_][^\W_]*                                  # a word, also log2
  | [=<>+\-*/^!|%&~@#]                                 # a symbol
    """,
    re.VERBOSE,
)
_FAINT = re.compile(r"\d+(?:\.\d+)?|.", re.DOTALL)
_FAINT_WEIGHT = np.float32(1 / 3)  # from 0.1 to 0.5 all do about as well
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPELLING = re.compile("|".join(map(re.escape, _SPELLINGS)))


def tokenize(text: str) -> list[str]:
    r"""Tokens of a text, in order.

    Words in lower case and singular, LaTeX commands as they are (``\frac``), powers whole and also their
    base (``x^{2}`` gives ``x^2`` and ``x``), symbols; Unicode symbols become their commands (``≤`` gives
    ``\leq``). Names of code are split (``dijkstra_path``, ``isPrime``). Common words and commands about looks
    are left out.
    """
    text = _SPELLING.sub(lambda match: _SPELLINGS[match.group()], text)
    text = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text))
    return [token for match in _TOKEN.finditer(text) for token in _normalise(match.group())]


def query_tokens(query: str) -> tuple[list[str], list[str]]:
    """Tokens to search with, each once: those that say much, and the faint ones, which count a third.

    Faint are numbers, single letters and operators: what a problem calls its variables and which numbers it
    names says little about the theorem it needs. That it says a word twice says little too. Measured in
    ``benchmarks/lexical.py``.
    """
    tokens = dict.fromkeys(tokenize(query))
    faint = [token for token in tokens if _FAINT.fullmatch(token)]
    return [token for token in tokens if token not in set(faint)], faint


def _normalise(raw: str) -> Iterable[str]:
    if raw.startswith("\\"):
        command = _SAME_COMMAND.get(raw, raw)
        return () if command in _LOOKS else (command,)
    if "^" in raw and len(raw) > 1:
        base, exponent = raw.lower().split("^", 1)
        return (f"{base}^{exponent.strip('{}')}", base)
    word = raw.lower()
    if word in _STOPWORDS:
        return ()
    return (_singular(word),)


def _singular(word: str) -> str:
    """``primes`` → ``prime``, ``identities`` → ``identity``; ``radius``, ``basis`` and ``class`` stay."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") else word[:-1]


def best_rows(scores: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.intp]:
    """Rows of the ``k`` highest scores ``(rows,)``, best first, ties by row; all rows where k is more."""
    rows = np.arange(len(scores))
    if k < len(scores):
        rows = np.flatnonzero(scores >= np.partition(scores, -k)[-k])  # all that tie with the last too
    return rows[np.argsort(-scores[rows], kind="stable")][:k]


class LexicalIndex:
    """BM25 scores of passages.

    Args:
        engine: The scorer of bm25s, its columns in the order of ``ids``.
        ids: Passage ids, sorted, so that ties come out in the order of ids.
    """

    def __init__(self, engine: bm25s.BM25, ids: Sequence[str]) -> None:
        self._engine = engine
        self.ids = list(ids)
        self._row = {passage_id: row for row, passage_id in enumerate(self.ids)}

    @classmethod
    def build(cls, passages: Iterable[Passage]) -> LexicalIndex:
        """Index the ``content`` of passages; the same for every order of them."""
        import bm25s

        ordered = sorted(passages, key=lambda passage: passage.id)
        tokens = [tokenize(passage.content) for passage in ordered]
        vocabulary = {
            token: row for row, token in enumerate(sorted({t for doc in tokens for t in doc} | {""}))
        }
        engine = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        rows = [[vocabulary[token] for token in doc or [""]] for doc in tokens]  # no document may be empty
        engine.index((rows, vocabulary), create_empty_token=False, show_progress=False)
        return cls(engine, [passage.id for passage in ordered])

    def save(self, folder: Path) -> None:
        """Write the index as JSON and plain arrays.

        Raises:
            OSError: The folder cannot be written to.
        """
        self._engine.save(folder, show_progress=False, allow_pickle=False)
        (folder / "ids.json").write_text(json.dumps(self.ids), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Read what `save` wrote.

        Raises:
            OSError, ValueError: The folder does not hold an index, or a damaged one.
        """
        import bm25s

        engine = bm25s.BM25.load(folder, load_corpus=False, allow_pickle=False, show_progress=False)
        return cls(engine, json.loads((folder / "ids.json").read_text(encoding="utf-8")))

    def search(self, query: str, k: int, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The best ``k`` ids with their BM25 scores, best first, ties by id; only scores above zero.

        Args:
            query: Any text.
            k: At most so many.
            allowed: Only ids among these; None takes all.
        """
        scores = self._scores(query)
        if allowed is not None:
            scores *= np.fromiter((key in allowed for key in self.ids), dtype=bool, count=len(self.ids))
        best = best_rows(scores, k)
        return [(self.ids[row], float(scores[row])) for row in best if scores[row] > 0]

    def scores(self, query: str, ids: Iterable[str]) -> dict[str, float]:
        """BM25 scores of the passages named; 0 where no word is shared."""
        scores = self._scores(query)
        return {passage_id: float(scores[self._row[passage_id]]) for passage_id in ids}

    def _scores(self, query: str) -> npt.NDArray[np.float32]:
        telling, faint = query_tokens(query)
        return self._sum(telling) + _FAINT_WEIGHT * self._sum(faint)

    def _sum(self, tokens: Iterable[str]) -> npt.NDArray[np.float32]:
        known = self._engine.vocab_dict
        rows = [known[token] for token in tokens if token in known]
        if not rows:
            return np.zeros(len(self.ids), dtype=np.float32)
        scores: npt.NDArray[np.float32] = self._engine.get_scores_from_ids(rows)
        return scores
