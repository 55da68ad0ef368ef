"""How a training goes: every key of a recipe (``training/recipes``), checked, unknown ones refused.

    config = load_config(RetrieverTraining, "rader-minilm", epochs=2)

A recipe is TOML; what is named on the command line wins over it. The resolved configuration goes to run.json.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retriever.encoding.loading import Pooling
from retriever.errors import BadInputError
from retriever.jsonl import reasons
from retriever.mathtext import Latex

Share = float  # of a query type: how often an epoch sees each of its rows


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lora(_Strict):
    """A LoRA adapter (Hu et al. 2021): rank-r updates of frozen weights."""

    rank: int = Field(default=32, ge=1, description="rank of an update")
    alpha: int = Field(default=64, ge=1, description="an update is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="of what enters an update")
    strength: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="what is saved is scaled by it: below 1 lies between base and trained weights, and keeps "
        "more of what the base could (Wortsman et al. 2022)",
    )
    targets: str | list[str] = Field(
        default="all-linear", description='"all-linear", or the names of the layers that are adapted'
    )


class Distillation(_Strict):
    """Learning from a reranker too: how it would order a query's listed passages."""

    reranker: str = Field(description="folder of the cross-encoder that teaches")
    adapter: str = Field(default="", description="folder of its LoRA adapter, where it has one")
    weight: float = Field(default=0.5, gt=0, le=1, description="of the teacher's loss; InfoNCE has the rest")
    temperature: float = Field(default=1.0, gt=0, description="the teacher's scores are divided by it")


class Training(_Strict):
    """What both trainers have. A batch is of rows, a step one update of the weights."""

    method: Literal["lora", "full", "low-rank"] = Field(
        default="lora",
        description="an adapter; all weights; or all that an adapter could change, saved as the nearest one",
    )
    lora: Lora = Field(default=Lora(), description="the adapter; unused by method full")
    hard_negatives: int = Field(default=1, ge=0, description="listed negatives of a row that a batch holds")
    epochs: float = Field(default=1, gt=0)
    max_steps: int = Field(default=0, ge=0, description="stop after so many steps; 0: after the epochs")
    batch: int = Field(default=64, ge=1, description="rows on each device")
    accumulation: int = Field(default=1, ge=1, description="batches of a step, on each device")
    lr: float = Field(default=3e-4, gt=0, description="the highest learning rate")
    scheduler: Literal["linear", "cosine", "constant_with_warmup"] = Field(default="linear")
    warmup: float = Field(default=0.1, ge=0, description="steps; below 1, the share of all steps")
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    dropout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="within the base; default: as it says. 0 is faster on a processor",
    )
    precision: Literal["float32", "bf16"] = Field(default="float32", description="of the computation")
    gradient_checkpointing: bool = Field(default=False, description="less memory, a third slower")
    device: str = Field(default="", description='"cpu", or empty: the best there is')
    seed: int = Field(default=0, ge=0)
    mix: dict[str, Share] = Field(
        default_factory=dict,
        description='query type, or "SOURCE:TYPE" as in "proof:cot" → how often an epoch sees each of '
        "its rows; those not named: once",
    )
    limit: int = Field(default=0, ge=0, description="train on a draw of so many rows; 0: on all")
    evaluate_every: int = Field(default=0, ge=0, description="steps between evaluations; 0: ten a run")
    validation_limit: int = Field(default=512, ge=1, description="rows of validation.jsonl that are used")
    patience: int = Field(
        default=0, ge=0, description="stop after so many evaluations without a better one; 0: never"
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if any(share < 0 for share in self.mix.values()):
            raise ValueError("a share of the mix is negative")
        return self


class RetrieverTraining(Training):
    """The bi-encoder: InfoNCE over in-batch and listed hard negatives."""

    base: str = Field(
        default="all-minilm-l6-v2", description="preset, folder, or repository of the hub; an adapter goes on"
    )
    query_prompt: str | None = Field(default=None, description="put before queries; default: the base's")
    passage_prompt: str | None = Field(default=None, description="put before passages; default: the base's")
    pooling: Pooling | None = Field(default=None, description="default: the base's")
    append_eos: bool | None = Field(default=None, description="end every text with EOS; default: the base's")
    latex: Latex | None = Field(
        default=None, description='"plain" reads LaTeX as words; default: the base\'s'
    )
    query_tokens: int = Field(default=256, ge=8, description="read of a query; at most what the base reads")
    passage_tokens: int = Field(default=128, ge=8, description="read of a passage")
    temperature: float = Field(default=0.05, gt=0, description="cosines are divided by it")
    cached: bool = Field(
        default=False,
        description="compute gradients a mini-batch at a time (GradCache): a third slower, memory bounded",
    )
    mini_batch: int = Field(default=16, ge=1, description="texts in one forward pass, of about one length")
    topics: float = Field(
        default=0,
        ge=0,
        le=1,
        description="share of a batch that is of one topic, told by the passages' words: harder negatives at "
        "no cost; 0 draws batches at random",
    )
    distil: Distillation | None = Field(default=None, description="a reranker that teaches; default: none")


class RerankerTraining(Training):
    """The reranker: pointwise, a listwise loss over a positive and its hard negatives."""

    base: str = Field(description="folder or repository: a cross-encoder, or a decoder that gets a head")
    method: Literal["lora", "full"] = Field(default="lora", description="an adapter, or all weights")
    hard_negatives: int = Field(default=7, ge=1, description="listed negatives of a row that a batch holds")
    batch: int = Field(default=8, ge=1, description="rows on each device; each has 1 + hard_negatives pairs")
    lr: float = Field(default=2e-5, gt=0, description="the highest learning rate")
    tokens: int = Field(default=512, ge=16, description="read of a pair")
    temperature: float = Field(default=1.0, gt=0, description="scores are divided by it")
    mini_batch: int = Field(default=16, ge=1, description="pairs in one forward pass")


Config = TypeVar("Config", bound=Training)


def load_config(kind: type[Config], file: str | Path | None = None, **flags: Any) -> Config:
    """The configuration of a recipe, with ``flags`` (None: not given) over it.

    Args:
        kind: Of which training.
        file: TOML, or the name of a recipe that ships.
        flags: Keys of the recipe.

    Raises:
        BadInputError: The file cannot be read, a key is unknown or a value is not allowed; names the key.
    """
    try:
        found = tomllib.loads(_recipe(file)) if file else {}
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        remedy = f"Name a TOML file, or one that ships: {_shipped()}"
        raise BadInputError(f"cannot read the recipe {file}: {error}", remedy) from error
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return kind.model_validate(found | given)
    except ValidationError as error:
        where = f"the recipe {file}" if file else "the training's settings"
        remedy = "The keys are in training/trainers/config.py, and most in the recipes that ship"
        raise BadInputError(f"{where}: {reasons(error)}", remedy) from error


def _recipe(file: str | Path) -> str:
    path, shipped = Path(file), files("training") / "recipes" / f"{file}.toml"
    return (path if path.is_file() or not shipped.is_file() else shipped).read_text(encoding="utf-8")


def _shipped() -> str:
    recipes = (files("training") / "recipes").iterdir()
    return ", ".join(sorted(recipe.name.removesuffix(".toml") for recipe in recipes))
