"""Trajectories to learn from.

├── files          of a collection, an import, or the files below
│   ├── written    problems written by hand for theorems
│   └── labelled   queries whose passages are known
└── episodes       the retrievals of a solution, with what helped and what was rejected
"""
