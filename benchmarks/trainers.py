"""Triples a second and peak memory of our trainer, over sentence-transformers' plain one on the same data.

    .venv/bin/python benchmarks/trainers.py --triples TRIPLES --home ~/.local/share/rader

Every way trains a LoRA adapter on all-MiniLM-L6-v2 for as many steps, with the same rows, rank, lengths
(passages are cut beforehand, since the plain trainer has one length for all) and one hard negative, in a
process of its own, way after way and round after round. Ratios are of the fastest round of each, within one
run; `cpu` is the ratio of processor time, which says more where other programs run.

plain          SentenceTransformerTrainer, MultipleNegativesRankingLoss, NO_DUPLICATES
plain, cached  the same with CachedMultipleNegativesRankingLoss
ours …         training/trainers/: each passage of a batch once, forward passes over texts of one length
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from retriever.corpus import Corpus
from retriever.encoding.presets import encoder_for
from training.trainers.bi_encoder import train_retriever
from training.trainers.config import RetrieverTraining
from training.trainers.data import TripleSet, read_triples
from training.trainers.model import open_base
from training.trainers.run_folder import peak_memory
from ui.settings import default_home

BASE = "plain"
MINI_BATCH = 16
WAYS: dict[str, dict[str, Any]] = {
    BASE: {},
    "plain, cached": {"cached": True},
    "ours": {},
    "ours, cached": {"cached": True},
    "ours, no dropout": {"dropout": 0.0},
}


def main() -> None:
    """Run every way in turn and print the table; with --way, one of them."""
    options = _options()
    if options.way:
        print(json.dumps(measure(options.way, options)))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.ways.split(";")}
    for _ in range(options.rounds):
        for name, kept in found.items():
            kept.append(apart(name))
            print(name, kept[-1], file=sys.stderr, flush=True)
    print(table(found, options))
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def apart(name: str) -> dict[str, float]:
    """One way in a process of its own, whose peak memory is its alone."""
    command = [sys.executable, *sys.argv, "--way", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Triples a second, seconds of the processor, peak memory in MB; loading does not count."""
    config = RetrieverTraining(
        batch=options.batch, max_steps=options.steps, mini_batch=MINI_BATCH, device="cpu", **WAYS[name]
    )
    corpus = Corpus.from_file(options.corpus or options.triples / "corpus.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        if name.startswith("plain"):
            return plainly(
                config, read_triples(options.triples / "triples.jsonl", corpus), corpus, folder, options
            )
        kept = Path(folder) / "triples"
        kept.mkdir()
        (kept / "triples.jsonl").write_bytes((options.triples / "triples.jsonl").read_bytes())
        report = train_retriever(config, kept, corpus, Path(folder) / "out", home=options.home)
        return _found(report["result"]["samples_per_second"], report["result"]["processor_seconds"])


def plainly(
    config: RetrieverTraining, triples: TripleSet, corpus: Corpus, folder: str, options: argparse.Namespace
) -> dict[str, float]:
    """The same by sentence-transformers alone, as its documentation trains an adapter."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.base.sampler import BatchSamplers
    from sentence_transformers.sentence_transformer import losses

    model = open_base(encoder_for(config.base, options.home, backend="torch", device="cpu"), config)
    columns = _columns(model, config, triples, corpus)
    loss: Any = losses.MultipleNegativesRankingLoss(model, scale=1 / config.temperature)
    if config.cached:
        loss = losses.CachedMultipleNegativesRankingLoss(
            model, scale=1 / config.temperature, mini_batch_size=MINI_BATCH
        )
    arguments = SentenceTransformerTrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=config.batch,
        max_steps=config.max_steps,
        learning_rate=config.lr,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=config.seed,
    )
    trainer = SentenceTransformerTrainer(model, arguments, Dataset.from_dict(columns), loss=loss)
    wall, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    rows = config.max_steps * config.batch
    return _found(rows / (time.perf_counter() - wall), time.process_time() - cpu)


def _columns(
    model: Any, config: RetrieverTraining, triples: TripleSet, corpus: Corpus
) -> dict[str, list[str]]:
    """Query, positive and one negative of the rows that have one; passages cut to what ours reads of them."""
    rows = [row for row in triples.rows if row["negatives"]]

    def cut(number: int) -> str:
        text = corpus.passages[number].content
        read = model.tokenizer(
            text, truncation=True, max_length=config.passage_tokens, return_offsets_mapping=True
        )
        return text[: max(end for _, end in read["offset_mapping"])]

    return {
        "query": [row["query"] for row in rows],
        "positive": [cut(row["positive"]) for row in rows],
        "negative": [cut(row["negatives"][0]) for row in rows],
    }


def _found(rate: float, cpu: float) -> dict[str, float]:
    return {"rate": rate, "cpu": cpu, "memory": peak_memory()["process"] / 1e6}


def table(found: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> str:
    """The fastest round of each, and its ratios to the plain trainer."""
    best = {name: max(rounds, key=lambda each: each["rate"]) for name, rounds in found.items()}
    lines = [
        f"{options.steps} steps of {options.batch} triples, {options.rounds} rounds",
        f"{'':<20}{'triples/s':>10}{'ratio':>7}{'cpu':>7}{'peak MB':>9}{'ratio':>7}",
    ]
    base = best[BASE]
    for name, each in best.items():
        lines.append(
            f"{name:<20}{each['rate']:>10.2f}{each['rate'] / base['rate']:>7.2f}"
            f"{base['cpu'] / each['cpu']:>7.2f}{each['memory']:>9.0f}{each['memory'] / base['memory']:>7.2f}"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--triples", type=Path, required=True, help="folder of rader triples")
    parser.add_argument("--corpus", type=Path, help="its passages; default: corpus.jsonl in that folder")
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=";".join(WAYS), help="those to run, separated by ;")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
