"""The product's search beside what people would otherwise put together: nDCG@10, time of a query and a build.

    .venv/bin/python -m pip install -c constraints.txt -e '.[bench]'
    .venv/bin/python benchmarks/peers.py --corpus THEOREMS.jsonl --queries QUERIES.jsonl [--field cot]

- ours: `Retriever` in its default way (hybrid: the encoder that serves, and BM25), on Chroma in a folder
- ours, dense: the same without words
- plain: sentence-transformers' ``encode`` of the base, one NumPy product, sorted
- chroma: a collection with Chroma's default embedding function, which is the same base in ONNX; where its
  file cannot be fetched, with Chroma's function for sentence-transformers and the pulled base
- ensemble: LangChain's ``EnsembleRetriever`` with its default weights and fusion, over rank-bm25 (its words
  split at spaces, as LangChain's BM25 does by default) and an ``InMemoryVectorStore`` of the plain base

All read title and text of the same passages. Every query is asked of all, in turn and in changing order; a
time is a ratio of medians to "plain". Intervals are 95% bootstrap, differences paired.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retriever.corpus import Corpus
from retriever.index import build_index, open_index
from retriever.passage import Passage
from retriever.queries import Query, read_queries
from retriever.search import Mode, Retriever
from training.evaluation.reports import RetrievalConfig, RetrievalReport, Searched, retrieval_report
from training.evaluation.runs import Ranking, trec_scores
from ui.assemble import Studio
from ui.encoders import choose
from ui.settings import load_settings

K = 100  # hits a query; the measures look at ten
OURS, PLAIN = "ours", "plain"

Search = Callable[[str], Ranking]


class Peer(NamedTuple):
    """A way to search, ready, and the seconds that it took to get there."""

    search: Search
    build: float


def main() -> None:
    """Build all, ask all, print the table."""
    options = _options()
    passages = sorted(Corpus.from_files(options.corpus), key=lambda passage: passage.id)
    queries = [query for query in read_queries(options.queries) if query.text(options.field)]
    with tempfile.TemporaryDirectory(prefix="rader-peers-") as folder:
        studio = Studio(load_settings())
        peers = built(studio, passages, Path(folder))
        report, times = asked(peers, queries, options.field)
        studio.close()
    print(table(report, peers, times))
    if options.out:
        record = report.model_dump(mode="json", by_alias=True)
        record |= {"build": {name: peer.build for name, peer in peers.items()}, "ms": times}
        options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def built(studio: Studio, passages: list[Passage], folder: Path) -> dict[str, Peer]:
    """Every peer's index; the base's weights are loaded before any is timed."""
    from sentence_transformers import SentenceTransformer

    base = SentenceTransformer(str(studio.weights(studio.settings.encoder)), device="cpu")
    studio.encoder.load()
    texts = [f"{passage.title}\n{passage.text}" for passage in passages]
    ids = [passage.id for passage in passages]
    ways: dict[str, Callable[[], Search]] = {
        OURS: lambda: ours(studio, passages, folder / "ours", "hybrid"),
        "ours, dense": lambda: ours(studio, passages, folder / "dense", "rader"),
        PLAIN: lambda: plain(base, ids, texts),
        "chroma": lambda: chroma(studio, ids, texts),
        "ensemble": lambda: ensemble(base, ids, texts),
    }
    peers = {}
    for name, way in ways.items():
        print(f"building {name}", file=sys.stderr, flush=True)
        start = time.perf_counter()
        search = way()
        peers[name] = Peer(search, time.perf_counter() - start)
    return peers


def ours(studio: Studio, passages: list[Passage], home: Path, mode: Mode) -> Search:
    """The product, over an index of its own."""
    chosen = choose(studio.settings, mode)
    encoder = studio.encoder_of(chosen.name)
    build_index(home, Corpus(passages), encoder)
    retriever = Retriever(open_index(home, encoder), encoder, mode, promoted=chosen.trained)
    return lambda query: [(hit.passage.id, hit.score) for hit in retriever.search(query, K).hits]


def plain(base: Any, ids: Sequence[str], texts: Sequence[str]) -> Search:
    """Vectors in memory."""
    matrix = base.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    def search(query: str) -> Ranking:
        scores = matrix @ base.encode([query], normalize_embeddings=True, show_progress_bar=False)[0]
        return [(ids[row], float(scores[row])) for row in np.argsort(-scores)[:K]]

    return search


def chroma(studio: Studio, ids: list[str], texts: list[str]) -> Search:
    """A collection as Chroma's first page makes it."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.EphemeralClient(Settings(anonymized_telemetry=False))
    collection = client.create_collection("peers", embedding_function=_chromas_own(studio))
    for start in range(0, len(ids), 1000):
        collection.add(ids=ids[start : start + 1000], documents=texts[start : start + 1000])

    def search(query: str) -> Ranking:
        found = collection.query(query_texts=[query], n_results=min(K, len(ids)))
        return [(one, -float(far)) for one, far in zip(found["ids"][0], found["distances"][0], strict=True)]

    return search


