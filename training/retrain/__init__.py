"""Retraining: triples, training, comparison with what serves, gate, promotion.

├── loop           one turn
│   └── stages     its stages, each done once
├── records        what a turn is made with, and what comes of it
├── query_sets     what is compared on without a benchmark
├── arena          two encoders on the same queries
├── gate           promoted only where better, and nowhere worse
└── model_card     the card of what was trained
"""
