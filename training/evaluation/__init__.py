"""How good a retriever or a strategy is.

├── retrieval   retrievers on a benchmark's queries, by exact search
├── answers     strategies on a file of problems
├── reports     the report of an evaluation, out of rankings
├── metrics     nDCG@10, recall@10, MRR@10
├── compare     intervals and paired tests
└── runs        rankings in TREC's format
"""
