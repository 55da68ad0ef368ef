"""Theorem environments of LaTeX files."""

from __future__ import annotations

import pytest

from retriever.sources import latex
from retriever.sources.statement import Fault, Statement, passages

PREAMBLE = r"""\documentclass{article}
\newtheorem{satz}{Satz}
\newtheorem{thm}[satz]{Theorem}
\newtheorem*{main}{Main \textbf{Theorem}}
\declaretheorem[name=Observation, numberwithin=section]{see}
\newtcbtheorem[number within=section]{boxed}{Lemma}{colback=white}{th}
\newtheorem*{sketch}{Sketch of proof}
"""


def read(text: str) -> list[Statement | Fault]:
    return list(latex.statements(text, latex.merged([latex.declared(text)])))


def statements(text: str) -> list[Statement]:
    found = [item for item in read(text) if isinstance(item, Statement)]
    assert len(found) == len(read(text))
    return found


def test_a_theorem_with_everything() -> None:
    text = (
        PREAMBLE
        + r"""
\begin{document}
\section[Short]{Groups \label{sec:g} and ~more}
\begin{theorem}[Lagrange's theorem {\cite[p.~3]{lang}}]%
  \label{thm:lagrange}
  The order of a subgroup % really
  divides 100\% of the order.

  % a line of its own

  \begin{proof} Count cosets. \end{proof}
  And nothing else.
\end{theorem}
\begin{proof} Left out. \end{proof}
\end{document}
\begin{theorem} After the end. \end{theorem}
"""
    )
    (found,) = statements(text)
    assert found == Statement(
        line=11,
        kind="theorem",
        text="The order of a subgroup\ndivides 100\\% of the order.\n\nAnd nothing else.",
        name="Lagrange's theorem",
        label="thm:lagrange",
        section="Groups and more",
    )


@pytest.mark.parametrize(
    ("environment", "kind", "name", "label"),
    [
        (r"\begin{satz} x \end{satz}", "satz", "", ""),
        (r"\begin{thm} x \end{thm}", "theorem", "", ""),
        (r"\begin{main} x \end{main}", "theorem", "", ""),
        (r"\begin{see} x \end{see}", "observation", "", ""),
        (r"\begin{boxed}{Zorn}{zorn} x \end{boxed}", "lemma", "Zorn", "zorn"),
        (r"\begin{boxed}[breakable]{Zorn}{zorn} x \end{boxed}", "lemma", "Zorn", "zorn"),
        (r"\begin{restatable}[Zorn]{lemma}{again} x \end{restatable}", "lemma", "Zorn", "again"),
        (r"\begin{lemma*} x \end{lemma*}", "lemma", "", ""),
        (r"\begin{defn}[of a {[nested]} thing] x \end{defn}", "definition", "of a {[nested]} thing", ""),
        (r"\begin{lem}[name={A, B}, label=l:ab] x \end{lem}", "lemma", "A, B", "l:ab"),
        (r"\begin {prop} [A] x \end {prop}", "proposition", "A", ""),
        (r"\begin{corollary}\label{c} x \end{corollary}", "corollary", "", "c"),
    ],
)
def test_environments(environment: str, kind: str, name: str, label: str) -> None:
    (found,) = statements(PREAMBLE + environment)
    assert (found.kind, found.name, found.label, found.text) == (kind, name, label, "x")


@pytest.mark.parametrize(
    "hidden",
    [
        r"% \begin{lemma} x \end{lemma}",
        r"a \\% \begin{lemma} x \end{lemma}",
        "\\begin{verbatim}\n\\begin{lemma} x \\end{lemma}\n\\end{verbatim}",
        "\\begin{lstlisting}\n\\begin{lemma}\n\\end{lstlisting}",
        r"\verb|\begin{lemma}| and \verb+\begin{lemma}+",
        r"\iffalse \begin{lemma} x \end{lemma} \fi",
        r"\newcommand{\bl}{\begin{lemma}}\newcommand\el{\end{lemma}}",
        r"\renewcommand*{\bl}[2][x]{\begin{lemma}[#1]}",
        r"\newenvironment{mine}[1]{\begin{lemma}}{\end{lemma}}",
        r"\NewDocumentEnvironment{mine}{o m}{\begin{lemma}}{\end{lemma}}",
        r"\NewDocumentCommand\mine{o m}{\begin{lemma}}",
        r"\def\bl#1#2{\begin{lemma}}",
        r"\begin{proof} x \end{proof}",
        r"\begin{sketch} x \end{sketch}",
        r"\begin{equation} x \end{equation} \end{lemma}",
    ],
)
def test_what_is_hidden_is_not_read_and_what_follows_is(hidden: str) -> None:
    found = statements(f"{PREAMBLE}{hidden}\n\\begin{{lemma}} seen \\end{{lemma}}")
    assert [item.text for item in found] == ["seen"]


