"""Theorems in Markdown files."""

from __future__ import annotations

import pytest

from retriever.sources import markdown
from retriever.sources.statement import Fault, Statement


def read(text: str) -> list[Statement]:
    found = list(markdown.statements(text))
    assert not any(isinstance(item, Fault) for item in found)
    return [item for item in found if isinstance(item, Statement)]


def short(text: str) -> list[tuple[str, str, str, str]]:
    """Kind, name or number, label and text of each statement."""
    return [(item.kind, item.name or item.number, item.label, item.text) for item in read(text)]


@pytest.mark.parametrize(
    ("lead", "kind", "name", "number"),
    [
        ("**Theorem 2.1 (Bezout).**", "theorem", "Bezout", "2.1"),
        ("**Theorem 2.1** (Bezout).", "theorem", "Bezout", "2.1"),
        ("**Theorem 2.1.** ", "theorem", "", "2.1"),
        ("**Theorem.**", "theorem", "", ""),
        ("**Theorem**:", "theorem", "", ""),
        ("**Theorem:**", "theorem", "", ""),
        ("__Lemma A (Zorn's lemma).__", "lemma", "Zorn's lemma", "A"),
        ("***Definition 3:*** ", "definition", "", "3"),
        ("*Corollary.*", "corollary", "", ""),
        ("**Definition**", "definition", "", ""),
        ("**Definition: group.**", "definition", "group", ""),
        ("**Proposition 1 — Euler.**", "proposition", "Euler", "1"),
        ("**Cauchy's theorem.**", "theorem", "Cauchy's theorem", ""),
        ("Theorem 7.2 (Plain).", "theorem", "Plain", "7.2"),
        ("Lemma.", "lemma", "", ""),
    ],
)
def test_bold_and_plain_leads(lead: str, kind: str, name: str, number: str) -> None:
    (found,) = read(f"{lead} Let $a$ be.\nSecond line.\n\nOther text.")
    assert found == Statement(1, kind, "Let $a$ be.\nSecond line.", name, number)


@pytest.mark.parametrize(
    "text",
    [
        "**Theorem 2** shows that nothing is.",
        "Theorem 2 shows that nothing is.",
        "A **theorem.** in the middle",
        "**Proof.** Let $x$ be.",
        "**Theorems.** Many.",
        "## Proof of the theorem\n\ntext",
        "## Theorems about groups\n\ntext",
        "## Applications of the main theorem\n\ntext",
        "```python\n# Theorem 1\n**Theorem.** no\n```",
        "$$\n# Theorem\n$$",
        "---\ntitle: Theorem\n---\n\ntext",
        "    **Theorem.** an indented block is code",
        "## Theorem 1",
        "**Theorem 1.**",
        "",
    ],
)
def test_what_is_no_statement(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("heading", "kind", "name", "label"),
    [
        ("Theorem 2.1 (Bezout)", "theorem", "Bezout", ""),
        ("Theorem: Bezout", "theorem", "Bezout", ""),
        ("Lemma 3", "lemma", "3", ""),
        ("Definition (Group). {#def-group}", "definition", "Group", "def-group"),
        ("The Pythagorean Theorem", "theorem", "The Pythagorean Theorem", ""),
        ("3.1 Zorn's lemma", "lemma", "Zorn's lemma", ""),
        ("**Axiom** ", "axiom", "", ""),
    ],
)
def test_headings_hold_all_up_to_the_proof_or_the_next_heading(
    heading: str, kind: str, name: str, label: str
) -> None:
    body = "First.\n\n$$\n# x\n$$\n\nLast."
    for end in ("*Proof.* p\n\nq", "### Proof\n\np", "# Next\n\np", "**Proof** p", "Proof. p", "---\n\np"):
        assert short(f"## {heading}\n\n{body}\n\n{end}") == [(kind, name, label, body)]


