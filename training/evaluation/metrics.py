"""nDCG@10, recall@10 and MRR@10 of a run, through ir-measures (trec_eval's own code)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from retriever.queries import Query
from training.evaluation.runs import Run

Values = npt.NDArray[np.float64]  # one a query, in the order of the queries

MEASURES = {"ndcg@10": "nDCG@10", "recall@10": "R@10", "mrr@10": "RR@10"}  # ours → ir-measures'


def query_values(run: Run, queries: Sequence[Query]) -> Mapping[str, Values]:
    """Every measure of every query, ``(len(queries),)`` each, 0 to 1, in the order of ``queries``.

    As trec_eval counts: a query that the run lacks is zero; a gold passage that nobody can find, because the
    corpus lacks it, still counts in the ideal ranking and in recall; rankings of other queries are ignored.

    Args:
        run: Rankings, best first; their order counts and not their scores.
        queries: With gold ids.
    """
    import ir_measures

    measures = {ir_measures.parse_measure(theirs): ours for ours, theirs in MEASURES.items()}
    qrels = {query.id: dict.fromkeys(query.gold_ids, 1) for query in queries}
    # Ranks and not scores: the code behind RR@10 breaks ties in another order than the one behind nDCG@10.
    ranks = {
        query: {key: -float(rank) for rank, (key, _) in enumerate(ranking)}
        for query, ranking in run.items()
        if query in qrels
    }
    row = {query.id: number for number, query in enumerate(queries)}
    values = {name: np.zeros(len(queries)) for name in MEASURES}
    for metric in ir_measures.iter_calc(measures, qrels, ranks):
        values[measures[metric.measure]][row[metric.query_id]] = metric.value
    return values
