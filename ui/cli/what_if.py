"""``rader collect --replay DIR --retriever NEW``: the recorded thoughts, searched by another retriever."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ui.settings import Settings, with_agent

if TYPE_CHECKING:
    from agent.records import Trajectory
    from agent.what_if import Report, StepChange
    from ui.retrieval import Watcher

FILE = "what_if.jsonl"
SHOWN = 10  # changed steps; the file has all


def compared(
    settings: Settings, retriever: str, trajectories: Sequence[Trajectory], out: Path, watch: Watcher
) -> tuple[Report, list[str]]:
    """Every recorded search done again; each step's change goes to ``out/what_if.jsonl``.

    Returns:
        The sums, and lines that tell people of them.
    """
    from agent.what_if import summed, what_if
    from retriever.files import write_atomically
    from ui.retrieval import Retrieval

    settings = with_agent(settings, retriever=retriever)
    searcher = Retrieval(settings, watch).retriever
    changes: list[StepChange] = []
    for done, one in enumerate(trajectories, 1):
        hits = settings.search.hits if one.strategy == "mcts" else settings.agent.hits
        changes += what_if([one], searcher, settings.agent, hits=hits)
        watch(f"searching again with {retriever}", done, len(trajectories))
    lines = [json.dumps(change.model_dump(), ensure_ascii=False) + "\n" for change in changes]
    write_atomically(out / FILE, "".join(lines))
    report = summed(changes)
    return report, told(report, [change for change in changes if change.changed], retriever, out)


def told(report: Report, changed: Sequence[StepChange], retriever: str, out: Path) -> list[str]:
    """The sums, and the first steps that change."""
    lines = [
        f"with {retriever}, {report.changed} of {report.searches} searches find other passages: "
        f"{report.kept} kept, {report.lost} lost, {report.unjudged} new and not judged",
        f"of the passages judged relevant, {report.relevant_kept} are found again and "
        f"{report.relevant_lost} are not; every step: {out / FILE}",
    ]
    for change in changed[:SHOWN]:
        swaps = [f"-{one}" for one in change.lost] + [f"+{one}" for one in change.gained]
        lines.append(f"  {change.trajectory[:8]} step {change.n}: {' '.join(swaps)}")
    more = len(changed) - SHOWN
    return lines + ([f"  and {more} more"] if more > 0 else [])
