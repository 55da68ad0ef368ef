"""One trajectory as a page shows it, pure: what is known of it, its transcript."""

from __future__ import annotations

from collections.abc import Sequence

from agent.events import Finished, StepDone, StepStarted
from agent.records import Step, Trajectory
from retriever.passage import Passage
from ui.page import markup, render
from ui.solve.transcript import RunView
from ui.trajectories.listing import badge, when


def passage_ids(trajectory: Trajectory) -> list[str]:
    """The passages that it found, each once."""
    return list(dict.fromkeys(hit.id for step in trajectory.steps for hit in step.hits))


def heading(trajectory: Trajectory, log: str) -> list[str]:
    """Blocks: the problem, and what is known of the run.

    Args:
        trajectory: The one.
        log: What its log is called.
    """
    return [render.question(trajectory.problem, "Problem"), _facts(trajectory, log)]


def transcript(trajectory: Trajectory, passages: dict[str, Passage]) -> list[str]:
    """Blocks: the steps as they were watched, in a tree those on the way to the answer given.

    Args:
        trajectory: The one.
        passages: Full texts of its hits, by id, as far as they are to be had.
    """
    view = RunView()
    for step in _way(trajectory.steps):
        view.apply(StepStarted(step.n, step.action, step.parent))
        view.apply(StepDone(step, passages))
    view.apply(Finished(trajectory))
    return view.blocks


def _way(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.chosen] or list(steps)


def _facts(trajectory: Trajectory, log: str) -> str:
    usage, made = trajectory.usage, trajectory.fingerprints
    graded = (trajectory.grade or "ungraded") if trajectory.outcome == "finished" else trajectory.outcome
    facts = {
        "Result": badge(graded),
        "Answer": render.formula(trajectory.answer) if trajectory.answer else "",
        "Gold answer": render.formula(trajectory.gold) if trajectory.gold else "",
        "Strategy": markup.inline(trajectory.strategy),
        "Took": f"{render.duration(usage.seconds)}, {render.counted(usage.completion_tokens, 'token')}",
        "Begun": f"{when(trajectory.created)} UTC",
        "People said": _said(trajectory),
    }
    origin = {
        "Id": trajectory.id,
        "Problem's id": trajectory.problem_id,
        "Log": log,
        "Continues": f"{more.trajectory}, step {more.step}" if (more := trajectory.continues) else "",
        "Seed": str(trajectory.seed),
        "Model": made.llm,
        "Retriever": made.retriever,
        "Index": made.index,
    }
    texts = {
        name: f"<code>{markup.escape(markup.clean(value))}</code>" for name, value in origin.items() if value
    }
    return (
        f'<div class="rd-about-run">{_list(facts)}'
        f"<details><summary>How it was made</summary>{_list(texts)}</details></div>"
    )


def _said(trajectory: Trajectory) -> str:
    told = [f"{_subject(key)}: {value}" for key, value in (trajectory.feedback or {}).items()]
    return "; ".join(markup.inline(each) for each in told)


def _subject(key: str) -> str:
    kind, _, subject = key.partition(":")
    return {"hit": f"theorem {subject}", "right": f"the right theorem for step {subject}"}.get(kind, kind)


def _list(facts: dict[str, str]) -> str:
    told = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items() if value)
    return f'<dl class="rd-dl">{told}</dl>'
