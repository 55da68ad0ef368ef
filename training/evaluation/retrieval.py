"""`rader eval retrieval`: how well retrievers find the gold passages of a benchmark's queries.

index = exact_index(corpus, encoder, home)
retrievers = {name: Retriever(index, encoder, name) for name in ("bm25", "base", "hybrid")}
report = evaluate_retrieval(corpus, read_queries("queries.jsonl"), retrievers)
print(report.model_dump_json(indent=2))
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.queries import Query, QueryField
from training.evaluation.reports import RetrievalConfig, RetrievalReport, Searched, retrieval_report
from training.evaluation.runs import Run, trec_scores

if TYPE_CHECKING:
    from retriever.search import Retriever

Progress = Callable[[str, int, int], None]  # called with (retriever, queries done, queries in all)

_AT_ONCE = 256  # queries searched between two calls of progress


def evaluate_retrieval(
    corpus: Corpus,
    queries: Sequence[Query],
    retrievers: Mapping[str, Retriever],
    *,
    runs: Mapping[str, Run] | None = None,
    config: RetrievalConfig | None = None,
    benchmark: str = "",
    progress: Progress | None = None,
) -> RetrievalReport:
    """Search for every query with every retriever, score, and compare each pair in the order named.

    Excluded ids leave the candidates before ranking. A query without hits scores zero. A gold passage that
    the corpus lacks counts as not found, as in trec_eval, and the report warns.

    Args:
        corpus: What the retrievers search, best by `retriever.indexing.exact.exact_index`.
        queries: With gold ids.
        retrievers: By the names that the report gives them.
        runs: Others' rankings (`training.evaluation.runs.read_run`), scored and compared beside them.
        config: Query field, depth, seed; None takes the defaults.
        benchmark: Names the benchmark in the report.
        progress: Called with (retriever, queries done, queries in all).

    Raises:
        BadInputError: There is nothing to evaluate or to evaluate on, a name or a query's id is there twice,
            or a run is about other queries.
    """
    config, runs = config or RetrievalConfig(), runs or {}
    used = _usable(corpus, queries, config.field)
    _check_names(retrievers, runs)
    warnings = _losses(corpus, queries, used, config.field)
    for name, run in runs.items():
        warnings += _strangers(name, run, corpus, queries, used)
    searched = {name: _search(name, each, used, config, progress) for name, each in retrievers.items()}
    searched |= {name: Searched(run=_candidates(run, used)) for name, run in runs.items()}
    settings = {
        "passages": len(corpus),
        "corpus_sha256": corpus.sha256,
        "retrievers": {name: describe(each) for name, each in retrievers.items()},
    }
    return retrieval_report(benchmark, used, searched, config, warnings=warnings, settings=settings)


def describe(retriever: Retriever) -> dict[str, Any]:
    """What decides a retriever's answers: mode, encoder with prompts and fingerprint, α, reranker."""
    found: dict[str, Any] = {"mode": retriever.name}
    if retriever.name != "bm25":
        encoder = retriever.encoder
        found |= {"encoder": encoder.name, "fingerprint": encoder.fingerprint}
        found |= {"query_prompt": encoder.query_prompt, "passage_prompt": encoder.passage_prompt}
    if retriever.name == "hybrid":
        found["alpha"] = retriever.alpha
    if reranker := retriever.reranker:
        found["reranker"] = {
            "name": reranker.name,
            "fingerprint": reranker.fingerprint,
            "alpha": reranker.alpha,
            "depth": retriever.rerank_depth,
        }
    return found


def _search(
    name: str,
    retriever: Retriever,
    queries: Sequence[Query],
    config: RetrievalConfig,
    progress: Progress | None,
) -> Searched:
    """A retriever's rankings; the clock starts once models and indexes are loaded."""
    texts = [query.text(config.field) or "" for query in queries]
    retriever.search(texts[0], config.k)
    cut_before, start = getattr(retriever.encoder, "cut_queries", 0), time.perf_counter()
    run: Run = {}
    for first in range(0, len(queries), _AT_ONCE):
        batch = queries[first : first + _AT_ONCE]
        results = retriever.search_many(
            texts[first : first + _AT_ONCE], config.k, exclude=[query.excluded_ids for query in batch]
        )
        for query, result in zip(batch, results, strict=True):
            if result.hits:
                run[query.id] = trec_scores((hit.passage.id, hit.score) for hit in result.hits)
        if progress:
            progress(name, first + len(batch), len(queries))
    seconds = round(time.perf_counter() - start, 3)
    cut = getattr(retriever.encoder, "cut_queries", 0) - cut_before
    return Searched(run=run, seconds=seconds, cut=cut)


def _usable(corpus: Corpus, queries: Sequence[Query], field: QueryField) -> list[Query]:
    """The queries that can be searched for, once it is sure that there is something to find."""
    for key, count in Counter(query.id for query in queries).items():
        if count > 1:
            raise BadInputError(f"the query {key!r} is there {count} times", "Give every query its own id")
    if unjudged := [query.id for query in queries if not query.gold_ids]:
        raise BadInputError(f"the query {unjudged[0]!r} has no gold ids", "Give it some, or take it out")
    used = [query for query in queries if query.text(field) is not None]
    if not used:
        raise BadInputError(
            f"no query has a {field!r}", "Name a file whose queries have it, or another field"
        )
    there = {passage.id for passage in corpus}
    if not any(key in there for query in used for key in query.gold_ids):
        raise BadInputError(
            "the corpus holds none of the gold passages", "Name the corpus that the queries were made for"
        )
    return used


def _check_names(retrievers: Mapping[str, Retriever], runs: Mapping[str, Run]) -> None:
    if both := retrievers.keys() & runs.keys():
        raise BadInputError(f"{min(both)!r} names a retriever and a run", "Give the run another name")
    if not retrievers and not runs:
        raise BadInputError("nothing to evaluate", "Name a retriever or a run")


def _losses(corpus: Corpus, queries: Sequence[Query], used: Sequence[Query], field: QueryField) -> list[str]:
    found, there = [], {passage.id for passage in corpus}
    if missing := len(queries) - len(used):
        found.append(f"{missing} of {len(queries)} queries have no {field!r} and were left out")
    lost = {query.id: [key for key in query.gold_ids if key not in there] for query in used}
    if count := sum(map(len, lost.values())):
        touched = sum(map(bool, lost.values()))
        found.append(
            f"{count} gold passages of {touched} queries are not in the corpus and count as not found"
        )
    return found


def _strangers(
    name: str, run: Run, corpus: Corpus, queries: Sequence[Query], used: Sequence[Query]
) -> list[str]:
    """What a run holds that is not of this benchmark."""
    if not any(query.id in run for query in used):
        raise BadInputError(
            f"the run {name!r} is about none of the queries", "Name the run of this benchmark"
        )
    found, known, there = [], {query.id for query in queries}, {passage.id for passage in corpus}
    if others := sum(key not in known for key in run):
        found.append(f"{name}: {others} queries of the run are not among these and were ignored")
    if unknown := sum(key not in there for ranking in run.values() for key, _ in ranking):
        found.append(f"{name}: {unknown} hits of the run are not in the corpus and count as not relevant")
    return found


def _candidates(run: Run, queries: Sequence[Query]) -> Run:
    """A run's rankings of these queries without what they exclude."""
    found = {
        query.id: [hit for hit in run.get(query.id, []) if hit[0] not in query.excluded_ids]
        for query in queries
    }
    return {key: ranking for key, ranking in found.items() if ranking}
