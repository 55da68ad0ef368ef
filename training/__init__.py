"""From trajectories to a better retriever, and how good a retriever or a strategy is.

├── leakage        what repeats a benchmark
├── proofs         written proofs as trajectories; what is held out
├── trajectories   trajectories out of files; the retrievals of each that can be learned from
├── triples        (query, passage that helped, hard negatives)
├── evaluation     measures, paired tests, reports
├── trainers       the bi-encoder's and the reranker's
└── retrain        the loop with its gate

A package imports those above it and never those below.
Prompts lie in ``prompts/``, problems written by hand in ``data/``, recipes of trainings in ``recipes/``.
"""
