"""Text as LaTeX: paragraphs and formulas are kept, and nothing in it is obeyed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ui.tex.engine import complaints, document, needs_tex
from tests.ui.tex.test_formula import WRITTEN, unhurried
from ui.tex import prose

EVIL = [
    r"\input{/etc/passwd} \write18{touch here} \immediate\write18{touch here} \openout3=here",
    r"\end{document} \begin{verbatim} \end{verbatim} \end{flushleft}",
    "```\n\\end{flushleft}\\input{/etc/passwd}\n  two  spaces\n\n```",
    r"`\input{/etc/passwd}` and $\input{/etc/passwd}$ and \(\write18{touch here}\)",
    r"$x ^^5cinput{/etc/passwd}$ ^^5cinput{/etc/passwd}",
    r"100% # & _ { } ~ ^ \ < > | $5 and $7",
    r"\catcode`\@=0 @input \def\x{\x}\x \csname input\endcsname",
    "# Heading with $x^2$ and \\[ y \\]\n- one\n- **two** $z$\n\n3. three\n4. *four*\nplain\nlines",
    "é ß Ł Ą þ Ж 中 🙂 ≤ √2 x² “quoted” – — … \u2028 \u00a0 \ufeff \x00",
    "*" * 50 + "`" * 7 + "\n" * 5 + "]" + r"\item[" + "[",
]


def test_text_keeps_its_shape() -> None:
    text = "First **bold** line\nsecond, $x^2$.\n\n- one\n- two\n\n2. next\n\n# Title\n\n```\na_b\n\n  c\n```"
    assert prose.body(text).split("\n\n") == [
        "First \\textbf{bold} line\\mbox{}\\newline\nsecond, $x^{2}$.",
        "\\begin{itemize}\n\\item[\\textbullet] one\n\\item[\\textbullet] two\n\\end{itemize}",
        "\\begin{itemize}\n\\item[2.] next\n\\end{itemize}",
        r"\noindent\textbf{Title}",
        "\\begin{flushleft}\\ttfamily\n\\mbox{}a\\_b\\par\n\\mbox{}\\par\n\\mbox{}~~c\n\\end{flushleft}",
    ]
    assert prose.line("one\ntwo $x$") == "one two $x$"


def test_a_formula_that_is_not_understood_is_printed_letter_by_letter() -> None:
    assert prose.line(r"so $\frac{1}$ is") == r"so \texttt{\textbackslash{}frac\{1\}} is"
    assert prose.line(r"so \(\left( x\)") == r"so \texttt{\textbackslash{}left( x}"


@unhurried
@given(
    st.text(alphabet=st.sampled_from("\\{}$&#_^~%<>|`*[]()-\n ainputwrite18é中²\ue000\ue0010"), max_size=60)
)
def test_no_command_of_a_text_survives(text: str) -> None:
    written = prose.body(text)
    mine = {
        "newline",
        "item",
        "textbf",
        "textit",
        "noindent",
        "texttt",
        "ttfamily",
        "mbox",
        "par",
        "textbullet",
    }
    assert set(re.findall(r"\\([A-Za-z]+)", written)) <= WRITTEN | mine
    assert "\ue000" not in written


@pytest.mark.parametrize("text", EVIL)
def test_evil_text_holds_no_command(text: str) -> None:
    written = prose.body(text) + prose.line(text)
    assert not re.search(r"\\(?:input|write|immediate|openout|catcode|def|csname|x)\b", written)


@needs_tex
def test_evil_text_compiles_and_touches_nothing(tmp_path: Path) -> None:
    lines = [prose.body(text) for text in EVIL] + [rf"\section*{{{prose.line(text)}}}" for text in EVIL]
    assert complaints(document(lines), tmp_path) == []
    assert {path.suffix for path in tmp_path.iterdir()} == {".tex", ".aux", ".log", ".pdf"}


@needs_tex
@settings(parent=unhurried, max_examples=10)
@given(st.lists(st.text(max_size=20), min_size=60, max_size=60))
def test_any_text_compiles(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    lines = [prose.body(text) for text in texts]
    assert complaints(document(["x", *lines]), tmp_path_factory.mktemp("tex")) == []
