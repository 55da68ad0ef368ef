"""Settings: defaults < one TOML file < environment < flags. The resolved ones are what everything is made of.

The TOML file is ``--config``, else ``RADER_CONFIG``, else ``rader.toml`` in ``RADER_HOME``. A variable of the
environment is the setting's name in capitals after ``RADER_``; settings of the agent are written
``RADER_AGENT__DEPTH``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agent.state import AgentConfig
from retriever.errors import BadInputError

DEFAULT_MODEL = "qwen2.5-coder-1.5b-instruct"
DEFAULT_ENCODER = "all-minilm-l6-v2"


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
    encoder: str = Field(default=DEFAULT_ENCODER, description="name of a pulled model, or a folder")
    passage_tokens: int = Field(
        default=128,
        ge=16,
        description="tokens of a passage that the encoder reads; 128 was no worse than 256 and twice as fast",
    )
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    agent: AgentConfig = AgentConfig()

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


def _config_file(config: Path | None, flags: dict[str, Any]) -> Path:
    named = config or (Path(os.environ["RADER_CONFIG"]) if os.environ.get("RADER_CONFIG") else None)
    if named is not None and not named.is_file():
        raise BadInputError(f"there is no settings file {named}", "Check --config and RADER_CONFIG")
    home = flags.get("home") or os.environ.get("RADER_HOME") or default_home()
    return named or Path(home) / "rader.toml"


def _where(path: Path) -> str:
    return f"Check the flags, the variables that begin with RADER_, and {path}"
