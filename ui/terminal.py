"""Runs, hits and models as text for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.events import Event, StepDone, StepStarted, Token

if TYPE_CHECKING:
    from agent.records import Step, StepHit
    from retriever.search import SearchResult
    from retriever.weights import ModelStatus
    from training.evaluation.answers import AnswersReport
    from training.evaluation.reports import RetrievalReport

_HEADINGS = {"think": "thought", "query": "looking for", "summarise": "recall", "answer": "answer"}


def describe(event: Event) -> str:
    """What the terminal shows of an event; empty for what it does not show."""
    if isinstance(event, StepStarted):
        heading = _HEADINGS.get(event.action)
        return f"\n[{event.n}] {heading}: " if heading else ""
    if isinstance(event, Token):
        return printable(event.text)
    if isinstance(event, StepDone):
        return _done(event.step)
    return ""


def _done(step: Step) -> str:
    if step.action == "reflect":
        return "\n" + "\n".join(_verdict(hit) for hit in step.hits) + "\n"
    if step.action == "query" and not step.text:
        return " (nothing is needed)\n"
    return "" if step.action == "retrieve" else "\n" + _checks(step)


def _checks(step: Step) -> str:
    """How many claims hold, and each that fails; nothing of what cannot be told."""
    held = sum(check.verdict == "holds" for check in step.checks)
    lines = [f"    = checked: {held} hold{'s' if held == 1 else ''}"] if held else []
    lines += [
        f"    ! fails: {check.claim} ({check.reason})" for check in step.checks if check.verdict == "fails"
    ]
    return printable("".join(f"{line}\n" for line in lines))


def _verdict(hit: StepHit) -> str:
    sign = "+" if hit.verdict == "relevant" else "-"
    return printable(f"    {sign} {hit.title} ({hit.score:.2f}): {hit.reason}")


def hits_table(result: SearchResult) -> str:
    """Hits with rank, score, its parts and title."""
    lines = [
        f"{rank:>3}. {hit.score:7.3f}  {hit.passage.title or hit.passage.id}  "
        f"[{', '.join(f'{part} {value:.3f}' for part, value in hit.parts.items())}]"
        for rank, hit in enumerate(result.hits, 1)
    ]
    lines.append(f"{result.ms['total']:.0f} ms" + (f"; {result.note}" if result.note else ""))
    return printable("\n".join(lines))


def models_table(statuses: Sequence[ModelStatus]) -> str:
    """Models with state, size and purpose."""
    return "\n".join(
        f"{status.name:<28} {status.state:<8} {status.bytes_total / 1e6:8.1f} MB  {status.purpose}"
        for status in statuses
    )


def accuracy_line(report: AnswersReport) -> str:
    """Accuracy with its interval, and what a problem cost."""
    low, high = report.ci95
    return (
        f"{report.strategy}: {report.correct} of {report.n} correct "
        f"({report.accuracy:.0%}, 95% interval {low:.0%} to {high:.0%}), "
        f"{report.wrong} wrong, {report.ungradable} ungradable; per problem "
        f"{report.tokens:.0f} tokens written, {report.read:.0f} read, {report.seconds:.0f} s"
    )


def retrieval_table(report: RetrievalReport) -> str:
    """Scores of each retriever, then each pair compared, then what may surprise."""
    lines = [
        f"{report.benchmark}: {report.n} queries, points of 100",
        f"{'':<24}{'nDCG@10':>8}  {'95% interval':<16}{'recall@10':>9}{'MRR@10':>8}{'seconds':>9}",
    ]
    for name, result in report.results.items():
        interval = f"{result.ci95[0]:.1f} to {result.ci95[1]:.1f}"
        seconds = "" if result.seconds is None else f"{result.seconds:.1f}"
        lines.append(
            f"{name[-24:]:<24}{result.ndcg:>8.1f}  {interval:<16}{result.recall:>9.1f}{result.mrr:>8.1f}"
            f"{seconds:>9}"
        )
    for pair, found in report.paired.items():
        low, high = found.ci95
        lines.append(
            f"{pair}: {found.delta:+.1f} nDCG@10 (95% interval {low:+.1f} to {high:+.1f}, p {found.p:.3g})"
        )
    return printable("\n".join([*lines, *report.warnings]))


def printable(text: str) -> str:
    """``text`` without control characters: a corpus or a model must not steer the terminal."""
    return "".join(char for char in text if char in "\n\t" or char.isprintable())
