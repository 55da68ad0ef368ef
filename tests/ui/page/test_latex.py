r"""Which stretches of a text are formulas, while it grows and when it is complete."""

from __future__ import annotations

import pytest

from retriever.corpus import shipped_theorems
from ui.page.latex import MAX_CHARS, MAX_DEPTH, Segment, renderable, split


def kinds(text: str, *, final: bool = True) -> list[tuple[str, str]]:
    return [(segment.kind, segment.body) for segment in split(text, final=final)]


@pytest.mark.parametrize(
    ("text", "kind", "body"),
    [
        (r"\(x+1\)", "inline", "x+1"),
        (r"\[ x+1 \]", "display", "x+1"),
        ("$x+1$", "inline", "x+1"),
        ("$ x+1 $", "inline", "x+1"),
        ("$$x+1$$", "display", "x+1"),
        ("$$\nx+1\n$$", "display", "x+1"),
        (r"\boxed{\frac{1}{2}}", "inline", r"\boxed{\frac{1}{2}}"),
        (r"\boxed {a\}b}", "inline", r"\boxed {a\}b}"),
        (r"$\boxed{4}$", "inline", r"\boxed{4}"),
        (r"\[a\\[4pt] b\]", "display", r"a\\[4pt] b"),
        (r"$\text{costs \$5}$", "inline", r"\text{costs \$5}"),
        (r"\begin{align*}a&=b\\c&=d\end{align*}", "display", r"\begin{align*}a&=b\\c&=d\end{align*}"),
        ("`a $x$ b`", "code", "a $x$ b"),
        ("``a ` b``", "code", "a ` b"),
    ],
)
def test_formulas_are_found(text: str, kind: str, body: str) -> None:
    assert split(text) == [Segment(kind, body)]  # type: ignore[arg-type]
    assert kinds(f"so {text}, then") == [("text", "so "), (kind, body), ("text", ", then")]


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $7.",
        "from $5 to $7",
        "I paid $5.50, then $6.25.",
        "between $3-$4 or so",
        "Ann has $5 and Bob has 3$ more",
        "a lone $ sign",
        "ends in $",
        "$$",
        "no paragraph $a\n\nb$ in between",
        r"an escaped \\( bracket \\)",
    ],
)
def test_money_and_strays_are_text(text: str) -> None:
    assert {kind for kind, _ in kinds(text)} == {"text"}
    assert "".join(body for _, body in kinds(text)) == text


def test_money_beside_a_formula() -> None:
    assert kinds("A costs $5 and B costs $x$.") == [
        ("text", "A costs $5 and B costs "),
        ("inline", "x"),
        ("text", "."),
    ]
    assert kinds(r"it is \$5") == [("text", "it is $5")]


@pytest.mark.parametrize("formula", [r"\(x+1\)", r"\[x\]", "$x+1$", "$$x$$", r"\boxed{4}"])
def test_an_open_formula_is_held_back(formula: str) -> None:
    whole = f"So {formula}"
    for end in range(4, len(whole)):
        assert kinds(whole[:end], final=False) == [("text", "So ")]
    assert kinds(whole, final=False)[-1][0] in ("inline", "display")


def test_an_open_formula_of_a_complete_text_is_plain() -> None:
    assert kinds(r"So \(x + 1") == [("text", r"So \(x + 1")]
    assert kinds(r"So \boxed{4") == [("text", r"So \boxed{4")]
    assert kinds(r"So \alpha", final=False) == [("text", "So ")]


def test_an_open_price_is_shown_while_the_text_grows() -> None:
    assert kinds("It costs $5 and so", final=False) == [("text", "It costs $5 and so")]
    assert kinds("$x" + "y" * MAX_CHARS, final=False)[0][0] == "text"


@pytest.mark.parametrize(
    "formula",
    [
        "x" * (MAX_CHARS + 1),
        "{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1),
        "{x",
        "x}",
        "}{",
        "x\\",
        r"\href{javascript:alert(1)}{x}",
        r"\url{https://example.com}",
        r"\includegraphics{https://example.com/x.png}",
        r"\htmlClass{a}{x}",
        r"\htmlStyle{position:fixed}{x}",
        r"\def\a{\a\a}\a",
        r"\newcommand{\a}{x}",
        r"\gdef\frac{x}",
        r"\let\a=b",
        r"\hspace{9999em}x",
        r"\rule{9em}{9em}",
        r"\kern-99em x",
        r"\hspace{-90.5em}x",
        r"\message{x}",
        r"\errmessage{x}",
        r"\show x",
    ],
)
def test_dangerous_formulas_are_refused(formula: str) -> None:
    assert not renderable(formula)
    if formula not in ("x\\", "x}", "{x"):  # these would hide the closing delimiter itself
        assert kinds(f"a \\({formula}\\) b") == [("text", f"a \\({formula}\\) b")]


def test_common_formulas_are_not_refused() -> None:
    for formula in (
        r"\left(\frac{a}{b}\right)",
        r"\{x\}",
        r"a\\b\\",
        r"2^{100}",
        r"\leftarrow",
        r"\definecolor",
    ):
        assert renderable(formula), formula


def test_every_theorem_that_ships_can_be_typeset() -> None:
    refused = [
        (passage.id, segment.body)
        for passage in shipped_theorems()
        for segment in split(passage.text)
        if segment.kind == "text" and "$" in segment.body
    ]
    assert refused == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["`", r"\(", r"\[", r"\boxed{", r"\begin{align}", "$x ", "{", "\\"])
def test_openings_without_end_are_text_soon(text: str) -> None:
    assert "".join(body for _, body in kinds(text * 20_000)).replace(" ", "")[:100]
