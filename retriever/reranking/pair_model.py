"""A folder of weights becomes a cross-encoder that is ready to score pairs.

Three kinds of folder: one that sentence-transformers saved, a transformers model for sequence classification,
and a LoRA adapter with a linear head over a language model, as RaDeR publishes its reranker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.errors import WeightsError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

# How RaDeR writes a pair (its rerank.py), as the chat template by which sentence-transformers writes pairs.
POINTWISE = (
    "query: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}"
    " document: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}"
    "{{ eos_token }}"
)
REMEDY = "Name a folder that holds a cross-encoder with safetensors weights"
_NO_TOKEN = -1


@dataclass(frozen=True)
class PairRecipe:
    """What decides how a cross-encoder is put together.

    Args:
        path: Folder with the weights.
        adapter: Folder of a LoRA adapter for them, its head among the modules it saved.
        template: Chat template (Jinja) that writes a pair from the roles query and document. None takes the
            folder's own, and `POINTWISE` where a decoder's folder has none.
    """

    path: Path
    adapter: Path | None = None
    template: str | None = None

    def check(self) -> None:
        """Refuse, without reading weights, what would get a head of random numbers.

        Raises:
            WeightsError: A folder does not hold what it should.
        """
        for folder in filter(None, (self.path, self.adapter)):
            if not next(folder.glob("*.safetensors"), None):
                raise WeightsError(f"no model with safetensors weights in {folder}", REMEDY)
        if self.adapter:
            if "score" not in (_json(self.adapter / "adapter_config.json").get("modules_to_save") or []):
                raise WeightsError(f"the adapter in {self.adapter} brings no head", "Name that of a reranker")
        elif _saved_as(self.path) != "CrossEncoder" and not _classifies(self.path):
            what = _architecture(self.path) or _saved_as(self.path) or "something else"
            raise WeightsError(f"{self.path} holds no reranker but {what}", REMEDY)

    def open(self, device: str | None) -> CrossEncoder:
        """The model, its adapter merged into its weights; ``device`` None takes the best there is.

        Raises:
            WeightsError: The weights cannot be read, or do not give one number a pair.
        """
        from safetensors import SafetensorError
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model = self._load(device)
        except (OSError, ValueError, KeyError, RuntimeError, AttributeError, SafetensorError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise WeightsError(f"cannot load the reranker in {self.path}: {reason}", REMEDY) from error
        if model.num_labels != 1:
            raise WeightsError(f"{self.path} gives {model.num_labels} numbers a pair, not one", REMEDY)
        _read_last_token(model)
        model.eval()
        return model

    def _load(self, device: str | None) -> CrossEncoder:
        from sentence_transformers import CrossEncoder

        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        safe = {"use_safetensors": True}
        model: CrossEncoder
        if template := self.template or (POINTWISE if self.adapter or _is_bare_decoder(self.path) else None):
            options = {"model_kwargs": local | safe, "processor_kwargs": local | {"chat_template": template}}
            options["config_kwargs"] = local | {"num_labels": 1}
            model = CrossEncoder(modules=[self._transformer(options)], device=device)
        else:
            model = CrossEncoder(str(self.path), device=device, model_kwargs=safe, **local)
        return model

    def _transformer(self, options: dict[str, Any]) -> Any:
        from sentence_transformers.base.modules import Transformer

        with _quiet():
            module = Transformer(str(self.path), transformer_task="sequence-classification", **options)
        if self.adapter:
            module.model = _merged(module.model, self.adapter)
        return module


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers reports a missing head at length, which the adapter is about to bring."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _merged(model: Any, adapter: Path) -> Any:
    """The model with an adapter's weights added to its own, and the adapter's head in place of its own."""
    from peft import PeftConfig, PeftModel

    wrapped = PeftModel(model, PeftConfig.from_pretrained(str(adapter), local_files_only=True))
    loaded = wrapped.load_adapter(str(adapter), "default", local_files_only=True)
    # PEFT only warns, and the base's scores would come out under the adapter's name.
    strays = [*loaded.missing_keys, *loaded.unexpected_keys]
    if strays:
        raise ValueError(
            f"the adapter in {adapter} is not for it ({len(strays)} weights, such as {strays[0]})"
        )
    return wrapped.merge_and_unload()


def _read_last_token(model: CrossEncoder) -> None:
    """Let a decoder's head read the last token, whatever the batch.

    transformers looks for the last token that is not padding, and would step over the end-of-sequence token
    where that pads too. With padding on the left the last place is the last token, and an id that no token
    has makes transformers look there.
    """
    from transformers.modeling_layers import GenericForSequenceClassification

    decoder = model.transformers_model
    if isinstance(decoder, GenericForSequenceClassification):
        model.tokenizer.padding_side = "left"
        model.tokenizer.pad_token = model.tokenizer.pad_token or model.tokenizer.eos_token
        decoder.config.get_text_config().pad_token_id = _NO_TOKEN


def _is_bare_decoder(folder: Path) -> bool:
    """Whether a folder holds a decoder with a linear head and does not say how it wants pairs written."""
    import transformers
    from transformers.modeling_layers import GenericForSequenceClassification

    if _saved_as(folder) == "CrossEncoder":  # its template came with it
        return False
    architecture = getattr(transformers, _architecture(folder), None)
    return isinstance(architecture, type) and issubclass(architecture, GenericForSequenceClassification)


def _saved_as(folder: Path) -> str:
    """What kind of model sentence-transformers says it saved; empty where it did not."""
    return str(_json(folder / "config_sentence_transformers.json").get("model_type", ""))


def _classifies(folder: Path) -> bool:
    return _architecture(folder).endswith("ForSequenceClassification")


def _architecture(folder: Path) -> str:
    """The class of transformers that a folder's weights are of; empty where it does not say."""
    return next(iter(_json(folder / "config.json").get("architectures") or []), "")


def _json(file: Path) -> dict[str, Any]:
    """A settings file; empty where there is none."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{file} cannot be read", REMEDY) from error
