"""The suites of ``make bench``: what each runs at its small and at its full size, and its lines of the table.

A script's ``--out`` is what ``rows`` reads.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
HELD_OUT = "benchmarks/data/held_out.jsonl"
SHIPPED = "retriever/data/theorems.jsonl"


class Row(NamedTuple):
    """One line: what was measured, what came out beside what, with an interval where there is one."""

    what: str
    result: str
    beside: str = ""
    n: str = ""


class Suite(NamedTuple):
    """A script, its arguments, and how to read its ``--out``.

    Attributes:
        name: For ``--only``.
        script: The script, or the folder of one.
        small, full: Arguments after it; ``{work}`` is a folder of this run, ``{data}`` is --data.
        rows: From what the script wrote to lines.
        prepare: A ``rader`` command that is run before.
    """

    name: str
    script: str
    small: str
    full: str
    rows: Callable[[Any], Iterator[Row]]
    prepare: str = ""


def ratio(value: float) -> str:
    """A ratio as people read it."""
    return f"× {value:.2f}"


def retrieval(reports: list[dict[str, Any]]) -> Iterator[Row]:
    """nDCG@10 of every retriever, and the differences to rader."""
    for report in reports:
        asked = f"{report['benchmark']}, {report['settings']['field']}"
        for name, each in report["results"].items():
            low, high = each["ci95"]
            pair = report["paired"].get(f"rader vs {name}")
            beside = f"rader ahead by {_interval(pair['delta'], *pair['ci95'], sign='+')}" if pair else ""
            result = _interval(each["ndcg@10"], low, high)
            yield Row(f"nDCG@10 of {name} ({asked})", result, beside, str(report["n"]))


def peers(report: dict[str, Any]) -> Iterator[Row]:
    """Quality and time beside what people put together."""
    middle = {name: statistics.median(times) for name, times in report["ms"].items()}
    for name in report["results"]:
        if name == "ours":
            continue
        pair = report["paired"][f"ours vs {name}"]
        times = f"a query {ratio(middle['ours'] / middle[name])}, the build "
        times += ratio(report["build"]["ours"] / report["build"][name])
        ahead = f"nDCG@10 {_interval(pair['delta'], *pair['ci95'], sign='+')}"
        yield Row(f"our search over {name}", ahead, times, str(report["n"]))


def lexical(report: dict[str, Any]) -> Iterator[Row]:
    """The tokeniser, and bm25s over rank-bm25."""
    for name, each in report.items():
        if isinstance(each, dict) and "paired" in each:
            pair = each["paired"]["plain vs ours"]
            low, high = (-end for end in reversed(pair["ci95"]))
            gain = _interval(-pair["delta"], low, high, sign="+")
            yield Row(
                f"mathematics-aware tokens over plain ones ({name})", f"nDCG@10 {gain}", "", str(each["n"])
            )
    found = report["libraries"]
    rate = ratio(found["queries a second, bm25s over rank-bm25"])
    built = ratio(1 / found["index time, rank-bm25 over bm25s"])
    yield Row("bm25s over rank-bm25, queries a second", rate, f"index time {built}", str(found["queries"]))


def index(report: dict[str, Any]) -> Iterator[Row]:
    """What the index costs beside the encoder."""
    n = f"{report['n']:,} passages"
    for mode, times in report["query"].items():
        middle = {name: statistics.median(times[name]) for name in ("encoder", "search")}
        p99 = np.percentile(times["search"], 99) / np.percentile(times["encoder"], 99)
        result = ratio(middle["search"] / middle["encoder"])
        yield Row(f"a {mode} query over its encoding, p50", result, f"p99 {ratio(p99)}", n)
    built = report["build"]
    yield Row("a build over its encoding", ratio(built["full"] / built["full encoder"]), "", n)
    yield Row("an update of 1% over a build", ratio(built["update"] / built["full"]), "", n)


def scale(rows: list[dict[str, Any]]) -> Iterator[Row]:
    """How the index grows."""
    for each in rows:
        search, built = each["search"], each["build"]
        result = f"p50 {search['p50']:.1f} ms, p99 {search['p99']:.1f} ms, recall@10 {search['recall']:.3f}"
        beside = f"p50 {ratio(search['p50'] / search['exact'])} exact; {built['disk']:.2f} GB on disk"
        yield Row(f"search, seeded vectors, {each['place']}", result, beside, f"{each['size']:,}")


def encoders(report: dict[str, Any]) -> Iterator[Row]:
    """Passages a second over torch's."""
    base = next(iter(report["seconds"].values()))
    for name, seconds in list(report["seconds"].items())[1:]:
        yield Row(f"encoding by {name} over torch float32", ratio(base / seconds), "", str(report["n"]))


def rerank(report: dict[str, Any]) -> Iterator[Row]:
    """The reranker's own time."""
    every = report["time_over_bare_all"]
    spread = f"{min(every):.2f} to {max(every):.2f}"
    what = "reranking over the model's bare forward pass"
    yield Row(what, ratio(report["time_over_bare"]), spread, f"{report['pairs']} pairs")


