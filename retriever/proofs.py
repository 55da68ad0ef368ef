r"""Statements without their proofs: what is retrieved is the theorem.

A few pages of ProofWiki dumps hold their proofs after the statement, under headings of their own ("Proof by
Induction", "Cantor's First Proof"): 80 of 22,850 in the dump that development used. A search for a step of a
proof would find such a page by that very proof, whatever theorem the step needs. Measured with BM25 on the
beginnings of 400 proofs, their own page left out: with all proofs in the passages nDCG@10 is 19.7, not 27.8.
"""

from __future__ import annotations

import re

from retriever.jsonl import Row

NOTE = "a proof after the statement was left out"

_PROOFWIKI = re.compile(r"proof-?_?wiki", re.IGNORECASE)
# A line of its own, not the first, that is a heading and no sentence: "Proof", "Proof of Formulation 1",
# "Proof $1$", "Geometric Proof 2", "Cantor's First Proof".
_HEADING = re.compile(
    r"""\n(?: Proof (?: [ ,][^\n]{1,100} )? (?<![.:;])
          | [A-Z][\w'’-]* (?: [ ][A-Z][\w'’-]* ){0,3} [ ]Proof (?: [ ]\$?\d+\$? )?
        ) [ ]* (?= \n | $ )""",
    re.VERBOSE,
)


def from_proofwiki(row: Row) -> bool:
    """Whether a line of a corpus says that it comes from ProofWiki."""
    source = row.get("source")
    return isinstance(source, str) and _PROOFWIKI.search(source) is not None


def without_proof(row: Row) -> tuple[Row, str]:
    """The row with its text up to the first heading of a proof, and a note where something was cut."""
    text = row.get("text")
    if not isinstance(text, str):
        return row, ""
    statement = statement_of(text)
    return (row | {"text": statement}, NOTE) if len(statement) < len(text) else (row, "")


def statement_of(text: str) -> str:
    """A text up to the first heading of a proof; all of it where there is none, or nothing before it."""
    heading = _HEADING.search(text)
    statement = text[: heading.start()] if heading else text
    return statement if statement.strip() else text
