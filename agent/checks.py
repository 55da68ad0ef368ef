"""Step checks: every equation or numeric claim of a thought that can be decided, decided.

A wrong path may end in a right answer and then teaches nonsense (METHOD); what a step claims can be checked
where it is arithmetic. Parsing and computing happen in the grader's killable workers. What they do is limited
by counts (characters, claims, digits: `agent.maths`), so that it comes to the same end on every machine; the
limit in seconds only guards whoever waits, and a replay waits longer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress

from agent import grading
from agent.records import Check, Step, Trajectory

SECONDS = 5.0  # for all claims of one thought; one that takes longer is not checked
PATIENCE = 600.0  # the same in a replay, where a busy machine must not change a trajectory
_RELATION = re.compile(r"[=<>≤≥≠≈]|\\(?:le|ge|ne|lt|gt|approx|simeq|doteq)|(?:%|percent) of ")


def check(text: str, *, seconds: float = SECONDS) -> tuple[Check, ...]:
    """The claims of ``text`` in their order, each with its verdict; none where that took too long.

    Args:
        text: A thought, in Markdown with LaTeX.
        seconds: For all of it. The start of a worker does not count.
    """
    if not _RELATION.search(text):
        return ()
    found = grading.shared().ask("check", text, seconds=seconds)
    return tuple(Check.model_validate(one) for one in found or ())


async def check_in_time(text: str, *, replays: bool = False) -> tuple[Check, ...]:
    """`check` beside the event loop. It returns after `SECONDS` with nothing at the latest; in a replay,
    which must give the same bytes on a slower machine, after `PATIENCE`."""
    seconds = PATIENCE if replays else SECONDS
    with suppress(TimeoutError):
        return await asyncio.wait_for(asyncio.to_thread(check, text, seconds=seconds), seconds)
    return ()


def holds_up(steps: Iterable[Step]) -> bool:
    """Whether no claim of ``steps`` fails."""
    return not any(one.verdict == "fails" for step in steps for one in step.checks)


def sound(trajectory: Trajectory) -> bool:
    """Whether no claim fails on the way to the answer: of a tree, on the path that was chosen."""
    chosen = [step for step in trajectory.steps if step.chosen]
    return holds_up(chosen or trajectory.steps)