def trainers(found: dict[str, list[dict[str, float]]]) -> Iterator[Row]:
    """Triples a second over sentence-transformers' own trainer."""
    best = {name: max(rounds, key=lambda each: each["rate"]) for name, rounds in found.items()}
    for name, each in list(best.items())[1:]:
        plain = next(iter(best.values()))
        memory = f"peak memory {ratio(each['memory'] / plain['memory'])}"
        rounds = f"{len(found[name])} rounds"
        yield Row(
            f"training, {name} over the plain trainer", ratio(each["rate"] / plain["rate"]), memory, rounds
        )


def page(report: dict[str, Any]) -> Iterator[Row]:
    """What the page costs beside a plain Gradio chat, and what people wait for each other."""
    ours, plain, settings = report["ours"], report["peer"], report["settings"]
    over = "the page over Gradio's ChatInterface"
    opened, bare = ours["opened"], plain["opened"]
    weight = f"{opened['bytes'] / 1e6:.1f} MB over {bare['bytes'] / 1e6:.1f} MB"
    yield Row(f"{over}, until it takes text, warm", ratio(opened["warm"] / bare["warm"]), weight)
    streams = [each["streamed"] for each in (ours, plain)]
    updates = (
        f"{streams[0]['updates a second']:.1f} updates a second over {streams[1]['updates a second']:.1f}"
    )
    longest = f"; longest gap {streams[0]['longest gap']:.1f} s over {streams[1]['longest gap']:.1f} s"
    took = ratio(streams[0]["seconds"] / streams[1]["seconds"])
    yield Row(
        f"{over}, until a long answer stands", took, updates + longest, f"{settings['tokens']:,} tokens"
    )
    heaps = [each["memory"]["heap after"] - each["memory"]["heap before"] for each in (ours, plain)]
    grown = f"{heaps[0]:.1f} MB of JavaScript's heap over {heaps[1]:.1f} MB"
    yield Row(f"{over}, what answers leave in the browser", grown, "", f"{settings['answers']} answers")
    for name, each in report["people"].items():
        waits = f"the slowest {ratio(max(each['seconds']) / each['alone'])}; "
        faults = f"{len(each['errors'])} errors, {each['crossed']} crossed"
        middle = ratio(statistics.median(each["seconds"]) / each["alone"])
        people = f"{len(each['seconds'])} people"
        yield Row(f"{name}, people at once over one alone", middle, waits + faults, people)


def answers(report: dict[str, Any]) -> Iterator[Row]:
    """Accuracy and cost of the strategies."""
    for name, each in report["results"].items():
        low, high = (100 * end for end in each["ci95"])
        cost = f"{each['tokens']:.0f} tokens, {each['prefilled']:.0%} of prompts read anew, model busy "
        cost += f"{each['busy']:.0%}"
        yield Row(
            f"accuracy of {name}, %", _interval(100 * each["accuracy"], low, high), cost, str(each["n"])
        )


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


NAMES = "--retriever bm25 --retriever base --retriever rader --retriever hybrid"
OURS = f"--corpus {SHIPPED} --queries {HELD_OUT}"
WIDE = "--corpus {data}/theoremqa_theorems.jsonl --corpus {data}/proofwiki.jsonl"
REASONING = f"{OURS} --field cot {NAMES}"
FULL_QUERIES = f"{WIDE} --queries {{data}}/theoremqa_dev.jsonl"
SUITES = (
    Suite("retrieval", "retrieval.py", f"{OURS} {NAMES}", f"{FULL_QUERIES} {NAMES}", retrieval),
    Suite(
        "reasoning", "retrieval.py", f"{OURS} --field cot {NAMES}", f"{OURS} --field cot {NAMES}", retrieval
    ),
    Suite("peers", "peers.py", f"{OURS} --field cot", FULL_QUERIES, peers),
    Suite("lexical", "lexical.py", OURS, FULL_QUERIES, lexical),
    Suite("index", "index.py", "--n 600 --times 60", "--n 23000", index),
    Suite("scale", "scale.py", "--sizes 10000", "--sizes 10000,100000,1000000", scale),
    Suite(
        "encoders",
        "encoders.py",
        "--n 48 --rounds 3 --only 'onnx (product);onnx-int8 (product)'",
        f"--rounds 5 --corpus {SHIPPED} --queries {HELD_OUT}",
        encoders,
    ),
    Suite("rerank", "rerank.py", "--pairs 64 --rounds 5", "--pairs 200 --rounds 7", rerank),
    Suite(
        "trainers",
        "trainers.py",
        "--triples {work}/triples --batch 32 --steps 2 --rounds 2 --ways 'plain;ours'",
        "--triples {work}/triples",
        trainers,
        prepare="triples --written --mine bm25 --types cot --negatives 1 --out {work}/triples",
    ),
    Suite("page", "page", "--times 5", "--times 15", page),
    Suite(
        "answers",
        "answers.py",
        "--n 2 --strategies cot,cot@4,steps",
        "--n 20 --strategies cot,cot@8,rag,rag@8,steps,mcts",
        answers,
    ),
)
