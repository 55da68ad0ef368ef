"""The two trainers, and what they share.

├── bi_encoder, retriever_trainer   the retriever's
│   ├── infonce                     its loss
│   ├── topics                      batches of one topic
│   └── teacher                     the scores of a reranker, to learn from
├── reranker, reranker_trainer      the reranker's
├── config, data, model             the recipe, the rows, the model that is trained
│   └── low_rank, soup              a full tuning told as an adapter; the average of adapters
├── base, batches, validation       sentence-transformers' trainer with our batches, checkpoints and measure
├── run_folder, session, curve      a run that goes on where it was killed, and its picture
└── leakage                         the check before it begins
"""
