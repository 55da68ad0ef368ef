"""Leakage: which texts of training repeat what a benchmark asks.

├── watch        the check, its report, the refusal
├── benchmarks   the texts of benchmarks: files given, and what this machine has
└── overlap      which of many texts a text repeats
    └── normal   texts as they are compared
"""
