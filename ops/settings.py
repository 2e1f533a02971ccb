"""What can be set from outside: `PARKWATCH_*` in the environment, and one TOML file.

The environment wins over the file, the command line over both. Secrets (S3 keys) are read from
the environment by the libraries that need them and never stand in the file.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from park.errors import SettingsError

CONFIG_VARIABLE = "PARKWATCH_CONFIG"
DEFAULT_CONFIG = "parkwatch.toml"


class Settings(BaseSettings):
    """All settings, with their defaults.

    Attributes:
        warehouse: folder or `s3://bucket/prefix` of the tables; None where it must be given.
        site: the site file to use where none is given.
        sample_fps: frames per second taken from video.
        models: models that run where none is given; `auto` for those that the site's rules ask
            for.
        max_pixels: pictures and videos with more pixels are refused.
    """

    model_config = SettingsConfigDict(env_prefix="PARKWATCH_", extra="ignore", frozen=True)

    warehouse: str | None = None
    site: Path | None = None
    sample_fps: float = Field(2.0, gt=0, le=240)
    models: Annotated[tuple[str, ...], NoDecode] = ("vehicles",)
    max_pixels: int = Field(150_000_000, gt=0)

    @field_validator("models", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        """Accept names with commas between them, as an environment variable holds them."""
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what is passed in, the environment, the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: when a value is wrong; the message names it and says where it can stand.
    """
    path = _config_file()
    if path is not None:
        _check_file(path)
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else "settings"
        raise SettingsError(
            f"setting {name}: {wrong['msg']}, not {wrong['input']!r} (it can stand in "
            f"PARKWATCH_{name.upper()} or, as {name}, in {path or DEFAULT_CONFIG})"
        ) from error


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else Path(DEFAULT_CONFIG)
    if named and not path.is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which is not a file")
    return path if path.is_file() else None


def _check_file(path: Path) -> None:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not readable TOML: {error}") from error
    unknown = sorted(set(content) - set(Settings.model_fields))
    if unknown:
        raise SettingsError(
            f"{path}: unknown setting {unknown[0]!r}; there are "
            f"{', '.join(sorted(Settings.model_fields))}"
        )