def test_a_lead_takes_formulas_lists_and_unfinished_sentences_with_it() -> None:
    text = """**Theorem 1.** Let:

$$
x = 1,
$$

where $x$ is real.

Other text.

**Definition.** A ring has

1. a sum,
2. a product.

Other text.

**Lemma 2.**

The statement stands alone.

Other text.

**Lemma 3.** With a proof.

Then all of it counts.

*Proof.* Yes."""
    assert [(item.line, item.text) for item in read(text)] == [
        (1, "Let:\n\n$$\nx = 1,\n$$\n\nwhere $x$ is real."),
        (11, "A ring has\n\n1. a sum,\n2. a product."),
        (18, "The statement stands alone."),
        (24, "With a proof.\n\nThen all of it counts."),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "```{prf:theorem} Fermat\n:label: fermat\n:nonumber:\n\nx\n```",
            ("theorem", "Fermat", "fermat", "x"),
        ),
        (':::{prf:lemma}\n---\nlabel: "l"\nname: N\n---\nx\n:::', ("lemma", "N", "l", "x")),
        ("(target)=\n```{prf:axiom}\nx\n```", ("axiom", "", "target", "x")),
        ("(target)=\n**Axiom.** x", ("axiom", "", "target", "x")),
        ("~~~{theorem} Name\nx\n~~~", ("theorem", "Name", "", "x")),
        ('```{theorem, pyth, name="Y"}\nx\n```', ("theorem", "Y", "pyth", "x")),
        ('::: {.theorem #pyth name="A b"}\nx\n:::', ("theorem", "A b", "pyth", "x")),
        ("::: {#lem-line}\n\n## Line\n\nx\n:::", ("lemma", "Line", "lem-line", "x")),
        ("::: theorem\nx\n:::", ("theorem", "", "", "x")),
        ("```{admonition} Theorem 1 (A)\nx\n```", ("theorem", "A", "", "x")),
        ("::: {.callout-note}\n**Lemma.** x\n:::", ("lemma", "", "", "x")),
        (
            "````{prf:theorem}\na\n```{math}\nb\n```\n```{prf:proof}\np\n```\nc\n````",
            ("theorem", "", "", "a\n```{math}\nb\n```\n\nc"),
        ),
        ("```{prf:theorem}\nx\n\n**Proof.** p\n```", ("theorem", "", "", "x")),
        ("```{prf:proof}\n**Claim.** x\n```", ("claim", "", "", "x")),
        ("> **Theorem (A).** x\n> y\n>\n> z", ("theorem", "A", "", "x\ny\n\nz")),
        ("> ### Lemma 4\n> x\n>\n> *Proof.* p", ("lemma", "4", "", "x")),
        ("> [!theorem] Zorn\n> x", ("theorem", "Zorn", "", "x")),
        ("\\begin{lemma}[A]\\label{a}\n100% of x\n\ny\n\\end{lemma}", ("lemma", "A", "a", "100% of x\n\ny")),
    ],
)
def test_directives_quotes_and_environments(text: str, found: tuple[str, str, str, str]) -> None:
    assert short(f"# Chapter {{#c}}\n\n{text}\n\nOther.") == [found]
    assert {item.section for item in read(f"# Chapter {{#c}}\n\n{text}")} <= {"Chapter", ""}


def test_a_directive_in_a_directive_is_a_statement_of_its_own() -> None:
    text = "````{prf:theorem}\n:label: a\n\nx\n\n```{prf:definition} D\n:label: b\ny\n```\n````"
    assert [(item.line, item.label, item.text.split("\n")[0]) for item in read(text)] == [
        (1, "a", "x"),
        (6, "b", "y"),
    ]


def test_an_environment_in_code_is_code() -> None:
    assert read("```latex\n\\begin{lemma} x \\end{lemma}\n```\n\n    \\begin{lemma} x \\end{lemma}") == []


def test_several_statements_in_one_quote_and_their_lines() -> None:
    text = "x\n\n> **Lemma 1.** a\n>\n> b\n>\n> **Lemma 2.** c\n\n::: {.grid}\n**Lemma 3.** d\n:::"
    assert [(item.line, item.text) for item in read(text)] == [(3, "a\n\nb"), (7, "c"), (10, "d")]


@pytest.mark.parametrize("opening", ["> ", ":::{a}\n", "- ", "**Theorem", "## Theorem ....", "(", "```{a}\n"])
def test_deep_and_long_nonsense_ends(opening: str) -> None:
    read(opening * 500)
    read((opening * 20 + "\n") * 100)
