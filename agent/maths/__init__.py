"""Mathematics as people write it: what an answer means, which claims a text makes, whether they hold.

├── notation                          one way of writing for many
├── readings, forms, units            what an answer may mean
├── claims                            what a text claims: statements and arithmetic cut into sides
│   ├── statements, arithmetic        … of formulas, … of plain words
│   ├── grammar, formulas             one side, read strictly
│   └── surroundings                  what the words around a claim do to it
├── equality, decisions               whether answers are equal, whether claims hold
└── parsing, values                   latex2sympy and sympy, kept from what is too large

The last two lines need sympy and run in the grader's workers only (`agent.grading`).
"""
