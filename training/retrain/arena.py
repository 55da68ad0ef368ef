"""Two encoders on the same queries: the new one and the one that serves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.queries import Query
from training.evaluation.reports import RetrievalConfig
from training.evaluation.retrieval import evaluate_retrieval
from training.leakage.benchmarks import Benchmark
from training.leakage.overlap import Reference
from training.retrain.gate import NEW, OLD, Compared, QuerySet, Verdict, compared, decide
from training.retrain.stages import Stages

if TYPE_CHECKING:
    from retriever.encoder import Encoder
    from retriever.search import Retriever

Watcher = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Arena:
    """Where the two are compared.

    Attributes:
        new, old: The encoders, as they search.
        out: Folder of the run, where the vectors of the new one are kept.
        home: The product's folder, where those of the old one are.
        watch: Called with (what is done, how much, of how much).
    """

    new: Encoder
    old: Encoder
    out: Path
    home: Path
    watch: Watcher

    def judge(self, sets: Sequence[QuerySet], stages: Stages, seed: int = 0) -> Verdict:
        """Compare on every set, each a stage of its own, and decide.

        Raises:
            BadInputError: A set cannot be evaluated, or an encoder gives what is no vector.
        """
        results = {}
        for each in sets:
            inputs = {
                "queries": digest(each.queries),
                "corpus": each.corpus.sha256,
                "encoders": [self.new.fingerprint, self.old.fingerprint],
                "seed": seed,
            }

            def work(of: QuerySet = each) -> dict[str, Any]:
                return self._compared(of, seed).model_dump(mode="json")

            results[each.name] = Compared.model_validate(stages.run(f"compared-{each.name}", inputs, work))
        return decide(results, seed)

    def _compared(self, of: QuerySet, seed: int) -> Compared:
        report = evaluate_retrieval(
            of.corpus,
            of.queries,
            {
                NEW: searcher(self.new, of.corpus, self.out, self.watch),
                OLD: searcher(self.old, of.corpus, self.home, self.watch),
            },
            config=RetrievalConfig(seed=seed),
            benchmark=of.name,
            progress=lambda name, done, total: self.watch(f"{of.name}: {name}", done, total),
        )
        return compared(of, report)


def searcher(encoder: Encoder, corpus: Corpus, folder: Path, watch: Watcher) -> Retriever:
    """Exact search by an encoder alone; its vectors are kept in ``folder``."""
    from retriever.indexing.exact import exact_index
    from retriever.search import Retriever

    def encoding(done: int, total: int) -> None:
        watch(f"encoding passages with {encoder.name}", done, total)

    return Retriever(exact_index(corpus, encoder, folder, encoding), encoder, "rader", promoted=True)


def as_benchmark(of: QuerySet) -> Benchmark:
    """A set of queries as what training must stay away from."""
    references = (Reference(of.name, query.id, query.query) for query in of.queries)
    return Benchmark(of.name, digest(of.queries), tuple(references))


def digest(queries: Sequence[Query]) -> str:
    """sha256 over queries in order, 64 hex digits."""
    return hashlib.sha256("\n".join(query.model_dump_json() for query in queries).encode()).hexdigest()
