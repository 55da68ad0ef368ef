"""What the mathematics-aware tokeniser brings to BM25, and bm25s beside rank-bm25.

    .venv/bin/python -m pip install -c constraints.txt -e '.[bench]'
    .venv/bin/python benchmarks/lexical.py --corpus theorems.jsonl --corpus proofwiki.jsonl \\
        --queries theoremqa_dev.jsonl --steps proof_steps.jsonl

Ways to make tokens, everything else alike (bm25s, Lucene's formula, k1 1.5, b 0.75):

- plain: bm25s's own ``tokenize``, its English stop words, no stemmer;
- plain, once: the same, every word of a query counted once;
- mathematics, once: `retriever.lexical.tokenize`, every token of a query counted once;
- ours: the product's search, where numbers, single letters and operators of a query also count less.

Then both libraries on the same tokens, in turn, round by round: ratios of index time and of queries a second.
rank-bm25 has another formula for rare and common words (Okapi's); bm25s's "robertson" is the same but for the
factor k1 + 1, so that is compared for equality, and Lucene's, which the product uses, by the best ten.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bm25s
import numpy as np
from rank_bm25 import BM25Okapi

from retriever.corpus import Corpus
from retriever.lexical import LexicalIndex, best_rows, tokenize
from retriever.passage import Passage
from retriever.queries import Query, read_queries
from training.evaluation.reports import RetrievalConfig, RetrievalReport, Searched, retrieval_report
from training.evaluation.runs import Ranking, trec_scores

K1, B = 1.5, 0.75  # as in retriever.lexical
DEPTH = 100
ROUNDS = 3

Tokens = list[list[str]]
Search = Callable[[str, int], Ranking]  # a query and k → ids with scores


def main() -> None:
    """Both comparisons; tables to standard output, everything to --out."""
    options = _options()
    passages = sorted(Corpus.from_files(options.corpus), key=lambda passage: passage.id)
    record: dict[str, Any] = {"passages": len(passages)}
    for file in filter(None, (options.queries, options.steps)):
        report = tokenisers(passages, read_queries(file), file.stem)
        record[file.stem] = report.model_dump(mode="json")
        print(f"\n{table(report)}", flush=True)
    record["libraries"] = libraries(passages, read_queries(options.queries), options.sample, options.seed)
    print("\n" + "\n".join(f"- {key}: {value}" for key, value in record["libraries"].items()))
    if options.out:
        options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def tokenisers(passages: Sequence[Passage], queries: list[Query], name: str) -> RetrievalReport:
    """The ways to make tokens on the same queries."""
    ours = LexicalIndex.build(passages)
    contents = [passage.content for passage in passages]
    words = plain(contents)
    searches = {
        "plain": searcher(passages, words, lambda text: plain([text])[0]),
        "plain, once": searcher(passages, words, lambda text: once(plain([text])[0])),
        "mathematics, once": searcher(
            passages, list(map(tokenize, contents)), lambda text: once(tokenize(text))
        ),
        "ours": ours.search,
    }
    searched = {
        label: Searched(run={query.id: hits for query in queries if (hits := ranking(search, query))})
        for label, search in searches.items()
    }
    return retrieval_report(name, queries, searched, RetrievalConfig())


def searcher(passages: Sequence[Passage], tokens: Tokens, of_query: Callable[[str], list[str]]) -> Search:
    """BM25 as the product has it, over other tokens."""
    index = engine(tokens, "lucene")

    def search(query: str, k: int) -> Ranking:
        scores = scores_of(index, of_query(query), len(passages))
        return [(passages[row].id, float(scores[row])) for row in best_rows(scores, k) if scores[row] > 0]

    return search


def ranking(search: Search, query: Query) -> Ranking:
    """The first hits without what the query excludes."""
    hits = search(query.query, DEPTH + len(query.excluded_ids))
    return trec_scores([hit for hit in hits if hit[0] not in query.excluded_ids][:DEPTH])


def plain(texts: list[str]) -> Tokens:
    """bm25s's own tokens."""
    found: Tokens = bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
    return found


def once(tokens: list[str]) -> list[str]:
    """Each token once, in order."""
    return list(dict.fromkeys(tokens))


def engine(tokens: Tokens, method: str) -> bm25s.BM25:
    """An index of bm25s."""
    index = bm25s.BM25(method=method, k1=K1, b=B)
    index.index([document or [""] for document in tokens], show_progress=False)
    return index


