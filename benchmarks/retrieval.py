"""nDCG@10, recall@10 and MRR@10 of bm25, base and hybrid by exact search, as a Markdown table.

    .venv/bin/python benchmarks/retrieval.py --corpus theorems.jsonl --corpus proofwiki.jsonl \\
        --queries theoremqa_dev.jsonl

The same numbers as ``rader eval retrieval``, for several query files in one run: --queries may be repeated,
the corpus is read and encoded once. Intervals are 95% bootstrap, p is the paired randomisation test's;
seconds only compare within a table. --out takes everything as JSON. Vectors are kept in RADER_HOME.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from retriever.corpus import Corpus
from retriever.queries import read_queries
from training.evaluation.reports import RetrievalConfig, RetrievalReport
from training.evaluation.retrieval import evaluate_retrieval
from ui.assemble import Studio
from ui.settings import load_settings

NAMES = ("bm25", "base", "hybrid")


def main() -> None:
    """Evaluate every query file, print a table for each."""
    options = _options()
    corpus = Corpus.from_files(options.corpus)
    config = RetrievalConfig(field=options.field, seed=options.seed)
    studio = Studio(load_settings(), _watch)
    reports = []
    for file in options.queries:
        retrievers = {name: studio.exact(name, corpus) for name in options.retriever or NAMES}
        report = evaluate_retrieval(
            corpus, read_queries(file), retrievers, config=config, benchmark=file.stem
        )
        print(f"\n{table(report)}\n", flush=True)
        reports.append(report)
    studio.close()
    if options.out:
        text = json.dumps([report.model_dump(mode="json") for report in reports], indent=2)
        options.out.write_text(text + "\n", encoding="utf-8")


def table(report: RetrievalReport) -> str:
    """A report in Markdown: a row a retriever, a line a pair, then settings and warnings."""
    settings = report.settings
    lines = [
        f"**{report.benchmark}**, {report.n} queries ({settings['field']}), {settings['passages']} passages",
        "",
        "| retriever | nDCG@10 (95% CI) | recall@10 | MRR@10 | seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, result in report.results.items():
        low, high = result.ci95
        scores = f"{result.ndcg:.1f} ({low:.1f} to {high:.1f}) | {result.recall:.1f} | {result.mrr:.1f}"
        lines.append(f"| {name} | {scores} | {result.seconds:.1f} |")
    lines.append("")
    for name, pair in report.paired.items():
        low, high = pair.ci95
        lines.append(f"- {name}: {pair.delta:+.1f} ({low:+.1f} to {high:+.1f}), p = {pair.p:.4f}")
    shown = {key: value for key, value in settings.items() if key not in ("field", "passages", "retrievers")}
    lines += [f"- {', '.join(f'{key} {value}' for key, value in shown.items())}"]
    lines += [f"- {name}: {json.dumps(each)}" for name, each in settings["retrievers"].items()]
    return "\n".join(lines + [f"- {warning}" for warning in report.warnings])


def _watch(what: str, done: int, total: int) -> None:
    print(f"\r{what}: {done:,} of {total:,}", end="", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, action="append", required=True)
    parser.add_argument("--queries", type=Path, action="append", required=True)
    parser.add_argument("--field", choices=("query", "cot"), default="query")
    parser.add_argument("--retriever", action="append", help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
