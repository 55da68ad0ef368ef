"""Which rows make a batch, and what of them the model reads.

A batch holds each passage once, whoever names it, and texts in the order of their length, so that a forward
pass over neighbours pads little. Both depend on seed and epoch alone: a resumed run sees what it would have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sentence_transformers.base.sampler import DefaultBatchSampler

from retriever.mathtext import Latex, plain
from retriever.passage import Passage

Features = dict[str, Any]


class Task(NamedTuple):
    """What is put before a text, how many tokens of both are read, and whether LaTeX is read as words."""

    prompt: str
    limit: int
    latex: Latex = "raw"


class Topics(NamedTuple):
    """Which rows are hard to tell apart.

    ``share`` of a batch is of one topic; ``topic`` and ``positive`` are those of each row.
    """

    share: float
    topic: np.ndarray[Any, Any]
    positive: np.ndarray[Any, Any]


class MixedSampler(DefaultBatchSampler):
    """Batches in an order of its own each epoch, query types by their shares.

    A share of 2 shows each row of a type twice an epoch, 0.5 shows half of them, the other half in the next.

    Args:
        types: Query type of each row.
        shares: By query type; one that is not named has the share 1.
        batch_size: Rows in a batch; the last may have fewer.
        seed: Decides the order, with the epoch.
        devices: Processes that share the batches. They must get as many each, as large: what is left over
            waits for the next epoch.
        topics: Batches are put together from stretches of one topic, each passage once in a stretch; None
            draws them at random.
    """

    def __init__(
        self,
        types: Sequence[str],
        shares: Mapping[str, float],
        batch_size: int,
        seed: int,
        devices: int = 1,
        topics: Topics | None = None,
    ) -> None:
        super().__init__(range(len(types)), batch_size=batch_size, drop_last=False, seed=seed)
        self._rows = {kind: np.flatnonzero(np.asarray(types) == kind) for kind in sorted(set(types))}
        self._devices = devices
        self._topics = topics
        self._shares = {kind: shares.get(kind, 1.0) for kind in self._rows}

    @property
    def drawn(self) -> dict[str, int]:
        """Rows of each query type in an epoch."""
        return {kind: round(len(rows) * self._shares[kind]) for kind, rows in self._rows.items()}

    def __len__(self) -> int:
        rows = sum(self.drawn.values())
        whole = rows // self.batch_size
        return -(-rows // self.batch_size) if self._devices == 1 else whole - whole % self._devices

    def __iter__(self) -> Iterator[list[int]]:
        drawn = np.concatenate([self._draw(kind) for kind in self._rows])
        dice = np.random.default_rng([self.seed, self.epoch])
        order = dice.permutation(drawn)
        if self._topics:
            order = _by_topic(order, self._topics, self.batch_size, dice)
        for number in range(len(self)):
            yield order[number * self.batch_size : (number + 1) * self.batch_size].tolist()

    def _draw(self, kind: str) -> np.ndarray[Any, Any]:
        """The epoch's rows of a type: a stretch of an endless row of permutations."""
        rows, count = self._rows[kind], self.drawn[kind]
        first = self.epoch * count
        rounds = range(first // len(rows), -(-(first + count) // len(rows)))
        shuffled = [np.random.default_rng([self.seed, 1, turn]).permutation(rows) for turn in rounds]
        start = first - rounds.start * len(rows)
        return np.concatenate([rows[:0], *shuffled])[start : start + count]


def _by_topic(
    order: np.ndarray[Any, Any], topics: Topics, batch: int, dice: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Rows in stretches of one topic, the stretches in random order; the last, shorter one stays last.

    First all rows that are the first of their passage, then all that are the second, and so on: rows of one
    passage within a stretch would have nothing to be told from.
    """
    rank = dice.permutation(topics.topic.max() + 1)[topics.topic[order]]
    order = order[np.lexsort((rank, _turns(topics.positive[order])))]
    size = max(1, round(batch * topics.share))
    whole = len(order) - len(order) % size
    stretches = dice.permutation(order[:whole].reshape(-1, size))
    return np.concatenate([stretches.reshape(-1), order[whole:]])


def _turns(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How many equal ones stand before each value."""
    by_value = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[by_value], prepend=-1))
    lengths = np.diff(starts, append=len(values))
    turns = np.empty(len(values), dtype=np.int64)
    turns[by_value] = np.arange(len(values)) - np.repeat(starts, lengths)
    return turns


