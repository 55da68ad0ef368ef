"""Every benchmark in one run, and one table of it: ``make bench``; at full size ``make bench FULL=1 DATA=D``.

    .venv/bin/python benchmarks/bench.py [--full --data DIR] [--only retrieval,peers] [--out RESULTS.md]

The small size takes some minutes on two cores, needs nothing but the installation and pulls the default
models. ``--data`` names a folder with theoremqa_theorems.jsonl, theoremqa_dev.jsonl and proofwiki.jsonl for
the full size. Each suite is a process; one that fails is named in the table with its last line, the others
go on. What a suite found is kept in ``--work`` and taken from there by the next run of the same commit and
size, so that a run that was stopped goes on; where files were changed since the commit, all is run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from suites import HERE, SUITES, Row, Suite

ROOT = HERE.parent
PACKAGES = ("torch", "sentence-transformers", "chromadb", "bm25s", "langgraph", "xllamacpp", "gradio")


class Done(NamedTuple):
    """What came of a suite."""

    suite: Suite
    command: str
    seconds: float
    rows: list[Row]
    error: str = ""


def main() -> None:
    """Run the suites, write the table."""
    options = _options()
    wanted = [suite for suite in SUITES if not options.only or suite.name in options.only.split(",")]
    work = options.work / f"{commit()}-{'full' if options.full else 'small'}"
    work.mkdir(parents=True, exist_ok=True)
    done = []
    for suite in wanted:
        print(f"{suite.name} …", file=sys.stderr, flush=True)
        done.append(ran(suite, options, work))
        print(f"{suite.name}: {done[-1].error or f'{done[-1].seconds:.0f} s'}", file=sys.stderr, flush=True)
        options.out.write_text(page(done, full=options.full), encoding="utf-8")
    print(f"written to {options.out}")
    sys.exit(any(each.error for each in done))


def ran(suite: Suite, options: argparse.Namespace, work: Path) -> Done:
    """One suite in a process of its own, or what it found before."""
    out, log = work / f"{suite.name}.json", work / f"{suite.name}.log"
    arguments = suite.full if options.full else suite.small
    places = {"data": str(options.data or "DATA"), "work": str(work)}
    shown = f"benchmarks/{suite.script} {arguments}".replace("{data}", "DATA").replace("{work}", "WORK")
    if "{data}" in arguments and not options.data:
        return Done(suite, shown, 0.0, [], "left out: it needs DATA (see the head of benchmarks/bench.py)")
    start = time.perf_counter()
    if "+" in work.name or not out.exists():
        steps = [["-m", "ui.cli", *shlex.split(suite.prepare.format(**places))]] if suite.prepare else []
        own = ["--out", str(work / suite.name if suite.name == "answers" else out)]
        steps.append([str(HERE / suite.script), *shlex.split(arguments.format(**places)), *own])
        for step in steps:
            if failed := _run(step, log):
                return Done(suite, shown, time.perf_counter() - start, [], failed)
    found = work / suite.name / "report.json" if suite.name == "answers" else out
    rows = list(suite.rows(json.loads(found.read_text(encoding="utf-8"))))
    return Done(suite, shown, time.perf_counter() - start, rows)


def _run(arguments: list[str], log: Path) -> str:
    """Why a process failed, in one line; empty where it did not."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with log.open("ab") as file:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, check=False, cwd=ROOT, env=environment, stdout=file, stderr=file)
    if not done.returncode:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"failed with {done.returncode}: {lines[-1][:200] if lines else 'nothing was said'} (see {log})"


def page(done: list[Done], *, full: bool) -> str:
    """The table with all that is needed to get it again."""
    lines = ["# Results", "", *(f"{line}  " for line in machine(full)), ""]
    lines += ["| suite | what | result | beside | n |", "| --- | --- | --- | --- | --- |"]
    for each in done:
        lines += [f"| {each.suite.name} | {' | '.join(row)} |" for row in each.rows]
        if each.error:
            lines.append(f"| {each.suite.name} | **not measured** | {each.error} | | |")
    lines += ["", "× is a ratio of times or rates within this run; brackets are 95% intervals.", ""]
    lines += [f"- {each.suite.name} ({each.seconds:.0f} s): `{each.command}`" for each in done]
    lines += ["", "Studies at full size, and what was tried and failed: [STUDIES.md](STUDIES.md).", ""]
    return "\n".join(lines)


def machine(full: bool) -> Iterator[str]:
    """What it ran on."""
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    yield f"`make bench{' FULL=1' if full else ''}` of {commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    python = f"Python {platform.python_version()}"
    yield f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, {python}{load}"
    yield ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def commit() -> str:
    """The commit that is checked out; a plus sign where files were changed since."""
    command = ["git", "describe", "--always", "--dirty=+"]
    found = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() or "no commit"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the sizes of the studies; takes many hours")
    parser.add_argument("--data", type=Path, help="development sets, for the full size")
    parser.add_argument("--only", help="names of suites, separated by commas")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench", help="where runs are kept")
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
