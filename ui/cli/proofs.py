"""``rader import-proofs``: trajectories out of written proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.cli import options
from ui.output import JsonFlag, Reporter


def import_proofs(
    statements: Annotated[Path, typer.Argument(help='JSONL of {"id", "title", "text", "aliases"?}.')],
    proofs: Annotated[Path, typer.Argument(help='JSONL of {"id", "proof"}; the id is the statement\'s.')],
    premises: Annotated[Path, typer.Argument(help='JSONL of {"id", "premises": [id, …]}: what it cites.')],
    out: Annotated[Path, typer.Option(help="Folder for trajectories.jsonl and report.json.")],
    skip_bad: options.SkipBad = False,
    as_json: JsonFlag = False,
) -> None:
    """Turn proofs into trajectories: the steps before a citation reason, what is cited is the theorem.

    The names of cited statements are taken out of the text, so that a theorem is found by what it says.
    """
    from training.proofs.importer import import_proofs as imported

    reporter = Reporter(as_json)
    with reporter.progress() as watch:
        report = imported(
            statements,
            proofs,
            premises,
            out,
            skip_bad=skip_bad,
            progress=lambda done: watch("reading proofs", done, 0),
        )
    lines = [
        f"{report.trajectories:,} trajectories with {report.pairs:,} step-to-theorem pairs "
        f"from {report.proofs:,} proofs, in {out / 'trajectories.jsonl'}",
        *(f"left out, {reason}: {count:,}" for reason, count in report.dropped.items()),
    ]
    if report.skipped:
        lines.append(f"{len(report.skipped)} bad lines left out, the first: {report.skipped[0]}")
    reporter.result(report.model_dump(), "\n".join(lines))
