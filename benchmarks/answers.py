"""Accuracy, tokens and seconds of the strategies on a seeded draw of problems, paired.

    .venv/bin/python benchmarks/answers.py MATH_TRAIN.jsonl --n 30 --seed 0 --levels 1,2,3
    .venv/bin/python benchmarks/answers.py MATH_TRAIN.jsonl --strategies cot,cot@8,rag,rag@8,steps,mcts

The file holds problems in any format of ``rader collect``; without one, some of our own are solved. Problems
are solved one after another, each by all strategies, so that a run that is cut off is paired all the same;
run again with the same --out, it goes on with what is missing. The draw's ids, the settings and the
fingerprints stand in OUT/report.json; the table goes to standard output. "prefilled" is the share of the
prompts' tokens that the prefix cache did not spare; "busy" the share of the run's wall time in which at least
one request was with the model, and "outside" what is left of it for each step, of what this run itself
solved. Uses the embedded default model unless RADER_LLM_URL names a server.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from itertools import combinations
from pathlib import Path
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

from agent.log import TrajectoryLog
from agent.problems import read_problems
from agent.records import Problem, Trajectory
from agent.solve import Solver
from training.evaluation.answers import evaluate_answers, mcnemar, report
from ui.assemble import Studio
from ui.settings import load_settings

COLUMNS = ("strategy", "n", "correct", "wrong", "ungradable", "accuracy (95% CI)", "written", "read")
COLUMNS += ("prefilled", "seconds", "busy", "outside a step")
OWN = Path(__file__).with_name("data") / "problems.jsonl"


def main() -> None:
    """Draw, solve, report."""
    options = _options()
    levels = frozenset(int(level) for level in options.levels.split(",")) if options.problems else None
    problems = draw(read_problems(options.problems or OWN, levels=levels).problems, options.n, options.seed)
    strategies = options.strategies.split(",")
    studio = Studio(load_settings())
    solver = studio.solver()
    clocks = {name: ModelClock() for name in strategies}
    solver.log = TrajectoryLog(options.out / "trajectories.jsonl")
    try:
        solved = solve_all(solver, problems, clocks, options.parallel)
    finally:
        studio.close()
    write_report(options, solver, solved, clocks)


class ModelClock(BaseCallbackHandler):
    """Adds up the time in which at least one request is with the model, and that of the runs around it."""

    def __init__(self) -> None:
        self.busy = self.wall = 0.0
        self.steps = 0
        self._open = 0
        self._since = 0.0

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        """A request begins."""
        if not self._open:
            self._since = time.perf_counter()
        self._open += 1

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        """A request ends."""
        self._open -= 1
        if not self._open:
            self.busy += time.perf_counter() - self._since

    on_llm_error = on_llm_end


def draw(problems: list[Problem], n: int, seed: int) -> list[Problem]:
    """``n`` problems without replacement; the same for the same file, n and seed."""
    return random.Random(seed).sample(sorted(problems, key=lambda problem: problem.id), n)  # noqa: S311


def solve_all(
    solver: Solver, problems: list[Problem], clocks: dict[str, ModelClock], parallel: int
) -> dict[str, list[Trajectory]]:
    """Trajectories by strategy, in the order of the problems."""
    solved: dict[str, list[Trajectory]] = {name: [] for name in clocks}
    for start in range(0, len(problems), parallel):
        batch = problems[start : start + parallel]
        for name, clock in clocks.items():
            solved[name] += timed(solver, batch, name, clock, parallel)
        correct = ", ".join(
            f"{name} {sum(one.grade == 'correct' for one in done)}" for name, done in solved.items()
        )
        print(f"{min(start + parallel, len(problems))} of {len(problems)}: {correct}", flush=True)
    return solved


def timed(
    solver: Solver, batch: list[Problem], name: str, clock: ModelClock, parallel: int
) -> list[Trajectory]:
    """Solve some problems; what was solved before adds nothing to the clock."""
    solver.callbacks = [clock]
    busy, started = clock.busy, time.perf_counter()
    found = evaluate_answers(solver, batch, name, parallel=parallel)[1]
    if clock.busy > busy:
        clock.wall += time.perf_counter() - started
        clock.steps += sum(len(one.steps) for one in found)
    return found


def write_report(
    options: argparse.Namespace,
    solver: Solver,
    solved: dict[str, list[Trajectory]],
    clocks: dict[str, ModelClock],
) -> None:
    """The table, and everything needed to repeat it."""
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    rows = {name: report(done, name, 0.0) for name, done in solved.items()}
    costs = {name: cost(solved[name], clock) for name, clock in clocks.items()}
    for name, row in rows.items():
        low, high = row.ci95
        print(
            f"| {name} | {row.n} | {row.correct} | {row.wrong} | {row.ungradable} | {row.accuracy:.0%} "
            f"({low:.0%} to {high:.0%}) | {row.tokens:.0f} | {row.read:.0f} | {costs[name]['prefilled']:.0%} "
            f"| {row.seconds:.0f} | {costs[name]['busy']:.1%} | {costs[name]['outside ms a step']:.0f} ms |"
        )
    paired = {f"{a} vs {b}": mcnemar(solved[a], solved[b]) for a, b in combinations(solved, 2)}
    for name, (first, second, p) in paired.items():
        print(f"{name}: only the first correct {first}, only the second {second}, McNemar p = {p:.2f}")
    record = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "config": solver.config.model_dump(mode="json"),
        "fingerprints": {name: solver.fingerprints(name).model_dump() for name in solved},
        "problems": [one.problem_id for one in next(iter(solved.values()))],
        "results": {name: row.model_dump() | costs[name] for name, row in rows.items()},
        "paired": paired,
    }
    (options.out / "report.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def cost(done: list[Trajectory], clock: ModelClock) -> dict[str, float]:
    """Shares of prompts read anew and of time with the model; what a step takes beside it."""
    read = sum(one.usage.prompt_tokens for one in done)
    spared = sum(one.usage.cached_tokens for one in done)
    return {
        "prefilled": (read - spared) / max(read, 1),
        "busy": clock.busy / clock.wall if clock.wall else float("nan"),
        "outside ms a step": 1000 * (clock.wall - clock.busy) / max(clock.steps, 1),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", type=Path, nargs="?")
    parser.add_argument("--strategies", default="cot,rag,steps")
    parser.add_argument("--n", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--levels", default="1,2,3")
    parser.add_argument("--parallel", type=int, default=1, help="problems in flight; 1 for honest seconds")
    parser.add_argument("--out", type=Path, default=Path("answers-benchmark"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
