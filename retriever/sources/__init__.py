"""Where passages come from, one reader a source.

code            functions and classes of installed Python packages, by AST
naturalproofs   NaturalProofs' JSON files
bright          BRIGHT's twelve splits, documents and queries
latex           theorem environments
markdown        directives, headings, bold leads, block quotes
formats         which reader a file is for
collect         all of them in one corpus

JSONL, ProofWiki's included, is read by `retriever.corpus`.
"""

from __future__ import annotations

from retriever.sources.bright import (
    REASONINGS,
    SPLITS,
    BrightField,
    bright_corpus,
    bright_queries,
    split_and_root,
)
from retriever.sources.code import DEFAULT_CODE, SourceReport, code_passages
from retriever.sources.collect import collect_corpus, collect_queries, default_corpus
from retriever.sources.formats import FORMATS, Format

__all__ = [
    "DEFAULT_CODE",
    "FORMATS",
    "REASONINGS",
    "SPLITS",
    "BrightField",
    "Format",
    "SourceReport",
    "bright_corpus",
    "bright_queries",
    "code_passages",
    "collect_corpus",
    "collect_queries",
    "default_corpus",
    "split_and_root",
]
