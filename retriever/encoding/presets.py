"""Encoders by name: what each wants before, after and around a text, and where its weights come from.

    encoder = encoder_for("rader-gte-qwen2-7b", home)

A name is a preset, a model of the store, a folder, or a repository of the Hugging Face hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from retriever.encoding.loading import Dtype, Pooling
from retriever.errors import BadInputError, WeightsError
from retriever.pulling.hub import REPOSITORY, Listener, snapshot
from retriever.trained.release import ENCODER_FILE, encode_of, read_release, weights_sha256

if TYPE_CHECKING:
    from retriever.encoder import Encoder
    from retriever.encoding.backends import Backend

__all__ = [
    "ENCODER_FILE",
    "PRESETS",
    "Preset",
    "base_fingerprint",
    "encoder_for",
    "own_prompts",
    "preset_name",
]


class Preset(BaseModel):
    """How one encoder is used; the fields from ``query_prompt`` on are keywords of `Encoder`.

    Attributes:
        about: What it is, a line.
        hub: Its repository on the Hugging Face hub. What the store knows too is taken from there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    hub: str
    query_prompt: str = ""
    passage_prompt: str = ""
    max_tokens: int | None = None
    max_passage_tokens: int | None = None
    pooling: Pooling | None = None
    append_eos: bool = False
    causal: bool | None = None
    dtype: Dtype | None = None
    batch_size: int = 32

    @property
    def options(self) -> dict[str, Any]:
        """The keywords for `Encoder`."""
        return self.model_dump(exclude={"about", "hub"})


# RaDeR (section "The method" of the paper and its public code): last token, EOS appended, cosine. Its own
# evaluation reads 8,192 characters of a passage, about 2,048 tokens. bfloat16, as it was trained.
_RADER: dict[str, Any] = {
    "query_prompt": "Query: ",
    "passage_prompt": "Passage: ",
    "max_tokens": 8192,
    "max_passage_tokens": 2048,
    "pooling": "last",
    "append_eos": True,
    "dtype": "bfloat16",
    "batch_size": 8,
}
# gte-Qwen2's repository brings code of its own, which is never run here. It differs from transformers' own
# Qwen2 in two things. Its tokeniser ends every text with EOS: append_eos does. Its attention looks both ways
# (is_causal false in its config.json, which transformers obeys since 5.2). RaDeR was trained from it by
# transformers' own classes, which at that time always looked back only, yet inherited that config.json: so
# for both the direction is written down here rather than left to the folder.
PRESETS: dict[str, Preset] = {
    "all-minilm-l6-v2": Preset(
        about="the small base that ships with the product, 22M",
        hub="sentence-transformers/all-MiniLM-L6-v2",
    ),
    "rader-gte-qwen2-7b": Preset(
        about="RaDeR from gte-Qwen2-7B, the paper's best",
        hub="Raderspace/RaDeR_gte_Qwen2-7B_MATH_LLMq_CoT_lexical",
        causal=True,
        **_RADER,
    ),
    "rader-qwen2.5-7b": Preset(
        about="RaDeR from Qwen2.5-7B-Instruct",
        hub="Raderspace/RaDeR_Qwen_25_7B_instruct_MATH_LLMq_CoT_lexical",
        causal=True,
        **_RADER,
    ),
    "gte-qwen2-7b": Preset(
        about="what rader-gte-qwen2-7b was trained from",
        hub="Alibaba-NLP/gte-Qwen2-7B-instruct",
        causal=False,
        **_RADER
        | {
            "query_prompt": "Instruct: Given a math problem, retrieve theorems that help solve it\nQuery: ",
            "passage_prompt": "",
        },
    ),
    "qwen2.5-7b": Preset(
        about="what rader-qwen2.5-7b was trained from",
        hub="Qwen/Qwen2.5-7B-Instruct",
        causal=True,
        **_RADER,
    ),
}


def preset_name(name: str) -> str | None:
    """The preset of that name or of that repository, whatever the case; None where there is none."""
    word = name.lower()
    return next((known for known, found in PRESETS.items() if word in (known, found.hub.lower())), None)


