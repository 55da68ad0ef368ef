"""Triples: from trajectories to (query, passage that helped, hard negatives), the input of every trainer.

    report = make_triples(TrajectoryFiles([Path("collected")]), [shipped_theorems()], Path("triples"))

DIR/
├── triples.jsonl      to train on
├── validation.jsonl   problems that training does not see
├── corpus.jsonl      the passages that both name, so that the folder can be taken elsewhere
├── leakage.json       what was too like a benchmark, where there are benchmarks to compare with
└── report.json        counts, what was left out and why, hashes of what went in; written last

The files appear when they are whole. Trajectories are read twice and never held: what must be remembered of
all of them is on disk while it lasts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.files import storage_errors, write_atomically
from retriever.locks import alone
from training.proofs.files import write_whole
from training.trajectories.files import TrajectoryFiles
from training.triples.ledger import Ledger
from training.triples.pending import Helpers, Making, Progress
from training.triples.records import (
    FILES,
    Side,
    Triple,
    TriplesConfig,
    TriplesReport,
    warnings_of,
)

__all__ = ["Helpers", "Triple", "TriplesConfig", "TriplesReport", "make_triples"]

_WORK = ".making"  # below OUT: files that are not whole yet, and the ledger


def make_triples(
    sources: TrajectoryFiles,
    corpora: Sequence[Corpus],
    out: Path,
    config: TriplesConfig | None = None,
    helpers: Helpers | None = None,
    progress: Progress | None = None,
) -> TriplesReport:
    """Write triples, validation, the passages they name, and the report, into ``OUT``.

    The same input gives the same bytes. What was there before is replaced once everything is done.

    Args:
        sources: The trajectories.
        corpora: Passages whose ids the trajectories name; ids are unique over all of them. What is held out
            depends on each corpus alone, not on what stands beside it.
        out: Folder to write to.
        config: How; None takes the defaults.
        helpers: Retrievers that mine, a model that writes, benchmarks to stay away from.
        progress: Called with (what is done, trajectories done, trajectories in all).

    Raises:
        BadInputError: A trajectory is of another schema, the corpora hold none of the passages, nothing is
            left to learn from, or another process writes here.
        StorageError: ``out`` cannot be written to.
    """
    config, helpers = config or TriplesConfig(), helpers or Helpers()
    with storage_errors(out), _work(out) as work:
        with Ledger(work / "ledger.sqlite") as ledger:
            making = Making(sources, corpora, config, helpers, ledger, progress)
            making.survey()
            making.count(_write(work, making.triples()))
            named = (passage for passage in making.corpus if passage.id in making.named)
            write_whole(work / "corpus.jsonl", (one.model_dump_json(exclude_defaults=True) for one in named))
        report = _report(making, sources, config)
        if helpers.leakage:
            found = helpers.leakage.report(kept=config.allow_leakage)
            write_atomically(work / "leakage.json", found.model_dump_json(indent=2))
        (out / "report.json").unlink(missing_ok=True)  # it speaks of what is there
        (out / "leakage.json").unlink(missing_ok=True)
        for path in sorted(work.glob("*.json*")):
            path.replace(out / path.name)
        write_atomically(out / "report.json", report.model_dump_json(indent=2))
    return report


@contextmanager
def _work(out: Path) -> Iterator[Path]:
    """A folder for what is not whole yet; what a killed run left there is thrown away."""
    busy = BadInputError(f"another process makes triples in {out}", "Wait for it, or name another")
    work = out / _WORK
    with alone(out / "triples.lock", busy):
        try:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _write(work: Path, triples: Iterable[tuple[Side, Triple]]) -> Iterator[tuple[Side, Triple]]:
    """Write each triple to its side's file, and hand it on."""
    with ExitStack() as stack:
        files = {
            side: stack.enter_context((work / name).open("w", encoding="utf-8"))
            for side, name in FILES.items()
        }
        for side, triple in triples:
            files[side].write(triple.model_dump_json() + "\n")
            yield side, triple


def _report(making: Making, sources: TrajectoryFiles, config: TriplesConfig) -> TriplesReport:
    counts, triples = making.counts, making.counts["train"].total() + making.counts["validation"].total()
    if not triples:
        most = ", ".join(f"{reason} ({count:,})" for reason, count in making.dropped.most_common(2))
        raise BadInputError(
            f"no triple is left of {making.trajectories:,} trajectories: {most or 'there are none'}",
            "Collect more, or look at --types, --corpus and --approved",
        )
    return TriplesReport(
        triples=triples,
        train=dict(sorted(counts["train"].items())),
        validation=dict(sorted(counts["validation"].items())),
        trajectories=making.trajectories,
        problems=making.problems,
        theorems=making.theorems,
        negatives=round(making.negatives / triples, 2),
        without_negatives=making.without,
        dropped=dict(sorted((making.dropped + making.guard.dropped).items())),
        warnings=tuple(warnings_of(counts, making.without, making.merged)),
        skipped=tuple(sources.skipped),
        inputs=sources.sha256(),
        corpus_sha256=making.corpus.sha256,
        passages=len(making.corpus),
        settings=config.model_dump(mode="json") | making.helpers.settings(),
    )
