"""The public names, and how little importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import retriever

NAMES = [
    "Corpus",
    "DEFAULT_CODE",
    "Encoder",
    "Hit",
    "Index",
    "IndexInfo",
    "Passage",
    "Retriever",
    "SearchResult",
]
NAMES += [
    "build_index",
    "code_passages",
    "collect_corpus",
    "default_corpus",
    "open_index",
    "shipped_theorems",
]


def test_the_public_names() -> None:
    assert sorted(retriever.__all__) == NAMES == dir(retriever)
    assert all(getattr(retriever, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = retriever.nonsense


def test_names_are_loaded_when_used() -> None:
    code = "import sys; from retriever import Corpus, Encoder, Retriever; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "chromadb", "sentence_transformers", "bm25s", "langchain_core"} & set(loaded.split())