def _chromas_own(studio: Studio) -> Any:
    from chromadb.utils import embedding_functions as functions

    try:
        own = functions.DefaultEmbeddingFunction()
        own(["does its file arrive?"])
    except Exception as error:
        print(f"Chroma's own ONNX file did not arrive ({type(error).__name__})", file=sys.stderr, flush=True)
        base = str(studio.weights(studio.settings.encoder))
        return functions.SentenceTransformerEmbeddingFunction(model_name=base)
    return own


def ensemble(base: Any, ids: list[str], texts: list[str]) -> Search:
    """LangChain's hybrid."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import InMemoryVectorStore
    from rank_bm25 import BM25Okapi

    class Base(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            found: list[list[float]] = base.encode(texts, show_progress_bar=False).tolist()
            return found

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    documents = [Document(text, id=one) for one, text in zip(ids, texts, strict=True)]
    store = InMemoryVectorStore(Base())
    store.add_documents(documents)
    words = BM25Okapi([text.split() for text in texts])

    class Words(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            found: list[Document] = words.get_top_n(query.split(), documents, n=K)
            return found

    both = EnsembleRetriever(
        retrievers=[Words(), store.as_retriever(search_kwargs={"k": K})], weights=[0.5, 0.5], id_key=None
    )
    return lambda query: [(str(one.id), 1 / (place + 1)) for place, one in enumerate(both.invoke(query)[:K])]


def asked(
    peers: dict[str, Peer], queries: list[Query], field: Any
) -> tuple[RetrievalReport, dict[str, list[float]]]:
    """Everybody's answers, and the milliseconds of each."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    runs: dict[str, dict[str, Ranking]] = {name: {} for name in peers}
    names = list(peers)
    for turn, query in enumerate(queries):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            hits = peers[name].search(str(query.text(field)))
            times[name].append((time.perf_counter() - start) * 1000)
            runs[name][query.id] = trec_scores(hits)
    searched = {name: Searched(run=run) for name, run in runs.items()}
    return retrieval_report("peers", queries, searched, RetrievalConfig(field=field)), times


def table(report: RetrievalReport, peers: dict[str, Peer], times: dict[str, list[float]]) -> str:
    """A row a peer."""
    middle = {name: statistics.median(each) for name, each in times.items()}
    lines = [
        f"{report.n} queries ({report.settings['field']}); plain takes {middle[PLAIN]:.1f} ms a query",
        "",
        "| search | nDCG@10 (95% CI) | ours − it (95% CI) | time of a query | of the build |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, result in report.results.items():
        low, high = result.ci95
        ratios = f"{middle[name] / middle[PLAIN]:.2f} | {peers[name].build / peers[PLAIN].build:.2f}"
        lines.append(
            f"| {name} | {result.ndcg:.1f} ({low:.1f} to {high:.1f}) | {_ahead(report, name)} | {ratios} |"
        )
    return "\n".join(lines)


def _ahead(report: RetrievalReport, name: str) -> str:
    pair = report.paired.get(f"{OURS} vs {name}")
    return f"{pair.delta:+.1f} ({pair.ci95[0]:+.1f} to {pair.ci95[1]:+.1f})" if pair else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, action="append", required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--field", choices=("query", "cot"), default="query")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
