"""Leakage: does training see what a benchmark asks?

    report = check(prompt_texts(), [read_benchmark("theoremqa_dev.jsonl")])
    refuse(report)

Every training query, prompt and few-shot example is compared with every query of every benchmark: the same
words, nearly the same words, or thirteen words in a row (`training.leakage.overlap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import chain

from pydantic import BaseModel, ConfigDict

from retriever.errors import RaderError
from training.leakage.benchmarks import Benchmark
from training.leakage.overlap import Kind, OverlapIndex

EXAMPLES = 5  # that a report shows of a benchmark
SHOWN = 200  # characters of an example
FLAG = "--allow-leakage"
_PROMPTS = ("agent", "training", "retriever")  # packages with a folder of prompts


class LeakageError(RaderError):
    """Training data, a prompt or an example repeats what a benchmark asks."""


class Leak(BaseModel):
    """One text that repeats a benchmark's; ``share`` of that text's runs of three words, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    place: str
    text: str
    benchmark_id: str
    benchmark_text: str
    share: float


class BenchmarkLeaks(BaseModel):
    """What was found of one benchmark: texts in it, hits by kind, the first examples."""

    model_config = ConfigDict(extra="forbid")

    texts: int
    sha256: str
    same: int = 0
    near: int = 0
    run: int = 0
    examples: list[Leak] = []

    @property
    def hits(self) -> int:
        """Training texts that repeat this benchmark."""
        return self.same + self.near + self.run


class LeakageReport(BaseModel):
    """What goes with a model: texts checked, and what was found of each benchmark.

    ``kept`` says that the hits were trained on all the same; else what was found was left out or refused.
    """

    model_config = ConfigDict(extra="forbid")

    checked: int = 0
    kept: bool = False
    benchmarks: dict[str, BenchmarkLeaks]

    @property
    def hits(self) -> int:
        """Texts that repeat a benchmark."""
        return sum(each.hits for each in self.benchmarks.values())


class Watch:
    """Looks at texts as they go by.

    Args:
        benchmarks: What to stay away from, with different names.
    """

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self._index = OverlapIndex(chain.from_iterable(each.references for each in benchmarks))
        self._report = LeakageReport(
            benchmarks={
                each.name: BenchmarkLeaks(texts=len(each.references), sha256=each.sha256)
                for each in benchmarks
            }
        )

    @property
    def names(self) -> list[str]:
        """Of the benchmarks."""
        return list(self._report.benchmarks)

    def found(self, place: str, text: str) -> bool:
        """Whether a text repeats a benchmark's; it is counted.

        Args:
            place: Where it is from, for the report.
            text: Any.
        """
        self._report.checked += 1
        overlap = self._index.find(text)
        if overlap is None:
            return False
        leaks, reference = self._report.benchmarks[overlap.reference.benchmark], overlap.reference
        setattr(leaks, overlap.kind, getattr(leaks, overlap.kind) + 1)
        if len(leaks.examples) < EXAMPLES:
            leaks.examples.append(
                Leak(
                    kind=overlap.kind,
                    place=place,
                    text=text[:SHOWN],
                    benchmark_id=reference.id,
                    benchmark_text=reference.text[:SHOWN],
                    share=overlap.share,
                )
            )
        return True

    def report(self, *, kept: bool = False) -> LeakageReport:
        """What was found so far."""
        return self._report.model_copy(update={"kept": kept}, deep=True)


def check(texts: Iterable[tuple[str, str]], benchmarks: Sequence[Benchmark]) -> LeakageReport:
    """Compare texts with benchmarks.

    Args:
        texts: Place and text of each, such as `prompt_texts` gives.
        benchmarks: From `training.leakage.benchmarks`.
    """
    watch = Watch(benchmarks)
    for place, text in texts:
        watch.found(place, text)
    return watch.report()


def refuse(report: LeakageReport, *, allow: bool = False) -> None:
    """Stop where something was found, unless it is allowed.

    Raises:
        LeakageError: Names the first hit of each benchmark, three at most.
    """
    if allow or not report.hits:
        return
    leaks = {name: each for name, each in report.benchmarks.items() if each.hits}
    told = [f"{name}: {each.hits:,}, such as {_told(each)}" for name, each in list(leaks.items())[:3]]
    raise LeakageError(
        f"{report.hits:,} of {report.checked:,} texts repeat what a benchmark asks ({'; '.join(told)})",
        f"Leave them out (rader triples … --benchmark does), or go on all the same with {FLAG}",
    )


def prompt_texts() -> Iterator[tuple[str, str]]:
    """Every paragraph of every prompt of the product, few-shot examples among them."""
    for package in _PROMPTS:
        for file in sorted((files(package) / "prompts").iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".md"):
                parts = file.read_text(encoding="utf-8").split("\n\n")
                yield from ((f"{package}/prompts/{file.name}", part) for part in parts if part.strip())


def _told(leaks: BenchmarkLeaks) -> str:
    first = leaks.examples[0]
    return f"{first.place} ({first.kind}) of {first.benchmark_id}"