def test_a_statement_in_a_statement_and_in_a_proof_is_one_of_its_own() -> None:
    text = r"""\begin{theorem} A \begin{definition} B \end{definition}
\begin{proof} \begin{claim} C \begin{proof} p \end{proof} \end{claim} \end{proof} D \end{theorem}"""
    assert [(item.kind, item.text.split()) for item in statements(text)] == [
        ("definition", ["B"]),
        ("claim", ["C"]),
        ("theorem", ["A", r"\begin{definition}", "B", r"\end{definition}", "D"]),
    ]


def test_the_label_of_an_equation_is_not_that_of_the_statement() -> None:
    inner = r"\begin{equation}\label{eq:1} y \end{equation}"
    plain, labelled = statements(
        rf"\begin{{lemma}} x {inner} \end{{lemma}} \begin{{lemma}} {inner} \label{{l}} \end{{lemma}}"
    )
    assert (plain.label, labelled.label) == ("", "l")


@pytest.mark.parametrize(
    ("text", "line", "kept"),
    [
        ("\n\\begin{lemma} never ends", 2, []),
        ("\\begin{lemma} a\n\\begin{theorem} b \\end{lemma}\n\\begin{claim} c \\end{claim}", 2, ["a", "c"]),
        ("\\begin{lemma} a\n\\begin{proof} b \\end{lemma}", 2, ["a"]),
    ],
)
def test_what_never_ends_is_named_with_its_line(text: str, line: int, kept: list[str]) -> None:
    found = read(text)
    (fault,) = (item for item in found if isinstance(item, Fault))
    assert (fault.line, fault.reason.count(r"has no \end")) == (line, 1)
    assert [item.text.split()[0] for item in found if isinstance(item, Statement)] == kept


def ids(text: str) -> list[str]:
    found = passages(read(text), "p.tex", "notes/p.tex")
    return [one.passage.id for one in found if one.passage and not isinstance(one.passage, str)]


def test_ids_come_from_label_name_or_text_and_stay_when_the_rest_changes() -> None:
    text = r"""\begin{lemma}\label{l:a} a \end{lemma} \begin{lemma}[Bézout's identity] b \end{lemma}
\begin{lemma} c \end{lemma} \begin{lemma} c \end{lemma}"""
    before = ids(text)
    assert before[:2] == ["notes/p.tex#l:a", "notes/p.tex#lemma-bezout-s-identity"]
    assert before[2].startswith("notes/p.tex#lemma-")
    assert before[3] == f"{before[2]}-2"
    assert ids(r"\begin{lemma} new \end{lemma}" + text)[1:] == before


def test_titles_say_the_section_where_there_is_no_name() -> None:
    text = (
        r"\begin{lemma} a \end{lemma}\section{Rings}\begin{lemma} b \end{lemma}\begin{lemma}[N] c \end{lemma}"
    )
    found = [one.passage for one in passages(read(text), "p.tex", "p.tex")]
    assert [getattr(one, "title", one) for one in found] == ["Lemma", "Lemma (Rings)", "N"]
    assert [getattr(one, "tags", one) for one in found] == [(), ("Rings",), ("Rings",)]
    assert {getattr(one, "source", one) for one in found} == {"p.tex"}


@pytest.mark.parametrize(
    "opening", [r"\def\x{", r"\newcommand{\x}[", r"\iffalse ", r"\begin{verbatim}", r"\verb|"]
)
def test_what_is_opened_and_never_closed_hides_nothing(opening: str) -> None:
    comment = "% \\begin{lemma} hidden \\end{lemma}"
    found = statements(f"{opening * 20}\n{comment}\n\\begin{{lemma}} seen \\end{{lemma}}{'.' * 3_000}")
    assert [item.text for item in found] == ["seen"]
