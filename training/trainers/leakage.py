"""Before a training: do its triples repeat what a benchmark of this machine asks?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from retriever.jsonl import rows
from training.leakage.benchmarks import found_benchmarks, read_benchmark
from training.leakage.watch import check, prompt_texts, refuse
from training.triples.records import FILES


def leakage(
    triples: Path, home: Path, benchmarks: Sequence[str] = (), *, allow: bool = False
) -> dict[str, Any]:
    """What run.json says of leakage: the report, None where there is no benchmark to compare with.

    Args:
        triples: Folder of triples; their queries and the product's prompts are looked at.
        home: The product's folder, whose benchmarks are always looked at.
        benchmarks: Others, as `training.leakage.benchmarks.read_benchmark` takes them.
        allow: Train all the same; the report says so.

    Raises:
        LeakageError: Something was found, and it is not allowed.
        BadInputError: A benchmark or the triples cannot be read.
    """
    names = dict.fromkeys([*benchmarks, *found_benchmarks(home)])
    if not names:
        return {"leakage": None}
    found = check(chain(_queries(triples), prompt_texts()), [read_benchmark(name) for name in names])
    refuse(found, allow=allow)
    return {"leakage": found.model_copy(update={"kept": allow}).model_dump(mode="json")}


def _queries(folder: Path) -> Iterator[tuple[str, str]]:
    """Of what is there; a line that is none is refused when it is read to train on."""
    for file in (folder / name for name in FILES.values() if (folder / name).exists()):
        for place, row in rows(file):
            if isinstance(row, dict) and isinstance(row.get("query"), str):
                yield str(row.get("id") or place), str(row["query"])
