"""Pairs per second of the reranker, over those of its model's bare forward pass on the same batches.

    .venv/bin/python benchmarks/rerank.py                       # a seeded model of MiniLM-L6's shape
    .venv/bin/python benchmarks/rerank.py --model FOLDER [--adapter FOLDER]

Both are timed in turn in every round, and the ratio is the median over the rounds: what else the machine does
meets both. What the reranker does beyond the forward pass is write pairs, tokenise, count what is cut, and
put scores in order; the bare pass gets its batches ready-made. Passages are seeded words; their lengths are
drawn from 20 to 250 words.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retriever.passage import Passage
from retriever.reranking.cross_encoder import CrossEncoderReranker

WORDS = [f"word{row}" for row in range(5000)]


def main() -> None:
    """Time both, print a line of JSON."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or seeded_model(Path(folder) / "seeded-minilm-l6-shape", options.seed)
        reranker = CrossEncoderReranker(
            model, adapter=options.adapter, max_tokens=options.max_tokens, batch_size=options.batch_size
        )
        query, passages = seeded_text(options.pairs, options.seed)
        forward = bare_forward(reranker, query, passages)
        seconds = rounds(lambda: reranker.score(query, passages), forward, options.rounds)
    ratios = [ours / bare for ours, bare in seconds]
    report = {
        "model": reranker.name,
        "pairs": options.pairs,
        "batch_size": options.batch_size,
        "max_tokens": options.max_tokens,
        "pairs_per_second": round(options.pairs / statistics.median(ours for ours, _ in seconds), 1),
        "bare_pairs_per_second": round(options.pairs / statistics.median(bare for _, bare in seconds), 1),
        "time_over_bare": round(statistics.median(ratios), 3),
        "time_over_bare_all": [round(ratio, 3) for ratio in ratios],
        "cut_pairs": reranker.cut_pairs // (options.rounds + 1),
    }
    print(json.dumps(report, indent=2))
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def seeded_model(folder: Path, seed: int) -> Path:
    """An untrained cross-encoder of six layers and 384 dimensions, one token a word."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]), encoding="utf-8")
    torch.manual_seed(seed)
    shape = BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )
    shape.num_labels = 1
    BertForSequenceClassification(shape).save_pretrained(folder)
    BertTokenizer(str(vocabulary), model_max_length=512).save_pretrained(folder)
    return folder


def seeded_text(count: int, seed: int) -> tuple[str, list[Passage]]:
    """A query of 20 words, and passages."""
    draw = random.Random(seed)  # noqa: S311
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(20, 250))) for _ in range(count)]
    query = " ".join(draw.choices(WORDS, k=20))
    return query, [Passage(id=f"p{row}", text=text) for row, text in enumerate(texts)]


def bare_forward(reranker: CrossEncoderReranker, query: str, passages: list[Passage]) -> Callable[[], None]:
    """The model alone on the reranker's batches, tokenised beforehand; each pass is run once to warm up."""
    import torch
    from sentence_transformers.util import batch_to_device

    reranker.score(query, passages)
    model = reranker._model
    texts = sorted((passage.content for passage in passages), key=len, reverse=True)
    limit = {"text": {"max_length": reranker.max_tokens}}
    batches: list[dict[str, Any]] = [
        batch_to_device(
            model.preprocess(
                [(query, text) for text in texts[start : start + reranker.batch_size]],
                processing_kwargs=limit,
            ),
            model.device,
        )
        for start in range(0, len(texts), reranker.batch_size)
    ]

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                model(dict(batch))["scores"].cpu()

    forward()
    return forward


def rounds(ours: Callable[[], object], bare: Callable[[], object], count: int) -> list[tuple[float, float]]:
    """Seconds of both, a pair a round; who comes first changes from round to round."""
    found = []
    for row in range(count):
        first, second = (ours, bare) if row % 2 == 0 else (bare, ours)
        one, other = _seconds(first), _seconds(second)
        found.append((one, other) if row % 2 == 0 else (other, one))
    return found


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a cross-encoder's folder; default: a seeded model")
    parser.add_argument("--adapter", type=Path, help="a LoRA adapter of it")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
