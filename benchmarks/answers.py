"""Accuracy, tokens and seconds of the strategies on a seeded draw of problems, paired.

    .venv/bin/python benchmarks/answers.py MATH_TRAIN.jsonl --n 30 --seed 0 --levels 1,2,3

The file holds {"id", "problem", "answer", "level"} a line. Problems are solved one after another, each by all
strategies, so that a run that is cut off is paired all the same; run again with the same --out, it goes on
with what is missing. The draw's ids, the settings and the fingerprints stand in OUT/report.json; the table
goes to standard output. Uses the embedded default model unless RADER_LLM_URL names a server.
"""

from __future__ import annotations

import argparse
import json
import random
from itertools import combinations
from pathlib import Path

from agent.log import TrajectoryLog
from agent.problems import read_problems
from agent.records import Problem, Trajectory
from agent.solve import Solver
from training.evaluation.answers import evaluate_answers, mcnemar, report
from ui.assemble import Studio
from ui.settings import load_settings

STRATEGIES = ("cot", "rag", "steps")


def main() -> None:
    """Draw, solve, report."""
    options = _options()
    levels = frozenset(int(level) for level in options.levels.split(","))
    problems = draw(read_problems(options.problems, levels=levels).problems, options.n, options.seed)
    studio = Studio(load_settings())
    solver = studio.solver()
    solver.log = TrajectoryLog(options.out / "trajectories.jsonl")
    try:
        solved = solve_all(solver, problems, options.parallel)
    finally:
        studio.close()
    write_report(options.out, options, solver, solved)


def draw(problems: list[Problem], n: int, seed: int) -> list[Problem]:
    """``n`` problems without replacement; the same for the same file, n and seed."""
    return random.Random(seed).sample(sorted(problems, key=lambda problem: problem.id), n)  # noqa: S311


def solve_all(solver: Solver, problems: list[Problem], parallel: int) -> dict[str, list[Trajectory]]:
    """Trajectories by strategy, in the order of the problems."""
    solved: dict[str, list[Trajectory]] = {name: [] for name in STRATEGIES}
    for start in range(0, len(problems), parallel):
        batch = problems[start : start + parallel]
        for name in STRATEGIES:
            solved[name] += evaluate_answers(solver, batch, name, parallel=parallel)[1]
        correct = ", ".join(
            f"{name} {sum(one.grade == 'correct' for one in done)}" for name, done in solved.items()
        )
        print(f"{min(start + parallel, len(problems))} of {len(problems)}: {correct}", flush=True)
    return solved


def write_report(
    out: Path, options: argparse.Namespace, solver: Solver, solved: dict[str, list[Trajectory]]
) -> None:
    """The table, and everything needed to repeat it."""
    print("| strategy | n | correct | wrong | ungradable | accuracy (95% CI) | written | read | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = {name: report(done, name, 0.0) for name, done in solved.items()}
    for name, row in rows.items():
        low, high = row.ci95
        print(
            f"| {name} | {row.n} | {row.correct} | {row.wrong} | {row.ungradable} | {row.accuracy:.0%} "
            f"({low:.0%} to {high:.0%}) | {row.tokens:.0f} | {row.read:.0f} | {row.seconds:.0f} |"
        )
    paired = {f"{a} vs {b}": mcnemar(solved[a], solved[b]) for a, b in combinations(STRATEGIES, 2)}
    for name, (first, second, p) in paired.items():
        print(f"{name}: only the first correct {first}, only the second {second}, McNemar p = {p:.2f}")
    record = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "config": solver.config.model_dump(mode="json"),
        "fingerprints": solver.fingerprints().model_dump(),
        "problems": [one.problem_id for one in solved["cot"]],
        "results": {name: row.model_dump() for name, row in rows.items()},
        "paired": paired,
    }
    (out / "report.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", type=Path)
    parser.add_argument("--n", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--levels", default="1,2,3")
    parser.add_argument("--parallel", type=int, default=1, help="problems in flight; 1 for honest seconds")
    parser.add_argument("--out", type=Path, default=Path("answers-benchmark"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
