"""README.md of a trained model: data, scores, leakage, configuration, environment, limits.

    card = model_card("rader-2", run.report, verdict, leakage, triples)

Nothing is written by hand: what is not known is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from training.retrain.gate import Verdict

_LIMITS = """
Retrieval only: it says which theorem may help and not whether it does. It was compared on the sets above and
on nothing else; other fields, other languages and texts longer than it reads can be worse than its base.
Scores on small sets are as uncertain as their intervals are wide.
""".strip()


def model_card(
    name: str,
    run: Mapping[str, Any],
    verdict: Verdict | None = None,
    leakage: Mapping[str, Any] | None = None,
    triples: Mapping[str, Any] | None = None,
    against: str = "",
) -> str:
    """The card as Markdown.

    Args:
        name: Of the version.
        run: What run.json of the training says.
        verdict: Of the gate, with the scores.
        leakage: The report of `training.leakage`.
        triples: The report of `training.triples`.
        against: What it was compared with.
    """
    configuration = run.get("plan", {}).get("configuration", {})
    base = configuration.get("base", "")
    front = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity"]
    front += ["tags: [retrieval, mathematics, reasoning]", "---", "", f"# {name}", ""]
    front.append(f"A retriever of theorems for steps of reasoning, trained from `{base}` by RaDeR Studio.")
    parts = {
        "Scores": _scores(verdict, against or base) if verdict else "",
        "Training data": "\n".join(_data(run, triples or {})),
        "Leakage": "\n".join(_leakage(leakage)) if leakage else "No benchmark was at hand to compare with.",
        "Training": "\n".join(_training(run)),
        "Configuration": _json(configuration),
        "Environment": _json(run.get("environment", {})),
        "Limits": _LIMITS,
    }
    body = [f"## {title}\n\n{text}" for title, text in parts.items() if text]
    return "\n".join(front) + "\n\n" + "\n\n".join(body) + "\n"


def _scores(verdict: Verdict, against: str) -> str:
    lines = [
        f"nDCG@10 in points of 100 against `{against}`, exact search; differences are of the same queries, "
        "with 95% bootstrap intervals.",
        "",
        "| queries | n | before | this | 95% interval | difference | 95% interval |",
        "| --- | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    for name, each in verdict.compared.items():
        old, new = each.promoted["ndcg@10"], each.new["ndcg@10"]
        lines.append(
            f"| {name} | {each.n} | {old:.1f} | {new:.1f} | {_interval(each.new_ci95)} "
            f"| {each.delta:+.1f} | {_interval(each.ci95)} |"
        )
    if verdict.steps:
        n, delta, ci95 = verdict.steps
        lines.append(f"| step queries together | {n} | | | | {delta:+.1f} | {_interval(ci95)} |")
    return "\n".join(lines)


def _data(run: Mapping[str, Any], triples: Mapping[str, Any]) -> Iterator[str]:
    rows = run.get("counts", {}).get("rows", {})
    if rows:
        yield f"- {sum(rows.values()):,} triples: " + ", ".join(f"{n:,} {kind}" for kind, n in rows.items())
    if triples:
        yield (
            f"- of {triples['trajectories']:,} trajectories, {triples['problems']:,} problems, "
            f"{triples['theorems']:,} theorems; {triples['negatives']:g} hard negatives a query"
        )
        yield from (f"- left out, {reason}: {n:,}" for reason, n in triples.get("dropped", {}).items())
        yield from (f"- sha256 of {file}: `{mark}`" for file, mark in triples.get("inputs", {}).items())
    plan = run.get("plan", {})
    yield from (f"- sha256 of {name}: `{plan[name]}`" for name in ("triples", "corpus") if plan.get(name))


def _leakage(report: Mapping[str, Any]) -> Iterator[str]:
    fate = "and were trained on all the same" if report.get("kept") else "and were left out"
    hits = sum(_hits(each) for each in report["benchmarks"].values())
    yield f"{report['checked']:,} texts were compared with these; {hits:,} repeat one {fate}.\n"
    yield from (
        f"- {name}: {each['texts']:,} texts, {_hits(each):,} repeated"
        for name, each in report["benchmarks"].items()
    )


def _hits(leaks: Mapping[str, Any]) -> int:
    return sum(int(leaks.get(kind, 0)) for kind in ("same", "near", "run"))


def _training(run: Mapping[str, Any]) -> Iterator[str]:
    result = run.get("result", {})
    if result:
        yield (
            f"{result['steps']:,} steps in {result['seconds']:,} s, {result['samples_per_second']:g} triples "
            "a second."
        )
    if result.get("best") is not None:
        yield f"Best on the validation rows at step {result['best_step']}: nDCG@10 {result['best']:.1f}."


def _interval(ci95: tuple[float, float]) -> str:
    return f"{ci95[0]:.1f} to {ci95[1]:.1f}"


def _json(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```" if value else ""
