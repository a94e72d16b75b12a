"""qinfra.toml as a frozen type."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from infra.capacity.assumptions import Assumptions
from infra.domain import unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ModelSettings(_Table):
    """[model]: which model, and how it is divided.

    Attributes:
        path: A checkpoint's folder or hub id; "demo" is the embedded one.
        split: "balanced", or the cuts as in "8" and "5,10".
        stages: Nodes a token passes through.
        context_tokens: Tokens of prompt and answer per sequence; the model's own when None.
        slots: Sequences a node holds at once.
    """

    path: str = Field(default="demo", min_length=1)
    split: str = Field(default="balanced", min_length=1)
    stages: int = Field(default=2, ge=1, le=3)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    context_tokens: int | None = Field(default=None, gt=0)
    slots: int = Field(default=8, gt=0)


class LocalSettings(_Table):
    """[local]: the local target.

    Attributes:
        gateway_port: Where the OpenAI-compatible API listens.
        threads: Threads of each node that holds layers.
        max_processes: Agents the machine may run; any number when None.
        state_folder: Holds one folder per deployment; relative to where qinfra is run.
    """

    gateway_port: int = Field(default=8400, ge=1, le=65535)
    threads: int = Field(default=1, gt=0)
    max_processes: int | None = Field(default=None, ge=2)
    state_folder: Annotated[Path, Field(strict=False)] = Path(".qinfra")


class NetworkSettings(_Table):
    """[network]: where the network's figures come from.

    Attributes:
        source: "guide", "live", or the path of a JSON file.
        rpc_url: Base of the Qubic RPC; `/v1/latest-stats` is read under it.
        timeout_seconds: Without a byte, until a request is given up.
        attempts: Requests until the last good answer is taken instead.
    """

    source: str = Field(default="guide", min_length=1)
    rpc_url: str = Field(default="https://rpc.qubic.org", min_length=1)
    timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    attempts: int = Field(default=3, ge=1, le=10)


class Settings(_Table):
    """All of qinfra.toml; every key is optional."""

    assumptions: Assumptions = Assumptions()
    network: NetworkSettings = NetworkSettings()
    model: ModelSettings = ModelSettings()
    local: LocalSettings = LocalSettings()

    @field_validator("assumptions", mode="before")
    @classmethod
    def _numbers_only(cls, table: object) -> object:
        """Refuse what a dataclass would quietly turn into a number."""
        if isinstance(table, dict):
            for key, value in table.items():
                if isinstance(value, bool | str):
                    reason = f"{key} is {value!r}, not a number"
                    raise ValueError(reason)  # noqa: TRY004 - pydantic takes ValueError only
        return table


def load_settings(path: Path | None) -> Settings:
    """Read qinfra.toml; without a path, return the defaults.

    Raises:
        ConfigError: The file is missing, is not TOML, or a key is unknown or wrong; the first is
            named, with the nearest known key.
    """
    if path is None:
        return Settings()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, not TOML, or an integer too long to read
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return _validated(raw, path)


def _validated(raw: dict[str, object], path: Path) -> Settings:
    try:
        return Settings.model_validate(raw)
    except ConfigError as error:
        raise ConfigError(f"{path}: assumptions: {error}", hint=error.hint) from error
    except ValidationError as error:
        raise _explained(error.errors()[0], path) from error


def _explained(first: ErrorDetails, path: Path) -> ConfigError:
    *table, key = (str(part) for part in first["loc"])
    where = ".".join(table)
    if first["type"] in _UNKNOWN_KEY:
        place = f"{path}: [{where}] key" if where else f"{path}: key"
        return unknown(place, key, _known_keys(where))
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{path}: {'.'.join((*table, key))}: {reason}")


def _known_keys(table: str) -> tuple[str, ...]:
    if table == "assumptions":
        return tuple(item.name for item in fields(Assumptions))
    tables: dict[str, type[BaseModel]] = {
        "network": NetworkSettings,
        "model": ModelSettings,
        "local": LocalSettings,
    }
    return tuple(tables.get(table, Settings).model_fields)
