"""Statements of ProofWiki pages without the proofs below them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.corpus import Corpus
from retriever.proofs import NOTE, statement_of

STATEMENT = "Let $n$ be odd.\nThen $n^2$ is odd."


@pytest.mark.parametrize(
    "heading",
    [
        "Proof",
        "Proof by Induction",
        "Proof using an Explicit Construction",
        "Proof of $(1)$",
        "Proof $1$",
        "Proof, part 1",
        "Geometric Proof 2",
        "Euclid's Proof",
        "Cantor's First Proof",
        "Non-Constructive Proof ",
    ],
)
def test_a_heading_of_a_proof_ends_the_statement(heading: str) -> None:
    assert statement_of(f"{STATEMENT}\n{heading}\nLet $n = 2 k + 1$.\n$\\blacksquare$") == STATEMENT
    assert statement_of(f"{STATEMENT}\n{heading}") == STATEMENT


@pytest.mark.parametrize(
    "text",
    [
        STATEMENT,
        "Proof by Cases can be symbolised by the sequent:\n$p \\lor q$",
        f"{STATEMENT}\nThe result follows from Proof by Contradiction.",
        f"{STATEMENT}\nProof by Contradiction is a rule:\n$x$",
        f"{STATEMENT}\nProofs are elsewhere",
        "\nProof by Induction\nLet $n = 1$.",
        "",
    ],
)
def test_a_sentence_about_proofs_does_not(text: str) -> None:
    assert statement_of(text) == text


def test_only_pages_of_proofwiki_are_cut_and_it_is_noted(tmp_path: Path) -> None:
    page = {"text": f"{STATEMENT}\nProof by Induction\nIt is so.", "categories": ["Number Theory"]}
    rows = [
        {"id": "a", "source": "proof-wiki-dump", **page},
        {"id": "b", "source": "ProofWiki", **page, "tags": ["mine"]},
        {"id": "c", "source": "my notes", **page},
        {"id": "d", "source": 3} | page,
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    corpus = Corpus.from_file(path, skip_bad=True)
    assert [passage.text for passage in corpus] == [STATEMENT, STATEMENT, page["text"]]
    assert [passage.tags for passage in corpus] == [("Number Theory",), ("mine",), ("Number Theory",)]
    assert corpus.notes == (f"{path}: 2 × {NOTE}",)
    assert corpus.counts == {str(path): 3}
    assert len(corpus.skipped) == 1
