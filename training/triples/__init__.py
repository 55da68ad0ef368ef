"""Triples: (query, passage that helped, hard negatives), the input of both trainers.

├── build             the run: two readings of the trajectories, files, report
│   └── pending       triples in the making, a batch of queries at a time
├── records           the triple, settings, the report
├── queries           the query types
│   └── llm_queries   those that a language model writes
├── negatives         hard negatives, and what keeps false ones out
├── corpora           several corpora as one
├── held_out          what is held out when there are several
└── ledger            what is remembered of all trajectories, on disk
"""
