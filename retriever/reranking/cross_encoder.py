"""Cross-encoders as rerankers: a model that reads query and passage together and gives one number.

Any sentence-transformers ``CrossEncoder`` folder, and RaDeR's own kind: a decoder with a linear head on its
last token, which reads "query: … document: …" and the end-of-sequence token.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from retriever.encoding.loading import file_sha256
from retriever.errors import BadInputError
from retriever.passage import Passage
from retriever.rerank import Scores
from retriever.reranking.pair_model import POINTWISE, PairRecipe

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MAX_TOKENS = 4096  # RaDeR trains on 3,900 tokens of a passage; this leaves room for the query
_CHARS_A_TOKEN = 20  # no text has longer tokens on average; spares tokenising a book to read its beginning
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model")


class CrossEncoderReranker:
    """Scores pairs by a cross-encoder; cheap to make, loads its weights when first used.

    Args:
        path: Folder with safetensors weights. Nothing is fetched, no code of the folder is run.
        adapter: Folder of a LoRA adapter whose base is ``path``, its head among the modules it saved; then
            ``path`` may be a plain language model.
        template: Chat template (Jinja) that writes a pair from the roles query and document. None takes the
            folder's own, and RaDeR's (`POINTWISE` in `pair_model`) where a decoder's folder has none.
        max_tokens: Read at most so many tokens of a pair, or as many as the model can where that is less.
        device: A torch device; None takes the best there is.
        batch_size: Pairs in one forward pass.

    Attributes:
        alpha: Weight of its scores: 1, they replace the retriever's.
        cut_pairs: Pairs so far that were too long and were cut.

    Raises:
        WeightsError: A folder does not hold a reranker.
    """

    alpha = 1.0

    def __init__(
        self,
        path: str | Path,
        *,
        adapter: str | Path | None = None,
        template: str | None = None,
        max_tokens: int = MAX_TOKENS,
        device: str | None = None,
        batch_size: int = 32,
    ) -> None:
        self._recipe = PairRecipe(Path(path), Path(adapter) if adapter else None, template)
        self._recipe.check()
        self.batch_size = batch_size
        self.cut_pairs = 0
        self._limit = max_tokens
        self._device = device
        self._lock = threading.Lock()  # a fast tokeniser must not be used by two threads at once

    @property
    def name(self) -> str:
        """The folder's name, for messages and reports."""
        return (self._recipe.adapter or self._recipe.path).name

    @property
    def max_tokens(self) -> int:
        """How many tokens of a pair are read; what is beyond is cut."""
        return min(self._limit, int(self._model.max_seq_length or self._limit))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over weights, adapter, tokeniser, template and limit, 64 hex digits; loads no model."""
        parts = {
            "folders": [_hashes(each) for each in (self._recipe.path, self._recipe.adapter) if each],
            "template": self._recipe.template or POINTWISE,
            "max_tokens": self._limit,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def load(self) -> None:
        """Load the weights now (seconds) rather than with the first pair.

        Raises:
            WeightsError: They cannot be loaded.
        """
        _ = self._model

    def score(self, query: str, passages: Sequence[Passage]) -> Scores:
        """The model's number for each pair, before any activation: only their order and distances count.

        Raises:
            BadInputError: A score is not a number; names the passage.
        """
        query, short = self._room_for_passage(query) if passages else (query, False)
        room = self.max_tokens * _CHARS_A_TOKEN
        texts = [passage.content[:room] for passage in passages]
        cut = np.array([short or len(passage.content) > room for passage in passages], dtype=bool)
        scores = np.zeros(len(texts), dtype=np.float64)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))  # a batch pads little
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            scores[batch], over = self._forward([(query, texts[row]) for row in batch])
            cut[batch] |= over
        _check(scores, passages)
        with self._lock:
            self.cut_pairs += int(cut.sum())
        note = f"the reranker read {self.max_tokens} tokens of {cut.sum()} pairs that have more"
        return Scores(scores.tolist(), note if cut.any() else "")

    def _room_for_passage(self, query: str) -> tuple[str, bool]:
        """The query, cut where a template would let it crowd out the passage, and whether it was cut."""
        tokenizer = self._model.tokenizer
        if not tokenizer.chat_template:  # a tokeniser that knows pairs cuts the longer text itself
            return query, False
        half = {"truncation": True, "max_length": self.max_tokens // 2}
        with self._lock:
            read = tokenizer(query, add_special_tokens=False, return_offsets_mapping=True, **half)
        if not read.encodings[0].overflowing:
            return query, False
        return query[: read["offset_mapping"][-1][1]], True

    def _forward(self, pairs: list[tuple[str, str]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Scores ``(len(pairs),)``, and which pairs were cut."""
        import torch
        from sentence_transformers.util import batch_to_device

        model = self._model
        limit = {"text": {"max_length": self.max_tokens}}
        with self._lock, torch.inference_mode():
            features: Any = model.preprocess(pairs, processing_kwargs=limit)
            over = np.array([bool(encoding.overflowing) for encoding in features.encodings])
            scores = model(batch_to_device(features, model.device))["scores"]
        return scores.reshape(len(pairs)).double().cpu().numpy(), over

    @cached_property
    def _model(self) -> CrossEncoder:
        return self._recipe.open(self._device)


def _check(scores: npt.NDArray[np.float64], passages: Sequence[Passage]) -> None:
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise BadInputError(
            f"the reranker gave {len(bad)} score(s) that are not a number, "
            f"the first for {passages[int(bad[0])].id[:80]!r}",
            "Check that passage, or use another reranker",
        )


def _hashes(folder: Path) -> dict[str, str]:
    """sha256 of the files that decide a score, by path within the folder."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in _HASHED)
    return {str(file.relative_to(folder)): file_sha256(file) for file in files}
