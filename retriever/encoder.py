"""The bi-encoder: texts in, unit vectors out, from a local folder of weights."""

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

from retriever.encoding.backends import Backend, choose, open_model
from retriever.encoding.loading import Dtype, Pooling, Recipe
from retriever.errors import BadInputError
from retriever.mathtext import Latex, plain
from retriever.passage import Passage

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]  # called with (done, total)

# No language has longer tokens on average; spares reading a book to keep its first page.
_CHARS_A_TOKEN = 100


class _Task(NamedTuple):
    """What is put before a text, and how many tokens of both are read."""

    prompt: str
    limit: int


class Encoder:
    """Turns queries and passages into unit vectors; cheap to make, loads its weights when first used.

    Args:
        path: Folder with safetensors weights, in sentence-transformers format or plain transformers. Nothing
            is fetched, no code of the folder is run.
        adapter: Folder of a LoRA adapter (PEFT, safetensors) for these weights.
        query_prompt: Put before every query.
        passage_prompt: Put before every passage.
        max_tokens: Read at most so many tokens of a text; None takes the model's own limit.
        max_passage_tokens: Read fewer tokens of a passage than of a query; None reads as many.
        pooling: What stands for the text: the mean of its tokens, the last or the first one. None takes what
            the folder says; where it says nothing, the last token of a decoder and the mean of others.
        latex: ``raw`` reads a text as it is; ``plain`` reads its LaTeX as words (`retriever.mathtext`), which
            fits encoders that were trained so.
        append_eos: End every text with the tokeniser's end-of-sequence token, also one that is cut.
        causal: Whether a token sees only those before it; None takes what the folder says.
        dtype: Type of the weights; None takes what the folder says.
        backend: What computes: ``torch``, ``onnx`` (the extra ``onnx``), ``onnx-int8``, which rounds, or
            ``auto``, which takes the fastest that is installed and gives torch's vectors.
        cache: Where a backend keeps the model in its own format; None keeps it as long as the process lives.
        device: A torch device; None takes cuda, else mps, else cpu.
        batch_size: Texts in one forward pass.

    Attributes:
        cut_queries: Queries so far that were longer than ``max_tokens`` and were cut.
        cut_passages: Passages so far that were longer than ``max_passage_tokens`` and were cut.

    Raises:
        MissingExtraError: The backend is not installed.
        WeightsError: The folder does not hold a model.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be chosen
        self,
        path: str | Path,
        *,
        adapter: str | Path | None = None,
        query_prompt: str = "",
        passage_prompt: str = "",
        max_tokens: int | None = None,
        max_passage_tokens: int | None = None,
        pooling: Pooling | None = None,
        latex: Latex = "raw",
        append_eos: bool = False,
        causal: bool | None = None,
        dtype: Dtype | None = None,
        backend: Backend = "torch",
        cache: str | Path | None = None,
        device: str | None = None,
        batch_size: int = 32,
    ) -> None:
        self.recipe = Recipe(
            path=Path(path),
            adapter=Path(adapter) if adapter else None,
            pooling=pooling,
            append_eos=append_eos,
            causal=causal,
            dtype=dtype,
        )
        self.recipe.check()
        if backend != "auto":  # which needs torch to choose
            choose(backend, self.recipe, device)
        self.query_prompt = query_prompt
        self.passage_prompt = passage_prompt
        self.latex = latex
        self.batch_size = batch_size
        self.cut_queries = 0
        self.cut_passages = 0
        self._backend = backend
        self._cache = Path(cache) if cache else None
        self._limit = max_tokens
        self._passage_limit = max_passage_tokens
        self._device = device
        self._lock = threading.Lock()  # a fast tokeniser must not be used by two threads at once
        self._loading = threading.Lock()
        self._loaded: SentenceTransformer | None = None

    @property
    def path(self) -> Path:
        """The folder of the weights."""
        return self.recipe.path

    @property
    def name(self) -> str:
        """The folder's name, the adapter's where there is one, for messages and manifests."""
        return (self.recipe.adapter or self.recipe.path).name

    @cached_property
    def backend(self) -> Backend:
        """What computes here, chosen where that was left to ``auto``."""
        return choose(self._backend, self.recipe, self._device)

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
        """sha256 over all that decides a vector, 64 hex digits.

        Weights, tokeniser, adapter, pooling, end-of-sequence token, limits, prompts, and the backend where it
        rounds. What is as the folder says adds nothing: an index stays valid when a choice is added here.
        Computed from the files, without loading the model.
        """
        parts = self.recipe.parts() | {
            "prompts": [self.query_prompt, self.passage_prompt],
            "max_tokens": [self._limit, self._passage_limit],
            "normalised": True,
        }
        if self._backend == "onnx-int8":
            parts["backend"] = self._backend
        if self.latex != "raw":
            parts["latex"] = self.latex
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
        vectors, cut = self._encode(self._read(queries), queries, task, None)
        with self._lock:
            self.cut_queries += cut
        return vectors

    def encode_passages(self, passages: Sequence[Passage], progress: Progress | None = None) -> Vectors:
        """Unit vectors of passages, ``(len(passages), dim)``.

        Raises:
            BadInputError: A passage's vector is zero or not a number; names the passage.
        """
        texts, names = self._read([p.content for p in passages]), [p.id for p in passages]
        task = _Task(self.passage_prompt, self.max_passage_tokens)
        vectors, cut = self._encode(texts, names, task, progress)
        with self._lock:
            self.cut_passages += cut
        return vectors

    def token_counts(self, texts: Sequence[str], prompt: str = "") -> list[int]:
        """Tokens of each text with its prompt and the model's special tokens, before any cut."""
        model = self._model  # before the lock, which is not held while loading
        with self._lock:
            read = [prompt + text for text in self._read(texts)]
            tokens = model.tokenizer(read, truncation=False, verbose=False)
        return [len(ids) for ids in tokens["input_ids"]]

    def _read(self, texts: Sequence[str]) -> Sequence[str]:
        return [plain(text) for text in texts] if self.latex == "plain" else texts

    def _encode(
        self, texts: Sequence[str], names: Sequence[str], task: _Task, progress: Progress | None
    ) -> tuple[Vectors, int]:
        """Vectors in the order of ``texts``, and how many texts were cut."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        room, total = task.limit * _CHARS_A_TOKEN, 0
        # Longest first: a batch pads little, and memory that will not do fails at once.
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            vectors[batch], cut = self._forward([texts[row][:room] for row in batch], task)
            total += sum(over or len(texts[row]) > room for row, over in zip(batch, cut, strict=True))
            if progress:
                progress(start + len(batch), len(texts))
        _check(vectors, names)
        return vectors, total

    def _forward(self, texts: list[str], task: _Task) -> tuple[Vectors, list[bool]]:
        """Unit vectors of one batch, and which texts were cut."""
        import torch
        from sentence_transformers.util import batch_to_device

        model = self._model
        how: Any = {"text": {"max_length": task.limit, "truncation": True}}
        with self._lock, torch.inference_mode():
            features: Any = model.preprocess(texts, prompt=task.prompt, processing_kwargs=how)
            cut = [bool(encoding.overflowing) for encoding in features.encodings]
            found = model(batch_to_device(features, model.device))["sentence_embedding"]
        vectors = found.float().cpu().numpy()
        # In float32 here, since bfloat16 rounds a length by more than a thousandth.
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0), cut

    @property
    def _model(self) -> SentenceTransformer:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = open_model(self.recipe, self.backend, self._device, self._cache)
        return self._loaded


def _check(vectors: Vectors, names: Sequence[str]) -> None:
    norms = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))  # written so that NaN is bad too
    if len(bad):
        name = names[int(bad[0])][:80]
        raise BadInputError(
            f"the encoder gave {len(bad)} vector(s) that are zero or not a number, the first for {name!r}",
            "Check that text, or use another encoder",
        )
