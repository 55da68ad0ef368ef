"""A formula is written anew, or refused; whatever is written compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ui.tex.engine import complaints, document, needs_tex
from ui.tex import chars, commands
from ui.tex.formula import MAX_WRAPS, translate


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        (r"x^2", "x^{2}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"x'^2_1", "x'^{2}_{1}"),
        (r"\sqrt[3]x", r"\sqrt[{3}]{x}"),
        (r"15%", r"15\%"),
        (r"a#b", r"a\#b"),
        (r"\R \lt 1", r"\mathbb{R} < 1"),
        (r"\text{50\% of}", r"\text{50\% of}"),
        (r"\text{a_b}", r"\text{a\_b}"),
        (r"a \\ b", r"\begin{gathered}{}a \\{} b\end{gathered}"),
        (
            r"\begin{align*} a &= b \\[2pt] c &= d \end{align*}",
            r"\begin{aligned}{} a &= b \\{} c &= d \end{aligned}",
        ),
        (r"α ≤ ∞", r"\alpha  \le  \infty "),
        (r"x²", "x{^{2}}"),
        (r"中", r"\text{[U+4E2D]}"),
        (r"\textcolor{red}{x}", "{x}"),
        (r"a \over b", r"{a \over  b}"),
    ],
)
def test_what_is_understood_is_written_with_all_braces(formula: str, written: str) -> None:
    assert translate(formula) == written


@pytest.mark.parametrize(
    "formula",
    [
        "",
        " ",
        "{",
        "}",
        "a}b{",
        "$x$",
        "x^",
        "x^2^3",
        "x_1_2",
        "x^2'",
        "a & b",
        "^^5cinput{x}",
        r"\input{/etc/passwd}",
        r"\write18{id}",
        r"\immediate\write18{id}",
        r"\def\a{b}",
        r"\catcode`\%=12",
        r"\csname input\endcsname",
        r"\begin{document}",
        r"\begin{verbatim}x\end{verbatim}",
        r"\begin{aligned}x",
        r"\begin{aligned}x\end{cases}",
        r"\begin{array}{p{3cm}}x\end{array}",
        r"\begin{array}{c}a&b\end{array}",
        r"\begin{cases}a&b&c\end{cases}",
        r"\left( x",
        r"\left x \right)",
        r"x \right)",
        r"\middle|",
        r"\frac{1}",
        r"\sqrt",
        r"\text{\input{x}}",
        r"\text{a",
        r"\unknowncommand x",
        r"a \over b \over c",
        r"\usepackage{x}",
        r"\includegraphics{x}",
        r"\href{http://example.com}{x}",
        "x" * 2001,
        r"\sqrt" * 300,
        r"\left(" * 200 + r"\right)" * 200,
        r"\boldsymbol{" * (MAX_WRAPS + 1) + "x" + "}" * (MAX_WRAPS + 1),
        "\\",
    ],
)
def test_what_is_not_understood_is_refused(formula: str) -> None:
    assert translate(formula) is None


ALLOWED = (
    commands.SYMBOLS | commands.OPERATORS | commands.ONE | commands.TWO | commands.SIZES | commands.INFIX
)
WRITTEN = ALLOWED | {
    "text",
    "textbf",
    "textit",
    "texttt",
    "textsf",
    "textsc",
    "sqrt",
    "left",
    "right",
    "middle",
}
WRITTEN |= {"begin", "end", "not", "substack", "limits", "nolimits", "tfrac", "operatorname"}
# And what escapes characters in text.
WRITTEN |= {"textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"}
WRITTEN |= {"ensuremath", "textbullet", "ldots", "S", "P", "copyright", "pounds"}

words = st.sampled_from(
    [
        *(rf"\{name}" for name in sorted(ALLOWED | set(commands.TEXT) | set(commands.WRITTEN))),
        *(rf"\begin{{{name}}}" for name in commands.ENVIRONMENTS),
        *(rf"\end{{{name}}}" for name in commands.ENVIRONMENTS),
        *(
            r"\input",
            r"\write18",
            r"\def",
            r"\csname",
            r"\left(",
            r"\right)",
            r"\left.",
            r"\middle|",
            r"\sqrt",
        ),
        *"{}{}{}^_'&()[]|a1%#~$",
        *("\\\\", "^^5c"),
    ]
)
soup = st.lists(words | st.text(max_size=3), max_size=12).map("".join)
grown = st.recursive(
    soup,
    lambda inner: st.one_of(
        inner.map(lambda one: f"{{{one}}}"),
        inner.map(lambda one: rf"\left({one}\right)"),
        st.tuples(inner, inner).map(lambda two: rf"\frac{{{two[0]}}}{{{two[1]}}}"),
        st.tuples(inner, inner).map(lambda two: rf"\begin{{aligned}}{two[0]}&{two[1]}\end{{aligned}}"),
        st.tuples(inner, inner).map("".join),
    ),
    max_leaves=6,
)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(grown)
def test_only_commands_of_the_list_come_out_and_everything_closes(formula: str) -> None:
    written = translate(formula)
    if written is None:
        return
    assert set(re.findall(r"\\([A-Za-z]+)", written)) <= WRITTEN
    bare = re.sub(r"\\.", "", written)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[$#%\n]|\^\^", bare)
    assert written.count(r"\begin{") == written.count(r"\end{")
    assert len(re.findall(r"\\left(?![a-z])", written)) == len(re.findall(r"\\right(?![a-z])", written))


@needs_tex
def test_every_command_of_the_list_compiles(tmp_path: Path) -> None:
    formulas = [rf"\{name} x" for name in (*commands.SYMBOLS, *commands.WRITTEN)]
    formulas += [rf"\{name}\limits_{{a}}^b" for name in commands.OPERATORS]
    formulas += [rf"\{name}{{x+y}}_1^2" for name in commands.ONE]
    formulas += [rf"\{name} 12" for name in commands.TWO]
    formulas += [rf"\{name}{{a % b}}" for name in commands.TEXT]
    formulas += [rf"\{name}( x" for name in commands.SIZES]
    formulas += [rf"\frac{{a \{name} b}}2" for name in commands.INFIX]
    formulas += [rf"\left{sign} x \right." for sign in commands.DELIMITERS]
    formulas += [rf"x{char}^2" for char in chars.KNOWN]
    for name, (_, columns) in commands.ENVIRONMENTS.items():
        shape = {"alignat": "{2}", "array": "{c|l}"}.get(name, "")
        cells = "a & b" if columns != 1 else "a"
        formulas.append(rf"\begin{{{name}}}{shape} {cells} \\[2pt] [b] \\ \end{{{name}}}")
    written = [translate(formula) for formula in formulas]
    assert [formula for formula, one in zip(formulas, written, strict=True) if one is None] == []
    assert complaints(document([f"${one}$ \\[ {one} \\]" for one in written]), tmp_path) == []


@needs_tex
@settings(parent=unhurried, max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(grown, min_size=15, max_size=15))
def test_whatever_is_written_compiles(tmp_path_factory: pytest.TempPathFactory, formulas: list[str]) -> None:
    written = [one for one in map(translate, formulas) if one is not None]
    text = document(["x", *(f"$a{one}b$ \\[ {one} \\]" for one in written)])
    assert complaints(text, tmp_path_factory.mktemp("tex")) == []