def scores_of(index: bm25s.BM25, tokens: list[str], count: int) -> np.ndarray:
    """Scores of all documents ``(count,)``."""
    rows = [index.vocab_dict[token] for token in tokens if token in index.vocab_dict]
    return index.get_scores_from_ids(rows) if rows else np.zeros(count, dtype=np.float32)


def libraries(passages: Sequence[Passage], queries: list[Query], sample: int, seed: int) -> dict[str, Any]:
    """bm25s beside rank-bm25 on a seeded sample of queries, in turn, each round timed."""
    documents = [tokenize(passage.content) or [""] for passage in passages]
    drawn = random.Random(seed).sample(queries, min(sample, len(queries)))  # noqa: S311
    asked = [once(tokenize(query.query)) for query in drawn]
    rounds = [one_round(documents, asked) for _ in range(ROUNDS)]
    ours, theirs = rounds[-1].indexes
    return {
        "queries": len(asked),
        "index time, rank-bm25 over bm25s": middle(one.build[1] / one.build[0] for one in rounds),
        "queries a second, bm25s over rank-bm25": middle(one.search[1] / one.search[0] for one in rounds),
        "ms a query, bm25s": middle(one.search[0] / len(asked) * 1000 for one in rounds),
        "ms a query, rank-bm25": middle(one.search[1] / len(asked) * 1000 for one in rounds),
        **agreement(documents, asked, ours, theirs),
    }


class Round(NamedTuple):
    """Both libraries' indexes and their seconds: to build them, and to answer all queries."""

    indexes: tuple[bm25s.BM25, BM25Okapi]
    build: tuple[float, float]
    search: tuple[float, float]


def one_round(documents: Tokens, asked: Tokens) -> Round:
    """Build and search with each, one after the other."""
    ours, build = timed(lambda: engine(documents, "lucene"))
    theirs, their_build = timed(lambda: BM25Okapi(documents, k1=K1, b=B))
    _, search = timed(lambda: [best_rows(scores_of(ours, each, len(documents)), DEPTH) for each in asked])
    _, their_search = timed(lambda: [best_rows(theirs.get_scores(each), DEPTH) for each in asked])
    return Round((ours, theirs), (build, their_build), (search, their_search))


def middle(ratios: Iterable[float]) -> float:
    """The median, with three digits."""
    return float(f"{statistics.median(ratios):.3g}")


def agreement(documents: Tokens, asked: Tokens, lucene: bm25s.BM25, theirs: BM25Okapi) -> dict[str, Any]:
    """How far scores of the same formula differ, and how alike the best ten of the product's are."""
    robertson = engine(documents, "robertson")
    common = {token for token, idf in theirs.idf.items() if idf <= theirs.epsilon * theirs.average_idf}
    differences, shared = [], []
    for tokens in asked:
        expected = theirs.get_scores(tokens)
        top = set(best_rows(expected, 10).tolist())
        shared.append(len(top & set(best_rows(scores_of(lucene, tokens, len(documents)), 10).tolist())) / 10)
        if expected.max() > 0 and not common & set(tokens):
            found = (K1 + 1) * scores_of(robertson, tokens, len(documents))
            differences.append(float(np.abs(found - expected).max() / expected.max()))
    return {
        "same formula, greatest difference of a score over the best score": max(differences),
        "queries compared so (without words that are in half of the passages)": len(differences),
        "best ten of Lucene's formula also rank-bm25's best ten": round(statistics.mean(shared), 3),
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` gives, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def table(report: RetrievalReport) -> str:
    """Scores and paired differences in Markdown."""
    lines = [
        f"**{report.benchmark}**, {report.n} queries",
        "",
        "| tokens | nDCG@10 (95% CI) | recall@10 | MRR@10 |",
        "| --- | --- | --- | --- |",
    ]
    for name, result in report.results.items():
        low, high = result.ci95
        scores = f"{result.ndcg:.1f} ({low:.1f} to {high:.1f}) | {result.recall:.1f} | {result.mrr:.1f}"
        lines.append(f"| {name} | {scores} |")
    lines.append("")
    for name, pair in report.paired.items():
        low, high = pair.ci95
        lines.append(f"- {name}: {pair.delta:+.1f} ({low:+.1f} to {high:+.1f}), p = {pair.p:.4f}")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, action="append", required=True)
    parser.add_argument("--queries", type=Path, required=True, help="questions, such as TheoremQA's")
    parser.add_argument("--steps", type=Path, help="reasoning steps, see proof_queries.py")
    parser.add_argument("--sample", type=int, default=50, help="queries for the two libraries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
