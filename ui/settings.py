"""Settings: defaults < one TOML file < environment < flags. The resolved ones are what everything is made of.

The TOML file is ``--config``, else ``RADER_CONFIG``, else ``rader.toml`` in ``RADER_HOME``. A variable of the
environment is the setting's name in capitals after ``RADER_``; settings of the agent are written
``RADER_AGENT__DEPTH``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agent.state import PRESETS, AgentConfig, RetrieverName, SampleConfig, SearchConfig
from retriever.errors import BadInputError

DEFAULT_MODEL = "qwen2.5-coder-1.5b-instruct"
DEFAULT_ENCODER = "all-minilm-l6-v2"
PASSAGE_TOKENS = 128  # where neither the settings nor what was trained says otherwise


def default_home() -> Path:
    """The user's data folder for this product."""
    return Path(platformdirs.user_data_dir("rader", appauthor=False))


class Settings(BaseSettings):
    """Everything that can be chosen. Lengths are in tokens unless they say otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="RADER_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    home: Path = Field(default_factory=default_home, description="weights, index, logs")
    model: str = Field(default=DEFAULT_MODEL, description="the embedded language model")
    llm_url: str = Field(default="", description="an OpenAI-compatible server to use instead")
    llm_model: str = Field(default="", description="the model's name there; default: the first it lists")
    llm_key: SecretStr = Field(default=SecretStr(""), description="its key; default OPENAI_API_KEY")
    llm_timeout: float = Field(default=120.0, gt=0, description="seconds of silence that count as hung")
    context: int = Field(default=16384, ge=1024, description="tokens that all slots share")
    slots: int = Field(default=4, ge=1, le=64, description="requests the embedded model serves at once")
    threads: int = Field(default=0, ge=0, description="0: as many as there are processors")
    encoder: str = Field(
        default=DEFAULT_ENCODER,
        description="the base: name of a pulled model, or a folder; it searches where nothing trained does",
    )
    trained: str = Field(
        default="",
        description="what searches as rader and in hybrid: a trained retriever's name, a preset or a folder; "
        "default: the one that is promoted",
    )
    label: str = Field(default="", description="what results are called that this encoder found alone")
    backend: Literal["auto", "torch", "onnx", "onnx-int8"] = Field(
        default="auto", description="what computes the vectors"
    )
    passage_tokens: int | None = Field(
        default=None,
        ge=16,
        description="tokens of a passage that the encoder reads; default: as it was trained, else 128, "
        "which was no worse than 256 and twice as fast",
    )
    chroma_url: str = Field(default="", description="a Chroma server; default: a folder in home")
    chroma_token: SecretStr = Field(default=SecretStr(""), description="its token")
    reranker: str = Field(default="", description='a cross-encoder\'s folder, or "llm"; empty: none')
    rerank_depth: int = Field(default=20, ge=1, le=1000, description="hits that the reranker scores")
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    root_path: str = Field(
        default="",
        pattern=r"^(/[^/?#\s]+)*$",
        description="what a proxy takes off every path, such as /rader",
    )
    auth: Path | None = Field(default=None, description="a file of user:password lines: who may use the page")
    without_auth: bool = Field(default=False, description="anyone who reaches the page may use it")
    places: int = Field(default=8, ge=1, le=1024, description="problems solved at once; more wait in line")
    agent: AgentConfig = AgentConfig()
    search: SearchConfig = Field(default=SearchConfig(), description="the tree search of mcts")
    samples: SampleConfig = Field(default=SampleConfig(), description="the votes of cot@n and rag@n")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then TOML."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """The resolved settings.

    Args:
        config: The TOML file; it must exist if it is named.
        flags: Settings given on the command line; None means not given.

    Raises:
        BadInputError: the file is missing or unreadable, or a value is not allowed.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = _config_file(config, given)

    class Configured(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return Configured(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInputError(f"the setting {where} cannot be used: {first['msg']}", _where(path)) from error
    except (ValueError, OSError) as error:  # tomllib.TOMLDecodeError is a ValueError
        raise BadInputError(f"{path} cannot be read: {error}", "Mend it or leave it out") from error


def environment(settings: Settings) -> dict[str, str]:
    """Variables that give another process these very settings, keys and tokens among them."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {f"RADER_{name.upper()}": _written(value) for name, value in values.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _config_file(config: Path | None, flags: dict[str, Any]) -> Path:
    named = config or (Path(os.environ["RADER_CONFIG"]) if os.environ.get("RADER_CONFIG") else None)
    if named is not None and not named.is_file():
        raise BadInputError(f"there is no settings file {named}", "Check --config and RADER_CONFIG")
    home = flags.get("home") or os.environ.get("RADER_HOME") or default_home()
    return named or Path(home) / "rader.toml"


def _where(path: Path) -> str:
    return f"Check the flags, the variables that begin with RADER_, and {path}"


def with_agent(settings: Settings, *, retriever: str | None = None, **overrides: Any) -> Settings:
    """``settings`` with the agent's configuration changed by those overrides that are not None.

    Args:
        settings: What was resolved.
        retriever: A retriever's name; or an encoder, which then searches alone.
        overrides: Fields of `AgentConfig`.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    named = retriever in get_args(RetrieverName)
    if retriever is not None:
        given["retriever"] = retriever if named else "rader"
    encoder = {} if named or retriever is None else {"trained": retriever, "label": retriever}
    agent = AgentConfig(**(settings.agent.model_dump() | given))
    return settings.model_copy(update={"agent": agent, **encoder})


def with_search(settings: Settings, *, preset: str | None = None, rollouts: int | None = None) -> Settings:
    """``settings`` whose tree search has the numbers of a preset, and that many rollouts."""
    search = PRESETS[preset] if preset else settings.search
    if rollouts is not None:
        search = SearchConfig(**(search.model_dump() | {"rollouts": rollouts}))
    return settings.model_copy(update={"search": search})