class Collator:
    """Rows of a `TripleSet` become features of queries and of passages, and who belongs to whom.

    Args:
        preprocess: The model's own (`SentenceTransformer.preprocess`).
        passages: The corpus, by whose places passages are numbered; what is read is `Passage.content`.
        query, passage: How each is read.
        hard_negatives: Listed negatives of a row that are used; others in the next epoch.
        epoch: Tells which epoch it is.
    """

    valid_label_columns: Sequence[str] = ()  # the trainer asks

    def __init__(
        self,
        preprocess: Callable[..., Features],
        passages: Sequence[Passage],
        query: Task,
        passage: Task,
        hard_negatives: int,
        epoch: Callable[[], int] = lambda: 0,
    ) -> None:
        self._preprocess = preprocess
        self._passages = passages
        self._tasks = {"query": query, "passage": passage}
        self._hard_negatives = hard_negatives
        self._epoch = epoch

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """One batch.

        Returns:
            Tokens as ``query_*`` ``(rows, length)`` and ``passage_*`` ``(passages, length)``; in ``label``
            the column of each query's positive, ``(rows, passages)`` which passages count, and a reranker's
            scores where one teaches.
        """
        queries, order = self.read("query", [row["query"] for row in rows])
        rows = [rows[place] for place in order]
        used = [listed(row, self._hard_negatives, self._epoch()) for row in rows]
        numbers = sorted({number for keys in used for number in keys})
        found, order = self.read("passage", [self._passages[number].content for number in numbers])
        column = {numbers[place]: at for at, place in enumerate(order)}
        label = {
            "positive": torch.tensor([column[row["positive"]] for row in rows]),
            "counts": torch.tensor([_counts(row, column) for row in rows]),
        }
        if rows and "teacher" in rows[0]:
            label["teacher"] = torch.tensor([_taught(row, column) for row in rows])
        return {**_prefixed("query", queries), **_prefixed("passage", found), "label": label}

    def read(self, name: str, texts: list[str]) -> tuple[Features, list[int]]:
        """Tokens of texts (``name``: query or passage), longest first, and the places that they had."""
        task = self._tasks[name]
        texts = [plain(text) for text in texts] if task.latex == "plain" else texts
        how = {"text": {"max_length": task.limit, "truncation": True}}
        features = self._preprocess(texts, prompt=task.prompt, processing_kwargs=how)
        order = torch.argsort(features["attention_mask"].sum(dim=1), descending=True, stable=True)
        tensors = {key: value[order] for key, value in features.items() if isinstance(value, torch.Tensor)}
        return {**features, **tensors}, order.tolist()


def listed(row: dict[str, Any], most: int, epoch: int) -> list[int]:
    """A row's positive and as many of its negatives as are used, which change from epoch to epoch."""
    negatives = row["negatives"]
    if len(negatives) > most > 0:
        start = epoch * most % len(negatives)
        negatives = (negatives + negatives)[start : start + most]
    return [row["positive"], *negatives[:most]]


def _counts(row: dict[str, Any], column: Mapping[int, int]) -> list[bool]:
    """Which passages of a batch a query has to tell its positive from: all that are not relevant too."""
    others = {*row["relevant"]} - {row["positive"]}
    return [number not in others for number in column]


def _taught(row: dict[str, Any], column: Mapping[int, int]) -> list[float]:
    """The teacher's score of each passage of a batch; −∞ for those it was not asked about."""
    scores = dict(zip((row["positive"], *row["negatives"]), row["teacher"], strict=True))
    return [scores.get(number, -math.inf) for number in column]


def _prefixed(name: str, features: Features) -> Features:
    return {f"{name}_{key}": value for key, value in features.items()}
