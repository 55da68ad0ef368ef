"""Step queries from proofs that no training pair comes from, for ``rader eval retrieval``.

    .venv/bin/python benchmarks/proof_queries.py STATEMENTS.jsonl PROOFS.jsonl PREMISES.jsonl --out DIR

Imports the proofs as ``rader import-proofs`` does (DIR/trajectories.jsonl), splits them with the product's
own seeded split, and writes of the held-out part

- DIR/proof_queries.jsonl: the query is the statement to prove, ``cot`` the last steps before the citation;
- DIR/proof_steps.jsonl: the same queries with the citing step alone as the query, the names taken out of it;
- DIR/split.json: the settings and the counts, also for other shares held out.

Gold are all statements that the step cites; excluded are the statement to prove, its copies and gold's.
A proof that cites the same again asks once. Evaluate over STATEMENTS.jsonl and whatever else shall distract.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from agent.log import TrajectoryLog
from agent.records import Step, Trajectory
from retriever.corpus import Corpus
from retriever.queries import Query
from training.proofs.importer import import_proofs
from training.proofs.splits import HELD_OUT, SplitPlan, copies_of, groups_of, plan_split, relevant
from training.proofs.steps import STEP_CHARS

SHARES = (0.02, 0.03, 0.05, 0.08, 0.1, 0.15)


def main() -> None:
    options = _options()
    report = import_proofs(options.statements, options.proofs, options.premises, options.out)
    print(report.model_dump_json(indent=2))
    log = TrajectoryLog(options.out / "trajectories.jsonl")
    corpus = Corpus.from_file(options.statements)
    groups, copies = groups_of(corpus), copies_of(corpus)

    plan = plan_split(log.read(), groups, options.held_out, options.seed)
    pairs = [
        pair for one in log.read() if plan.fate(one) == "held_out" for pair in queries(one, plan, copies)
    ]
    _write(options.out / "proof_queries.jsonl", (statement for statement, _ in pairs))
    _write(options.out / "proof_steps.jsonl", (step for _, step in pairs))

    cited = [_without_thoughts(one) for one in log.read()]
    table = {share: _counts(cited, plan_split(cited, groups, share, options.seed)) for share in SHARES}
    record = {
        "held_out": options.held_out,
        "seed": options.seed,
        "import": report.fingerprint,
        "queries": len(pairs),
        "with_cot": sum(statement.cot is not None for statement, _ in pairs),
        "theorems": len({gold for query, _ in pairs for gold in query.gold_ids}),
        "split": _counts(cited, plan),
        "other_shares": table,
    }
    text = json.dumps(record, indent=2)
    (options.out / "split.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def queries(
    trajectory: Trajectory, plan: SplitPlan, copies: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Query, Query]]:
    """For each held-out step, the query by statement and reasoning, and the query by the step alone."""
    seen: set[frozenset[str]] = set()
    for step in plan.held_out_steps(trajectory):
        gold = relevant(step)
        if frozenset(gold) in seen:
            continue
        seen.add(frozenset(gold))
        alike = copies[trajectory.problem_id].union(*(copies[one] for one in gold))
        base = {
            "id": f"{trajectory.id}:{step.n}",
            "gold_ids": gold,
            "excluded_ids": tuple(sorted(alike - set(gold))),
        }
        cot = _last_thoughts(trajectory.steps[: step.n - 1])
        yield (
            Query.model_validate({**base, "query": trajectory.problem, "cot": cot or None}),
            Query.model_validate({**base, "query": step.text}),
        )


def _last_thoughts(steps: Iterable[Step]) -> str:
    """The end of the reasoning, at most as long as one step may be."""
    text = "\n".join(step.text for step in steps if step.action == "think")
    return text if len(text) <= STEP_CHARS else text[-STEP_CHARS:].partition(" ")[2]


def _without_thoughts(trajectory: Trajectory) -> Trajectory:
    """Only the steps with hits: all that a split looks at, in a fraction of the memory."""
    return trajectory.model_copy(update={"steps": tuple(step for step in trajectory.steps if step.hits)})


def _counts(trajectories: Iterable[Trajectory], plan: SplitPlan) -> dict[str, int]:
    """Trajectories and (step, theorem) pairs on each side; pairs that are on neither are lost."""
    counts: Counter[str] = Counter()
    for one in trajectories:
        fate = plan.fate(one)
        pairs = sum(len(relevant(step)) for step in one.steps)
        held = sum(len(relevant(step)) for step in plan.held_out_steps(one)) if fate == "held_out" else 0
        counts[f"trajectories {fate}"] += 1
        counts["pairs train" if fate == "train" else "pairs neither"] += pairs - held
        counts["pairs held_out"] += held
    return dict(sorted(counts.items()))


def _write(path: Path, found: Iterable[Query]) -> None:
    lines = (json.dumps(one.model_dump(exclude_none=True), ensure_ascii=False) for one in found)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("statements", type=Path)
    parser.add_argument("proofs", type=Path)
    parser.add_argument("premises", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=float, default=HELD_OUT, help="share of theorems held out, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
