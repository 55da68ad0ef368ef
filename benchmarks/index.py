"""What the index costs beside the encoder: one query, a build, an update of 1%.

    .venv/bin/python benchmarks/index.py [CORPUS.jsonl …] [--n 23000] [--encoder FOLDER] [--queries FILE]

Without a corpus the passages are seeded nonsense of 5 to 120 words; without --encoder the pulled default
encoder reads them. All is measured in one run: the encoder's own seconds are taken within the build, and
each query is encoded once alone and once in a search, turn and turn about. "Beside the encoder" is what a
search says that it took for the rest. Cold is a new process: import, open the index, load the encoder, first
search. The table goes to standard output, all numbers to --out.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.index import build_index, open_index
from retriever.passage import Passage
from retriever.search import Mode, Retriever
from ui.assemble import Studio
from ui.settings import load_settings

# ruff: noqa: SIM905 - a list would be sixty lines
WORDS = """
group ring field prime integer matrix vector space limit sequence series sum product theorem lemma proof
function continuous compact open closed set subset union graph vertex edge path cycle tree angle triangle
circle chord area volume derivative integral measure probability random variable expectation variance
distribution polynomial root degree coefficient equation inequality bound norm inner orthogonal basis kernel
""".split()
MODES: tuple[Mode, ...] = ("base", "hybrid")
SHARE = 0.01  # of the passages that an update changes
COLD = 3  # processes


class Timed(Encoder):
    """An encoder that adds up the seconds it works."""

    seconds = 0.0

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        """As `Encoder.encode_passages`."""
        start = time.perf_counter()
        try:
            return super().encode_passages(passages, progress)
        finally:
            self.seconds += time.perf_counter() - start


def main() -> None:
    """Build, update, search; print the tables."""
    options = _options()
    if options.cold:
        print(json.dumps(cold(options)))
        return
    passages = some_passages(options)
    with tempfile.TemporaryDirectory(prefix="rader-benchmark-") as folder:
        home = Path(options.home or folder)
        encoder = timed_encoder(options)
        record: dict[str, Any] = {"n": len(passages), "encoder": encoder.name, "options": vars(options)}
        record["build"] = builds(home, passages, encoder)
        print_builds(record["build"])
        queries = some_queries(options, passages)
        record["query"] = {mode: searches(home, encoder, queries, mode, options.k) for mode in MODES}
        record["cold"] = [cold_process(home, queries[i], options) for i in range(COLD)]
        print_queries(record)
    if options.out:
        options.out.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def builds(home: Path, passages: list[Passage], encoder: Timed) -> dict[str, float]:
    """A full build and an update, in seconds, with the encoder's share of both."""
    seconds: dict[str, float] = {}
    for name, corpus in (("full", Corpus(passages)), ("update", Corpus(updated(passages)))):
        encoder.seconds, start = 0.0, time.perf_counter()
        info = build_index(home, corpus, encoder)
        seconds |= {name: time.perf_counter() - start, f"{name} encoder": encoder.seconds}
        seconds[f"{name} encoded"] = info.encoded
    return seconds


def updated(passages: list[Passage]) -> list[Passage]:
    """The passages with 1% of them changed, a third each: another text, removed, added."""
    dice = random.Random(1)  # noqa: S311
    chosen = dice.sample(range(len(passages)), max(3, round(SHARE * len(passages))))
    changed, removed, added = chosen[::3], set(chosen[1::3]), chosen[2::3]
    now = dict(enumerate(passages))
    for row in changed:
        now[row] = passages[row].model_copy(update={"text": passages[row].text + " (revised)"})
    new = [
        passages[row].model_copy(update={"id": f"new {row}", "text": passages[row].text[::-1]})
        for row in added
    ]
    return [passage for row, passage in now.items() if row not in removed] + new


