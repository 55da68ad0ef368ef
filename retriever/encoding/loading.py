"""A folder of weights becomes a sentence-transformers model that is ready to encode.

Two kinds of folder: one that sentence-transformers saved (its ``modules.json`` says how to pool), and a plain
transformers one, as decoder retrievers are published. On either, a LoRA adapter, another pooling, and an
end-of-sequence token after every text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from retriever.errors import WeightsError
from retriever.quiet import ignoring

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Pooling = Literal["mean", "last", "cls"]
Dtype = Literal["float32", "bfloat16", "float16"]

REMEDY = "Run: rader models pull"
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
# How sentence-transformers calls the token that stands for the text.
_POOLING_MODES = {"mean": "mean", "last": "lasttoken", "cls": "cls"}
# A chat model's folder has a chat template, in which sentence-transformers would wrap every text.
_TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}


@dataclass(frozen=True)
class Recipe:
    """What decides how a model is put together. None: as the folder says.

    Attributes:
        path: Folder with the weights.
        adapter: Folder of a LoRA adapter for them.
        pooling: Which token, or the mean of all, stands for the text. A plain folder says nothing of it: a
            decoder takes the last token, the only one that has seen the others, anything else the mean.
        append_eos: End every text, also one that is cut, with the tokeniser's end-of-sequence token.
        causal: Whether a token sees only those before it.
        dtype: Type of the weights.
    """

    path: Path
    adapter: Path | None = None
    pooling: Pooling | None = None
    append_eos: bool = False
    causal: bool | None = None
    dtype: Dtype | None = None

    def check(self) -> None:
        """Look whether the weights are there, without reading them.

        Raises:
            WeightsError: A folder does not hold what it should.
        """
        if (self.path / "adapter_config.json").exists():
            raise WeightsError(
                f"{self.path} holds an adapter, not a model",
                "Name its base as the model and it as the adapter",
            )
        if not next(self.path.glob("*.safetensors"), None):
            raise WeightsError(f"no model with safetensors weights in {self.path}", REMEDY)
        for name in ("adapter_config.json", "adapter_model.safetensors") if self.adapter else ():
            if not (Path(self.adapter or "") / name).is_file():
                raise WeightsError(
                    f"no adapter in {self.adapter}: it lacks {name}", "Name an adapter's folder"
                )

    @property
    def config(self) -> dict[str, Any]:
        """The folder's config.json, empty where it cannot be read."""
        try:
            return dict(json.loads((self.path / "config.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    @property
    def is_float32(self) -> bool:
        """Whether the weights are used in float32."""
        config = self.config
        return (self.dtype or config.get("dtype") or config.get("torch_dtype") or "float32") == "float32"

    def parts(self) -> dict[str, Any]:
        """All of it for a fingerprint; what is as the folder says is left out, so that it changes nothing."""
        chosen = {"pooling": self.pooling, "causal": self.causal, "dtype": self.dtype}
        parts: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        if self.append_eos:
            parts["append_eos"] = True
        if self.adapter:
            parts["adapter"] = _hashes(self.adapter)
        return parts | {"files": _hashes(self.path)}


def open_torch(recipe: Recipe, device: str) -> SentenceTransformer:
    """The model on ``device``, its adapter merged into its weights.

    Raises:
        WeightsError: The folder does not hold a model, or the adapter does not fit it.
    """
    from safetensors import SafetensorError

    try:
        model = _from_folder(recipe, device)
        if recipe.adapter:
            _merge(model, recipe.adapter)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, SafetensorError) as error:
        raise WeightsError(f"cannot load the model in {recipe.path}: {first_line(error)}", REMEDY) from error
    _pool(model, recipe)
    _look(model, recipe)
    _read(model, recipe)
    return model.eval()


def _look(model: SentenceTransformer, recipe: Recipe) -> None:
    """Choose which way a decoder's tokens look; transformers asks its configuration at every pass."""
    transformer: Any = model[0]
    if recipe.causal is None:
        return
    if not _is_decoder(transformer):
        raise WeightsError(
            f"{recipe.path} is no decoder, its tokens see each other", "Leave causal to the folder"
        )
    transformer.model.config.is_causal = recipe.causal


def _read(model: SentenceTransformer, recipe: Recipe) -> None:
    """Set the tokeniser so that a text gets the same tokens and places alone and in any batch."""
    tokenizer = model.tokenizer
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if recipe.append_eos:
        _append_eos(tokenizer, recipe.path)


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type's name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _from_folder(recipe: Recipe, device: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling as Pool
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    weights: dict[str, Any] = {"use_safetensors": True}
    if recipe.dtype:
        weights["dtype"] = recipe.dtype
    if (recipe.path / "modules.json").exists():
        return SentenceTransformer(str(recipe.path), device=device, model_kwargs=weights, **local)
    transformer = Transformer(
        str(recipe.path),
        model_kwargs=local | weights,
        processor_kwargs=dict(local),
        config_kwargs=dict(local),
        modality_config=_TEXT_ONLY,
        module_output_name="token_embeddings",
    )
    pool = Pool(transformer.get_embedding_dimension(), "lasttoken" if _is_decoder(transformer) else "mean")
    return SentenceTransformer(modules=[transformer, pool, Normalize()], device=device)


def _is_decoder(transformer: Any) -> bool:
    """Whether its attention looks back only; a decoder that was told to look both ways counts as one."""
    return any(getattr(module, "is_causal", False) for module in transformer.model.modules())


def _pool(model: SentenceTransformer, recipe: Recipe) -> None:
    """Put another pooling in place of the folder's own."""
    from sentence_transformers.sentence_transformer.modules import Pooling as Pool

    if recipe.pooling is None:
        return
    places = [place for place, module in enumerate(model) if isinstance(module, Pool)]
    if not places:
        raise WeightsError(
            f"{recipe.path} has no pooling that could be changed", "Leave the pooling to the folder"
        )
    old: Any = model[places[0]]
    mode: Any = _POOLING_MODES[recipe.pooling]
    model[places[0]] = Pool(old.embedding_dimension, mode, include_prompt=old.include_prompt)


@contextmanager
def quiet_peft() -> Iterator[None]:
    """While PEFT wraps a model it asks transformers by a name that is going to change: no news of ours."""
    with ignoring(FutureWarning, ".is_gradient_checkpointing"):
        yield


def _merge(model: SentenceTransformer, adapter: Path) -> None:
    """Add an adapter's weights to the model's own; then it runs as fast as without, and can be exported."""
    from peft import PeftConfig, PeftModel

    config = PeftConfig.from_pretrained(str(adapter), local_files_only=True)
    if config.peft_type != "LORA":
        raise ValueError(f"the adapter in {adapter} is of the type {config.peft_type}, not LORA")
    transformer: Any = model[0]
    with quiet_peft():
        wrapped = PeftModel(transformer.model, config)
    loaded = wrapped.load_adapter(
        str(adapter), "default", torch_device=str(model.device), local_files_only=True
    )
    # PEFT only warns, and the base's vectors would come out under the adapter's name.
    strays = [*loaded.missing_keys, *loaded.unexpected_keys]
    if strays:
        raise ValueError(
            f"the adapter in {adapter} is not for it ({len(strays)} weights, such as {strays[0]})"
        )
    transformer.model = wrapped.merge_and_unload()


def _append_eos(tokenizer: Any, path: Path) -> None:
    """Let the tokeniser itself end every text with EOS, so that cutting leaves room for it.

    Tokenisers that do so already are left alone: RaDeR and gte-Qwen2 have one EOS, not two.
    """
    from tokenizers.processors import Sequence, TemplateProcessing

    eos, number = tokenizer.eos_token, tokenizer.eos_token_id
    if eos is None:
        raise WeightsError(f"the tokeniser in {path} has no end-of-sequence token", "Leave append_eos off")
    if tokenizer("x")["input_ids"][-1] == number:
        return
    end = TemplateProcessing(single=["$A", eos], pair=["$A", "$B", eos], special_tokens=[(eos, number)])
    rust = tokenizer.backend_tokenizer
    rust.post_processor = Sequence([rust.post_processor, end]) if rust.post_processor else end


def _hashes(folder: Path) -> dict[str, str]:
    """sha256 of the files that decide a vector, by path within the folder."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in _WEIGHTS or file.name in _SETTINGS)
    return {str(file.relative_to(folder)): file_sha256(file) for file in files}


def file_sha256(file: Path) -> str:
    """sha256 of a file, 64 hex digits, remembered until the file changes."""
    return _sha256(file, *_stamp(file))


def _stamp(file: Path) -> tuple[int, int]:
    """Changes when the file does."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1024)  # fingerprint and export both ask, and a 7B model takes a minute
def _sha256(file: Path, _size: int, _time: int) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
