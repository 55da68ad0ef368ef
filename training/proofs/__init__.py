"""Written proofs as trajectories: verified human reasoning in the format of the agent's own runs.

├── importer         the import from start to report
├── files            its files: proofs, links, what is written
├── trajectory       the steps of one proof
│   ├── steps        its text in units of reasoning
│   └── names        where it cites a statement
└── splits           which statements are held out
"""