def searches(home: Path, encoder: Encoder, queries: list[str], mode: Mode, k: int) -> dict[str, list[float]]:
    """Milliseconds of each query: encoded alone, and searched."""
    index = open_index(home, encoder)
    retriever = Retriever(index, encoder, mode)
    for query in queries[:5]:
        retriever.search(query, k)
    alone, total, beside = [], [], []
    for turn, query in enumerate(queries):
        steps: list[tuple[list[float], Callable[[], Any]]] = [
            (alone, lambda query=query: encoder.encode_queries([query])),
            (total, lambda query=query: retriever.search(query, k)),
        ]
        for kept, step in steps if turn % 2 else reversed(steps):
            start = time.perf_counter()
            found = step()
            kept.append((time.perf_counter() - start) * 1000)
            if kept is total:
                beside.append(found.ms["total"] - found.ms["encode"])
    index.close()
    return {"encoder": alone, "search": total, "beside": beside}


def cold_process(home: Path, query: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a new process up to its first answer."""
    encoder = ["--encoder", options.encoder] if options.encoder else []
    command = [sys.executable, __file__, "--cold", query, "--home", home, *encoder, "-k", str(options.k)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds | {"process": time.perf_counter() - start}


def cold(options: argparse.Namespace) -> dict[str, float]:
    """Open everything and search once."""
    seconds, start = {}, time.perf_counter()
    encoder = timed_encoder(options)
    index = open_index(options.home, encoder)
    seconds["open index"] = time.perf_counter() - start
    encoder.load()
    seconds["load encoder"] = time.perf_counter() - start - seconds["open index"]
    result = Retriever(index, encoder).search(options.cold, options.k)
    return seconds | {"first search": result.ms["total"] / 1000}


def timed_encoder(options: argparse.Namespace) -> Timed:
    """The encoder of --encoder, or the default one."""
    settings = load_settings()
    path = options.encoder or Studio(settings).weights(settings.encoder)
    return Timed(path, max_passage_tokens=settings.passage_tokens)


def some_passages(options: argparse.Namespace) -> list[Passage]:
    """A seeded draw from the corpora, or seeded nonsense."""
    dice = random.Random(options.seed)  # noqa: S311
    if options.corpora:
        passages = list(Corpus.from_files(options.corpora, skip_bad=True))
        return dice.sample(passages, min(options.n, len(passages)))
    texts = (" ".join(dice.choices(WORDS, k=dice.randint(5, 120))) for _ in range(options.n))
    return [Passage(id=f"p/{i}", title=f"Theorem {i}", text=text) for i, text in enumerate(texts)]


def some_queries(options: argparse.Namespace, passages: list[Passage]) -> list[str]:
    """Queries of a file ({"query": …} a line), or beginnings of passages."""
    if options.queries:
        lines = options.queries.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["query"] for line in lines][: options.times]
    drawn = random.Random(2).choices(passages, k=options.times)  # noqa: S311
    return [" ".join(passage.text.split()[:30]) for passage in drawn]


def print_builds(seconds: dict[str, float]) -> None:
    """(b) and (c)."""
    for name in ("full", "update"):
        own, encoder, encoded = (seconds[key] for key in (name, f"{name} encoder", f"{name} encoded"))
        print(f"{name}: {own:.2f} s, {encoded:.0f} encoded in {encoder:.2f} s, rest {own - encoder:.2f} s")
    print(f"passages/s of the build over the bare encoder's: {seconds['full encoder'] / seconds['full']:.3f}")
    print(f"update of {SHARE:.0%} over a full build: {seconds['update'] / seconds['full']:.4f}", flush=True)


def print_queries(record: dict[str, Any]) -> None:
    """(a)."""
    print("| mode | encoder p50 | p99 | search p50 | p99 | beside the encoder p50 | p99 | ratio of p50 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for mode, times in record["query"].items():
        cells = [
            f"{np.percentile(times[name], p):.2f}"
            for name in ("encoder", "search", "beside")
            for p in (50, 99)
        ]
        ratio = statistics.median(times["search"]) / statistics.median(times["encoder"])
        print(f"| {mode} | {' | '.join(cells)} | {ratio:.3f} |")
    for name in record["cold"][0]:
        print(f"cold, {name}: {statistics.median(one[name] for one in record['cold']):.2f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", type=Path, nargs="*")
    parser.add_argument("--n", type=int, default=23_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", default="", help="a folder; default: the pulled default encoder")
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--times", type=int, default=300, help="queries")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--home", default="", help="where the index goes and stays; default: away afterwards")
    parser.add_argument("--cold", default="", help="used by itself")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
