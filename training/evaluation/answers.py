"""How well a strategy answers: accuracy with its interval, tokens and time over a file of problems."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing

from pydantic import BaseModel, ConfigDict

from agent.events import Finished
from agent.records import Problem, Trajectory
from agent.solve import Solver
from agent.state import Strategy
from agent.tasks import first_error
from retriever.errors import RaderError

Progress = Callable[[Trajectory], None]


class AnswersReport(BaseModel):
    """Accuracy of one strategy; ``ungradable`` counts as not correct and is shown apart.

    ``ci95`` is Wilson's interval. ``tokens`` is what the model wrote and ``read`` what it had to read anew,
    both per problem; ``seconds`` is wall-clock time per problem, as its user would wait for it.
    """

    model_config = ConfigDict(frozen=True)

    strategy: str
    n: int
    correct: int
    wrong: int
    ungradable: int
    accuracy: float
    ci95: tuple[float, float]
    tokens: float
    read: float
    seconds: float
    wall_seconds: float


async def run_problems(
    solver: Solver,
    problems: Sequence[Problem],
    strategy: Strategy,
    *,
    seed: int = 0,
    parallel: int = 1,
    progress: Progress | None = None,
) -> list[Trajectory]:
    """A trajectory for each problem, in order, ``parallel`` at once.

    Those that ``solver.log`` already holds, made with the same strategy, seed and fingerprints, are taken
    from there: a run that was killed goes on with what is missing.

    Raises:
        RaderError: the model's server failed; what was finished is in the log.
    """
    done = _finished(solver, strategy, seed)
    slots = asyncio.Semaphore(parallel)

    async def one(problem: Problem) -> Trajectory:
        async with slots:
            trajectory = done.get(problem.id) or await _solve(solver, problem, strategy, seed)
            if progress is not None:
                progress(trajectory)
            return trajectory

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(problem)) for problem in problems]
    return [task.result() for task in tasks]


def _finished(solver: Solver, strategy: Strategy, seed: int) -> dict[str, Trajectory]:
    kept = solver.log.read() if solver.log else ()
    fingerprints = solver.fingerprints(strategy)
    return {
        one.problem_id: one
        for one in kept
        if one.outcome == "finished"
        and (one.strategy, one.seed, one.fingerprints) == (strategy, seed, fingerprints)
    }


async def _solve(solver: Solver, problem: Problem, strategy: Strategy, seed: int) -> Trajectory:
    async with aclosing(solver.solve(problem, strategy, seed=seed)) as events:
        async for event in events:
            if isinstance(event, Finished):
                if event.trajectory.outcome == "failed":
                    raise RaderError(event.trajectory.error)
                return event.trajectory
    raise RaderError("the run ended without a result", "Please report this")


def evaluate_answers(
    solver: Solver,
    problems: Sequence[Problem],
    strategy: Strategy,
    *,
    seed: int = 0,
    parallel: int = 1,
    progress: Progress | None = None,
) -> tuple[AnswersReport, list[Trajectory]]:
    """Solve ``problems`` and report; see `run_problems`."""
    started = time.perf_counter()
    running = run_problems(solver, problems, strategy, seed=seed, parallel=parallel, progress=progress)
    with first_error():
        trajectories = asyncio.run(running)
    return report(trajectories, strategy, time.perf_counter() - started), trajectories


def report(trajectories: Sequence[Trajectory], strategy: str, wall_seconds: float) -> AnswersReport:
    """Count grades; a problem without a gold answer is ungradable."""
    n = len(trajectories)
    grades = Counter(trajectory.grade for trajectory in trajectories)
    usages = [trajectory.usage for trajectory in trajectories]
    return AnswersReport(
        strategy=strategy,
        n=n,
        correct=grades["correct"],
        wrong=grades["wrong"],
        ungradable=n - grades["correct"] - grades["wrong"],
        accuracy=round(grades["correct"] / n, 4),
        ci95=wilson(grades["correct"], n),
        tokens=round(sum(usage.completion_tokens for usage in usages) / n, 1),
        read=round(sum(usage.prompt_tokens - usage.cached_tokens for usage in usages) / n, 1),
        seconds=round(sum(usage.seconds for usage in usages) / n, 1),
        wall_seconds=round(wall_seconds, 1),
    )


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a proportion."""
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(method="wilson")
    return round(float(interval.low), 4), round(float(interval.high), 4)


def mcnemar(first: Sequence[Trajectory], second: Sequence[Trajectory]) -> tuple[int, int, float]:
    """How often only the first, only the second is correct, and McNemar's exact two-sided p.

    Args:
        first, second: Trajectories of the same problems in the same order.
    """
    from scipy.stats import binomtest

    pairs = [(a.grade == "correct", b.grade == "correct") for a, b in zip(first, second, strict=True)]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return only_first, only_second, p
