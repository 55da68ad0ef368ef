"""Reasoning-aware retrieval: corpora, an encoder, a versioned index, dense, lexical and hybrid search.

    from retriever import Corpus, Encoder, Retriever, build_index, open_index

    encoder = Encoder("models/all-minilm-l6-v2")
    build_index("home", Corpus.from_file("theorems.jsonl"), encoder)
    result = Retriever(open_index("home", encoder), encoder).search("sum of the first n odd numbers", k=5)

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retriever.corpus import Corpus, shipped_theorems
    from retriever.encoder import Encoder
    from retriever.index import Index, IndexInfo, build_index, open_index
    from retriever.passage import Hit, Passage
    from retriever.search import Retriever, SearchResult
    from retriever.sources import DEFAULT_CODE, code_passages, collect_corpus, default_corpus

_HOMES = {
    "Corpus": "corpus",
    "DEFAULT_CODE": "sources",
    "Encoder": "encoder",
    "Hit": "passage",
    "Index": "index",
    "IndexInfo": "index",
    "Passage": "passage",
    "Retriever": "search",
    "SearchResult": "search",
    "build_index": "index",
    "code_passages": "sources",
    "collect_corpus": "sources",
    "default_corpus": "sources",
    "open_index": "index",
    "shipped_theorems": "corpus",
}

__all__ = [
    "DEFAULT_CODE",
    "Corpus",
    "Encoder",
    "Hit",
    "Index",
    "IndexInfo",
    "Passage",
    "Retriever",
    "SearchResult",
    "build_index",
    "code_passages",
    "collect_corpus",
    "default_corpus",
    "open_index",
    "shipped_theorems",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
