"""LaTeX as words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.encoder import Encoder
from retriever.mathtext import plain
from retriever.passage import Passage


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        ("no formulas, 5% and a_b", "no formulas, 5% and a_b"),
        (r"Let $n \in \N_{>0}$.", "Let n in natural numbers >0 ."),
        (r"$\mathbb{R}^n$, $\mathbb C$", "real numbers^n , complex numbers"),
        (r"\(\dfrac a b \le \sqrt{x}\)", "frac a b <= sqrt x"),
        (r"\left( \map f x \right)", "( f x )"),
        (r"a \, b \\ c", "a b c"),
        (r"\textbf{If} $x^ 2$", "If x^2"),
        (r"costs \$5", "costs dollars 5"),
        (r"$\mathbb{Real}$", "Real"),
        ("one\n$two$", "one\n two"),
        ("$", "$"),
    ],
)
def test_commands_become_words(latex: str, words: str) -> None:
    assert plain(latex) == words


@given(st.text(alphabet="\\${}^_ab R\n&~(", max_size=60))
def test_whatever_comes_it_is_text_and_stays_so(text: str) -> None:
    once = plain(text)
    assert bool(once) == bool(text)
    if "\\" not in once and "$" not in once:
        assert plain(once) == once


def test_an_encoder_reads_the_words(tiny_encoder_path: Path) -> None:
    raw, words = Encoder(tiny_encoder_path), Encoder(tiny_encoder_path, latex="plain")
    assert raw.fingerprint != words.fingerprint
    text = r"the \dfrac a b of $\mathbb{R}$"
    np.testing.assert_array_equal(words.encode_queries([text]), raw.encode_queries([plain(text)]))
    passage = Passage(id="p", text=text)
    expected = raw.encode_passages([passage.model_copy(update={"text": plain(text)})])
    np.testing.assert_array_equal(words.encode_passages([passage]), expected)
    assert words.token_counts([text]) == raw.token_counts([plain(text)])
    assert words.token_counts([text])[0] < raw.token_counts([text])[0]
