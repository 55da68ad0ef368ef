"""The bi-encoder: texts in, unit vectors out, from a local sentence-transformers folder."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retriever.errors import BadInputError, WeightsError
from retriever.passage import Passage

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]  # called with (done, total)

# The files of a model folder that decide its vectors; others (a README, the store's notes) may change.
_WEIGHTS = (".safetensors", ".model")
_SETTINGS = frozenset(
    {
        "adapter_config.json",
        "added_tokens.json",
        "config.json",
        "config_sentence_transformers.json",
        "merges.txt",
        "modules.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    }
)
_PULL = "Run: rader models pull"


class _Task(NamedTuple):
    """What is put before a text, and how many tokens of both are read."""

    prompt: str
    limit: int


class Encoder:
    """Turns queries and passages into unit vectors; cheap to make, loads its weights when first used.

    Args:
        path: Folder in sentence-transformers format with safetensors weights. Nothing is fetched, no code of
            the folder is run.
        query_prompt: Put before every query.
        passage_prompt: Put before every passage.
        max_tokens: Read at most so many tokens of a text; None takes the model's own limit.
        max_passage_tokens: Read fewer tokens of a passage than of a query; None reads as many.
        device: A torch device; None takes cuda, else mps, else cpu.
        batch_size: Texts in one forward pass.

    Attributes:
        cut_queries: Queries so far that were longer than ``max_tokens`` and were cut.
        cut_passages: Passages so far that were longer than ``max_passage_tokens`` and were cut.

    Raises:
        WeightsError: The folder does not hold a model.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        query_prompt: str = "",
        passage_prompt: str = "",
        max_tokens: int | None = None,
        max_passage_tokens: int | None = None,
        device: str | None = None,
        batch_size: int = 32,
    ) -> None:
        self.path = Path(path)
        self.query_prompt = query_prompt
        self.passage_prompt = passage_prompt
        self.batch_size = batch_size
        self.cut_queries = 0
        self.cut_passages = 0
        self._limit = max_tokens
        self._passage_limit = max_passage_tokens
        self._device = device
        self._lock = threading.Lock()  # a fast tokeniser must not be used by two threads at once
        self._loading = threading.Lock()
        self._loaded: SentenceTransformer | None = None
        if not next(self.path.glob("*.safetensors"), None):
            raise WeightsError(f"no model with safetensors weights in {self.path}", _PULL)

    @property
    def name(self) -> str:
        """The folder's name, for messages and manifests."""
        return self.path.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """How many tokens of a query are read; what is beyond is cut."""
        own = int(self._model.max_seq_length or 0)
        return min(self._limit or own, own)

    @property
    def max_passage_tokens(self) -> int:
        """How many tokens of a passage are read; what is beyond is cut."""
        return min(self._passage_limit or self.max_tokens, self.max_tokens)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over all that decides a vector: weights, tokeniser, pooling, limit, prompts; 64 hex digits.

        Computed from the files, without loading the model.
        """
        files = sorted(file for file in self.path.rglob("*") if _decides(file))
        parts = {
            "files": {str(file.relative_to(self.path)): _sha256(file) for file in files},
            "prompts": [self.query_prompt, self.passage_prompt],
            "max_tokens": [self._limit, self._passage_limit],
            "normalised": True,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def load(self) -> None:
        """Load the weights now (seconds) rather than with the first text."""
        _ = self._model

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        """Unit vectors of queries, ``(len(queries), dim)``.

        Raises:
            BadInputError: A query's vector is zero or not a number.
        """
        task = _Task(self.query_prompt, self.max_tokens)
        vectors, cut = self._encode(queries, queries, task, None)
        with self._lock:
            self.cut_queries += cut
        return vectors

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        """Unit vectors of passages, ``(len(passages), dim)``.

        Raises:
            BadInputError: A passage's vector is zero or not a number; names the passage.
        """
        texts, names = [p.content for p in passages], [p.id for p in passages]
        task = _Task(self.passage_prompt, self.max_passage_tokens)
        vectors, cut = self._encode(texts, names, task, progress)
        with self._lock:
            self.cut_passages += cut
        return vectors

    def token_counts(self, texts: Sequence[str], prompt: str = "") -> list[int]:
        """Tokens of each text with its prompt and the model's special tokens, before any cut."""
        model = self._model  # before the lock, which is not held while loading
        with self._lock:
            tokens = model.tokenizer([prompt + text for text in texts], truncation=False, verbose=False)
        return [len(ids) for ids in tokens["input_ids"]]

    def _encode(
        self, texts: Sequence[str], names: Sequence[str], task: _Task, progress: Progress | None
    ) -> tuple[Vectors, int]:
        """Vectors in the order of ``texts``, and how many texts were cut."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        counts = self.token_counts(texts, task.prompt) if texts else []
        # Longest first: a batch pads little, and memory that will not do fails at once.
        order = sorted(range(len(texts)), key=lambda i: -counts[i])
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            vectors[batch] = self._forward([texts[i] for i in batch], task)
            if progress:
                progress(start + len(batch), len(texts))
        _check(vectors, names)
        return vectors, sum(count > task.limit for count in counts)

    def _forward(self, texts: list[str], task: _Task) -> Vectors:
        model = self._model
        with self._lock:
            found = model.encode(
                texts,
                prompt=task.prompt,  # also where it is empty: the folder may name a default
                batch_size=len(texts),
                show_progress_bar=False,
                normalize_embeddings=True,
                processing_kwargs={"text": {"max_length": task.limit, "truncation": True}},
            )
        return np.asarray(found, dtype=np.float32)

    @property
    def _model(self) -> SentenceTransformer:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = self._open()
        return self._loaded

    def _open(self) -> SentenceTransformer:
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        safe: dict[str, Any] = {"use_safetensors": True}
        try:
            return SentenceTransformer(
                str(self.path),
                device=self._device or _best_device(),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs=safe,
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise WeightsError(
                f"cannot load the model in {self.path}: {_first_line(error)}", _PULL
            ) from error


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _check(vectors: Vectors, names: Sequence[str]) -> None:
    norms = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))  # written so that NaN is bad too
    if len(bad):
        name = names[int(bad[0])][:80]
        raise BadInputError(
            f"the encoder gave {len(bad)} vector(s) that are zero or not a number, the first for {name!r}",
            "Check that text, or use another encoder",
        )


def _decides(file: Path) -> bool:
    return file.suffix in _WEIGHTS or file.name in _SETTINGS


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
