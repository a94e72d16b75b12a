"""qinfra.toml as a frozen type."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from infra.backend import LOCAL, PREFIX, GcsBackend, S3Backend
from infra.capacity.assumptions import Assumptions
from infra.domain import unknown
from infra.errors import ConfigError
from infra.ports import GATEWAY_PORT
from infra.ranges import LogNormal, Spread, Triangular, domain_of
from infra.tenants import Tenant, check_unique

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from infra.backend import Backend

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

    gateway_port: int = Field(default=GATEWAY_PORT, ge=1, le=65535)
    threads: int = Field(default=1, gt=0)
    max_processes: int | None = Field(default=None, ge=2)
    state_folder: Annotated[Path, Field(strict=False)] = Path(".qinfra")


class StateSettings(_Table):
    """[state]: where Terraform keeps the states of what stands in a cloud.

    Attributes:
        backend: "local" is beside the stacks, on this machine.
        bucket: Made by `qinfra backend bootstrap` when there is none.
        region: Of the bucket.
        prefix: Begins the name of everything in it.
    """

    backend: Literal["local", "s3", "gcs"] = "local"
    bucket: str | None = None
    region: str | None = None
    prefix: str = PREFIX

    @property
    def place(self) -> Backend:
        """The backend it describes.

        Raises:
            ConfigError: It describes none, or a name in it is none that the cloud would take.
        """
        if self.backend == "local":
            self._refuse_others()
            return LOCAL
        if not self.bucket:
            raise ConfigError(f'backend is "{self.backend}", so bucket has to name one')
        if self.backend == "gcs":
            return GcsBackend(bucket=self.bucket, region=self.region or "", prefix=self.prefix)
        if not self.region:
            raise ConfigError('backend is "s3", so region has to say where the bucket is')
        return S3Backend(bucket=self.bucket, region=self.region, prefix=self.prefix)

    def _refuse_others(self) -> None:
        """Refuse a bucket that would be left unused, with the states on this machine."""
        for key in ("bucket", "region"):
            if getattr(self, key) is not None:
                raise ConfigError(f'{key} is set, but backend is "local": must be "s3" or "gcs"')

    @model_validator(mode="after")
    def _allowed(self) -> StateSettings:
        try:
            _ = self.place
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self


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


class RangeSettings(_Table):
    """A key of [ranges]: low and high, with or without mode; or median and sigma."""

    low: float | None = None
    mode: float | None = None
    high: float | None = None
    median: float | None = None
    sigma: float | None = None

    @property
    def spread(self) -> Spread:
        """The range it describes.

        Raises:
            ConfigError: It describes none, or its numbers are wrong.
        """
        triangular, log_normal = (self.low, self.mode, self.high), (self.median, self.sigma)
        if self.low is not None and self.high is not None and log_normal == (None, None):
            return Triangular(low=self.low, mode=self.mode, high=self.high)
        if self.median is not None and self.sigma is not None and triangular == (None,) * 3:
            return LogNormal(median=self.median, sigma=self.sigma)
        raise ConfigError(
            "must be { low = .., mode = .., high = .. }, the mode at will, or "
            "{ median = .., sigma = .. }"
        )


class RangesSettings(_Table):
    """[ranges]: how far what enters a return may lie from what is assumed; see `infra.ranges`."""

    adoption: RangeSettings | None = None
    queries_per_user_per_day: RangeSettings | None = None
    peak_multiplier: RangeSettings | None = None
    ticks_per_second: RangeSettings | None = None
    transactions_per_tick: RangeSettings | None = None
    queries_per_transaction: RangeSettings | None = None
    inference_seconds: RangeSettings | None = None
    gpu_time_ratio: RangeSettings | None = None
    efficiency: RangeSettings | None = None
    redundancy: RangeSettings | None = None
    growth: RangeSettings | None = None
    embedding_share: RangeSettings | None = None
    days_per_month: RangeSettings | None = None
    usd_per_query: RangeSettings | None = None
    conversion: RangeSettings | None = None
    usd_per_month: RangeSettings | None = None
    cost_factor: RangeSettings | None = None

    @field_validator("*")
    @classmethod
    def _allowed(cls, value: RangeSettings | None, info: ValidationInfo) -> RangeSettings | None:
        if value is not None:
            try:
                value.spread.check(domain_of(str(info.field_name)))
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return value

    def spreads(self) -> dict[str, Spread]:
        """Return the ranges that were given."""
        given = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: value.spread for key, value in given.items() if value is not None}


class TenantSettings(_Table):
    """A table of [[tenants]]: a customer of the enterprise phase; see `infra.tenants`."""

    name: str
    title: str = ""
    domain: str = ""
    model: str = ""
    dedicated: bool = False
    pipelines: int = 0

    @property
    def tenant(self) -> Tenant:
        """The tenant it describes.

        Raises:
            ConfigError: A value cannot be.
        """
        return Tenant(**self.model_dump())

    @model_validator(mode="after")
    def _allowed(self) -> TenantSettings:
        try:
            _ = self.tenant
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self


class Settings(_Table):
    """All of qinfra.toml; every key is optional."""

    assumptions: Assumptions = Assumptions()
    network: NetworkSettings = NetworkSettings()
    ranges: RangesSettings = RangesSettings()
    model: ModelSettings = ModelSettings()
    local: LocalSettings = LocalSettings()
    state: StateSettings = StateSettings()
    tenants: Annotated[tuple[TenantSettings, ...], Field(strict=False)] = ()

    @field_validator("tenants")
    @classmethod
    def _told_apart(cls, tenants: tuple[TenantSettings, ...]) -> tuple[TenantSettings, ...]:
        try:
            check_unique(each.tenant for each in tenants)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return tenants

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
        raise _explained(_telling(error.errors()), path) from error


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """Return the first error; where a key is missing, rather the one that was misspelt."""
    unknown_keys = (each for each in errors if each["type"] in _UNKNOWN_KEY)
    return next(unknown_keys, errors[0]) if errors[0]["type"] == "missing" else errors[0]


def _explained(first: ErrorDetails, path: Path) -> ConfigError:
    *table, key = (_counted(part) for part in first["loc"])
    where = ".".join(table)
    if first["type"] in _UNKNOWN_KEY:
        place = f"{path}: [{where}] key" if where else f"{path}: key"
        return unknown(place, key, _known_keys(where))
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{path}: {'.'.join((*table, key))}: {reason}")


def _counted(part: int | str) -> str:
    """A key, or the number of a table as people count: from one."""
    return str(part + 1) if isinstance(part, int) else part


def _known_keys(table: str) -> tuple[str, ...]:
    if table == "assumptions":
        return tuple(item.name for item in fields(Assumptions))
    if table.startswith("ranges."):
        return tuple(RangeSettings.model_fields)
    if table.startswith("tenants."):
        return tuple(TenantSettings.model_fields)
    tables: dict[str, type[BaseModel]] = {
        "network": NetworkSettings,
        "ranges": RangesSettings,
        "model": ModelSettings,
        "local": LocalSettings,
        "state": StateSettings,
    }
    return tuple(tables.get(table, Settings).model_fields)