def encoder_for(
    name: str | Path,
    home: str | Path,
    *,
    adapter: str | Path | None = None,
    max_passage_tokens: int | None = None,
    usual_passage_tokens: int | None = None,
    backend: Backend = "auto",
    device: str | None = None,
    listener: Listener | None = None,
    endpoint: str | None = None,
) -> Encoder:
    """The encoder of a preset, a model of the store, a folder or a repository ``org/name`` of the hub.

    A folder or repository may hold an adapter instead of a model; its adapter_config.json names the base.
    What ``rader.json`` or ``encoder.json`` beside the weights says of their use wins over the preset.

    Args:
        name: Which one; also a trained retriever of the registry.
        home: The home folder; what is fetched or exported goes there.
        adapter: Folder of a LoRA adapter for it.
        max_passage_tokens: Read at most so many tokens of a passage, also where the preset reads more.
        usual_passage_tokens: The same, where what lies beside the weights does not say how many.
        backend: As for `Encoder`.
        device: As for `Encoder`.
        listener: Told how far a download is.
        endpoint: The hub's address; ``HF_ENDPOINT`` or the public one by default.

    Raises:
        BadInputError: Nothing has that name.
        UnreachableError: It is not here and the hub cannot be reached; says what to put where.
        WeightsError: What has that name is no encoder.
    """
    from retriever.encoder import Encoder

    home = Path(home)
    folder = _folder(str(name), home, listener, endpoint)
    known = preset_name(str(name))
    if (folder / "adapter_config.json").is_file():
        if adapter:
            raise WeightsError(f"{name} holds an adapter, and there can be only one", "Name its base")
        adapter, base = folder, _base_of(folder)
        folder = _folder(base, home, listener, endpoint)
        known = known or preset_name(base)
    options: dict[str, Any] = PRESETS[known].options if known else own_prompts(folder)
    if adapter:
        _check_base(Path(adapter), folder)
    told = encode_of(Path(adapter or folder))
    options |= told.options
    if limit := max_passage_tokens or told.max_passage_tokens or usual_passage_tokens:
        options["max_passage_tokens"] = limit
    return Encoder(
        folder, adapter=adapter, backend=backend, cache=home / "exported", device=device, **options
    )


def base_fingerprint(adapter: str | Path, home: str | Path) -> str:
    """`weights_sha256` of what an adapter was trained from.

    Raises:
        WeightsError: Its base is not here.
    """
    return weights_sha256(_folder(_base_of(Path(adapter)), Path(home), None, None))


def _check_base(adapter: Path, folder: Path) -> None:
    """Refuse an adapter on another base than it was trained from: its vectors would mean nothing."""
    release = read_release(adapter)
    wanted = release.base_fingerprint if release else ""
    if wanted and wanted != (found := weights_sha256(folder)):
        raise WeightsError(
            f"{adapter} was trained from another model than the one in {folder} "
            f"(weights {wanted[:12]}, not {found[:12]})",
            "Use the model that it was trained from",
        )


def own_prompts(folder: Path) -> dict[str, str]:
    """The prompts that a sentence-transformers folder has for queries and passages, for `Encoder`."""
    file = folder / "config_sentence_transformers.json"
    try:
        prompts = json.loads(file.read_text(encoding="utf-8")).get("prompts") or {}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as error:
        raise WeightsError(f"{file} cannot be read: {error}", "Fetch the model again") from error
    passage = prompts.get("document") or prompts.get("passage") or ""
    return {"query_prompt": prompts.get("query") or "", "passage_prompt": passage}


def _folder(name: str, home: Path, listener: Listener | None, endpoint: str | None) -> Path:
    """The folder of what has that name, fetched where it is not here."""
    from retriever.registry import Registry
    from retriever.weights import ModelStore

    known = preset_name(name)
    if not known and Path(name).is_dir():
        return Path(name)
    if not known and (trained := Registry(home).find(name)):
        if trained.problems:
            raise WeightsError(f"{name} is damaged: {trained.problems[0]}", "Use another, or add it anew")
        return trained.path
    store = ModelStore(home, hub_endpoint=endpoint)
    if (known or name) in store.manifest.models:
        return store.pull(known or name, listener)
    repository = PRESETS[known].hub if known else name
    if not REPOSITORY.fullmatch(repository):
        raise BadInputError(
            f"no encoder is called {name!r}",
            f"Name a folder, a repository org/name of the hub, or one of: {', '.join(PRESETS)}",
        )
    return snapshot(repository, home, listener, endpoint)


def _base_of(adapter: Path) -> str:
    """What an adapter was trained from: a repository's name, or a folder."""
    file = adapter / "adapter_config.json"
    try:
        base = str(json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{file} cannot be read: {error}", "Name base and adapter both") from error
    if not base or not (Path(base).is_dir() or preset_name(base) or REPOSITORY.fullmatch(base)):
        raise WeightsError(
            f"the base {base!r} of the adapter {adapter} is not here", "Name base and adapter both"
        )
    return base
