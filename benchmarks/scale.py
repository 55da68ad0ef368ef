"""How the index grows: seeded vectors of 384 dimensions, in a folder, on a Chroma server, and exactly.

    .venv/bin/python benchmarks/scale.py [--sizes 10000,100000] [--places folder,server] [--queries 200]

1,000,000 works too and takes hours and some 15 GB of disk: `--sizes 10000,100000,1000000`. The vectors are
drawn around seeded centres, as those of texts lie in heaps (`--spread` says how wide; `--centres 0` draws
them evenly, the worst case for any graph); queries likewise, and they are not in the index. Passages are ten
seeded words each. Every step is a process of its own, so that its memory is its own: build, then open and
search. The server is a real `chroma run`, started and ended here; its memory is counted beside ours, its disk
with ours. The table goes to standard output, all numbers to --out.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

from retriever.corpus import Corpus
from retriever.encoder import Encoder, Progress, Vectors
from retriever.index import ChromaServer, Index, build_index, open_index
from retriever.passage import Passage

DIM = 384
K = 10
QUERIES = 1 << 40  # the first row of queries
COLUMNS = {
    "build s": "{build[seconds]:.0f}",
    "build GB": "{build[memory]:.2f}",
    "disk GB": "{build[disk]:.2f}",
    "open s": "{search[open]:.2f}",
    "first ms": "{search[first]:.0f}",
    "p50 ms": "{search[p50]:.2f}",
    "p99 ms": "{search[p99]:.2f}",
    "recall@10": "{search[recall]:.3f}",
    "filter p50 ms": "{search[filtered]:.2f}",
    "exact p50 ms": "{search[exact]:.2f}",
    "GB": "{search[memory]:.2f}",
    "server GB": "{search[server]:.2f}",
}


class Seeded(Encoder):
    """An encoder that draws vectors instead of reading: passage ``i`` has the vector of row ``i``."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.query_prompt = self.passage_prompt = ""
        self.cut_queries = self.cut_passages = 0

    name = "seeded"  # type: ignore[assignment]
    dim = DIM  # type: ignore[assignment]

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        """Of what decides the vectors."""
        drawn = [self.options.seed, self.options.centres, self.options.spread]
        return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        """As many vectors, not those of passages."""
        return np.stack([self._vector(QUERIES + row) for row in range(len(queries))])

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        """The vectors of the rows that the ids are."""
        del progress
        return np.stack([self._vector(int(passage.id)) for passage in passages])

    @cached_property
    def _centres(self) -> Vectors:
        shape = (self.options.centres, DIM)
        return np.random.default_rng(self.options.seed).standard_normal(shape, dtype=np.float32)

    def _vector(self, row: int) -> Vectors:
        options = self.options
        dice = np.random.default_rng(
            [options.seed, row + 1]
        )  # of its own, since they are asked for in no order
        vector = dice.standard_normal(DIM, dtype=np.float32)
        if options.centres:
            vector = self._centres[dice.integers(options.centres)] + options.spread * vector
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def main() -> None:
    """Every size in every place."""
    options = _options()
    if options.step:
        server = ChromaServer(options.url, timeout=600) if options.url else None
        step = build if options.step == "build" else search
        print(json.dumps(step(options, server)))
        return
    print(f"| vectors | where | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 2)}", flush=True)
    rows = []
    for size in map(int, options.sizes.split(",")):
        for place in options.places.split(","):
            rows.append(measured(options, size, place))
            cells = (template.format(**rows[-1]) for template in COLUMNS.values())
            print(f"| {size:,} | {place} | {' | '.join(cells)} |", flush=True)
            if options.out:
                options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measured(options: argparse.Namespace, size: int, place: str) -> dict[str, Any]:
    """Build and search in processes of their own."""
    folder = Path(tempfile.mkdtemp(prefix="rader-scale-", dir=options.folder))
    found: dict[str, Any] = {"size": size, "place": place}
    try:
        with served(folder / "server") if place == "server" else contextlib.nullcontext() as server:
            for step in ("build", "search"):
                arguments = ["--step", step, "--size", size, "--home", folder / "home"]
                arguments += ["--url", server.url] if server else []
                found[step] = child(options, arguments)
                found[step]["server"] = memory_of(server.process) if server else 0.0
            found["build"]["disk"] = disk(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def build(options: argparse.Namespace, server: ChromaServer | None) -> dict[str, float]:
    """Seconds and peak memory of a build."""
    dice = random.Random(options.seed)  # noqa: S311
    words = [f"w{i:05}" for i in range(20_000)]
    passages = [
        Passage(id=f"{i:08}", text=" ".join(dice.choices(words, k=10)), kind="code" if i % 10 else "theorem")
        for i in range(options.size)
    ]
    start = time.perf_counter()
    build_index(options.home, Corpus(passages), Seeded(options), server=server)
    return {"seconds": time.perf_counter() - start, "memory": peak()}


def search(options: argparse.Namespace, server: ChromaServer | None) -> dict[str, float]:
    """Milliseconds of searches, the share of the nearest that they find, peak memory before exact search."""
    encoder = Seeded(options)
    queries = encoder.encode_queries([""] * options.queries)
    start = time.perf_counter()
    index = open_index(options.home, encoder, server=server)
    seconds = time.perf_counter() - start
    first, _ = timed(index, queries[:1])
    times, found = timed(index, queries)
    filtered, _ = timed(index, queries[:20], {"kind": ["theorem"]})
    numbers = {"open": seconds, "first": first[0], "memory": peak(), "filtered": float(np.median(filtered))}
    numbers |= {"p50": float(np.median(times)), "p99": float(np.percentile(times, 99))}
    ids, matrix = index.vectors()
    exact, hits = [], 0
    for query, near in zip(queries, found, strict=True):
        start = time.perf_counter()
        best = np.argpartition(-(matrix @ query), K)[:K]
        exact.append((time.perf_counter() - start) * 1000)
        hits += len({ids[row] for row in best} & set(near))
    index.close()
    return numbers | {"exact": float(np.median(exact)), "recall": hits / (K * len(queries))}


def timed(
    index: Index, queries: Vectors, where: dict[str, list[str]] | None = None
) -> tuple[list[float], list[list[str]]]:
    """Milliseconds of each query, and the ids found."""
    times, found = [], []
    for query in queries:
        start = time.perf_counter()
        hits = index.search(query, K, where)
        times.append((time.perf_counter() - start) * 1000)
        found.append([passage.id for passage, _ in hits])
    return times, found


class Served(NamedTuple):
    """A running server: its address and its process."""

    url: str
    process: int


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A Chroma server on a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir(parents=True)
    url, script = f"http://127.0.0.1:{port}", Path(sys.executable).with_name("chroma")
    command = [script, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/api/v2/heartbeat")
                break
            assert server.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield Served(url, server.pid)
    finally:
        server.terminate()
        server.wait()


def child(options: argparse.Namespace, arguments: list[Any]) -> dict[str, float]:
    """What a step in a process of its own prints."""
    same = ["--seed", options.seed, "--centres", options.centres, "--spread", options.spread]
    same += ["--queries", options.queries]
    command = [sys.executable, __file__, *map(str, arguments + same)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def peak() -> float:
    """Most memory that this process has had so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def memory_of(process: int) -> float:
    """Most memory that another process has had so far, GB; Linux."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


def disk(folder: Path) -> float:
    """What lies in a folder, GB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--places", default="folder,server")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--centres", type=int, default=1000)
    parser.add_argument(
        "--spread", type=float, default=0.7, help="of vectors around a centre; centres have 1"
    )
    parser.add_argument("--folder", type=Path, help="a disk with room")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--step", choices=("build", "search"), help="used by itself, and the three below")
    parser.add_argument("--size", type=int)
    parser.add_argument("--home")
    parser.add_argument("--url", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
