"""Step checks, to be read by hand: every verdict on the claims of seeded thoughts, or of known solutions.

    .venv/bin/python benchmarks/checks.py draw TRAJECTORIES.jsonl --n 100 --seed 0 --draw 0 --out read.jsonl
    .venv/bin/python benchmarks/checks.py draw MATH_TRAIN.jsonl --n 1000 --only fails --out read.jsonl
    .venv/bin/python benchmarks/checks.py report read.jsonl

``draw`` takes thoughts and answers of a trajectory log, or the "solution" of problems, which are known to be
right: what fails there is mostly a fault of the checker. It writes a line a verdict with the words around it.
A reader sets "right" in each line to true or false; ``report`` counts them, with 95% Wilson intervals.
``--draw 1`` is the next n texts of the same shuffle, none of which was in ``--draw 0``.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent.checks import check
from agent.grading import WORKERS
from training.evaluation.answers import wilson

AROUND = 100  # characters shown on both sides of a claim
VERDICTS = ("holds", "fails", "unknown")


def main() -> None:
    """Draw or report."""
    options = _options()
    if options.command == "draw":
        _draw(options)
    else:
        _report([json.loads(line) for line in options.source.open(encoding="utf-8")])


def _draw(options: argparse.Namespace) -> None:
    texts = sorted(_texts(options.source))
    random.Random(options.seed).shuffle(texts)  # noqa: S311
    drawn = texts[options.draw * options.n : (options.draw + 1) * options.n]
    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        checked = list(threads.map(_timed, [text for _, text in drawn]))
    taken = time.perf_counter() - started
    lines = [
        line
        for (key, text), (found, _) in zip(drawn, checked, strict=True)
        for line in _lines(key, text, found)
    ]
    counts = Counter(line["verdict"] for line in lines)
    print(f"{len(drawn)} texts, {len(lines)} claims: {dict(counts)}; {taken:.1f} s, ", end="")
    print(f"slowest text {max(seconds for _, seconds in checked):.2f} s")
    shown = [line for line in lines if options.only in ("", line["verdict"])]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in shown)
    options.out.write_text(text, encoding="utf-8")


def _timed(text: str) -> tuple[tuple[Any, ...], float]:
    started = time.perf_counter()
    return check(text, seconds=60.0), time.perf_counter() - started


def _lines(key: str, text: str, checks: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    for one in checks:
        start, end = one.span
        around = f"{text[max(0, start - AROUND) : start]}⟦{text[start:end]}⟧{text[end : end + AROUND]}"
        yield {"id": key, **one.model_dump(exclude={"span"}), "text": " ".join(around.split()), "right": None}


def _texts(source: Path) -> Iterator[tuple[str, str]]:
    """Keys and texts of a trajectory log or a file of problems."""
    for number, line in enumerate(source.open(encoding="utf-8"), 1):
        record = json.loads(line)
        if "steps" not in record:
            yield f"{record.get('id', number)}", record.get("solution") or record.get("answer") or ""
            continue
        for step in record["steps"]:
            if step["action"] in ("think", "answer"):
                yield f"{record['id']}/{step['n']}", step["text"]


def _report(lines: list[dict[str, Any]]) -> None:
    print("| verdict | read | right | share right (95% interval) |")
    print("| --- | --- | --- | --- |")
    for verdict in VERDICTS:
        judged = [line["right"] for line in lines if line["verdict"] == verdict and line["right"] is not None]
        if judged:
            low, high = wilson(sum(judged), len(judged))
            share = f"{sum(judged) / len(judged):.1%} ({low:.1%} to {high:.1%})"
            print(f"| {verdict} | {len(judged)} | {sum(judged)} | {share} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("draw", "report"))
    parser.add_argument("source", type=Path, help="trajectories or problems; for report, what draw wrote")
    parser.add_argument("--n", type=int, default=100, help="texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=int, default=0, help="which n texts of the shuffle")
    parser.add_argument("--only", choices=("", *VERDICTS), default="", help="write these verdicts only")
    parser.add_argument("--out", type=Path, default=Path("checks-read.jsonl"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
