"""agent.toml as a frozen type: the one module of the agent that the toolkit may import."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from node_agent.errors import ConfigError

Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Role(StrEnum):
    """What a node does in the fleet."""

    ORCHESTRATOR = "orchestrator"
    EMBEDDING = "embedding"
    TRANSFORMER = "transformer"
    WORKER = "worker"

    @property
    def holds_layers(self) -> bool:
        """Whether nodes of this role serve part of the model."""
        return self is not Role.ORCHESTRATOR


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Node(_Table):
    """Who this node is."""

    name: Name
    role: Role
    deployment: Name


class Listen(_Table):
    """Where the agent listens; both ports ask for a client certificate."""

    host: str = "127.0.0.1"
    grpc_port: Port
    status_port: Port


class Tls(_Table):
    """PEM files of this node's identity; the key is readable by its owner only."""

    ca: Path
    certificate: Path
    key: Path


class Peer(_Table):
    """Another node, named by its certificate and reached at host:port."""

    name: Name
    address: str


class Model(_Table):
    """The checkpoint this node serves, or schedules."""

    id: str
    path: Path
    revision: str
    layers: int = Field(gt=0)
    context_tokens: int = Field(gt=0)


class Stage(_Table):
    """Which layers this node holds, and how much it takes on at once."""

    first_layer: int = Field(ge=0)
    end_layer: int = Field(gt=0)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    slots: int = Field(default=8, gt=0)
    chunk_tokens: int = Field(default=64, gt=0)
    micro_batches: int = Field(default=2, gt=0)
    threads: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_layer >= self.end_layer:
            raise ValueError(
                f"first_layer {self.first_layer} is not below end_layer {self.end_layer}"
            )
        return self


class Gateway(_Table):
    """The OpenAI-compatible listener; the only one without client certificates."""

    host: str = "127.0.0.1"
    port: Port
    api_key_sha256: tuple[str, ...]
    context: str = ""
    max_waiting: int = Field(default=64, ge=0)
    request_timeout_seconds: float = Field(default=120, gt=0)
    lease_seconds: float = Field(default=10, gt=0)


class Timing(_Table):
    """Deadlines, in seconds."""

    heartbeat_seconds: float = Field(default=2, gt=0)
    connect_seconds: float = Field(default=10, gt=0)
    drain_seconds: float = Field(default=30, ge=0)


class Cloud(_Table):
    """What the node hears from the cloud it is in, and tells it; by default nothing at all.

    Attributes:
        notices: Whose metadata server is asked whether this machine is taken back.
        metrics: Who is told of the queue; orchestrators only.
        region: Where the metric is kept.
        orchestrators: How many share the slots of the region's nodes; the metric is an average
            over them, of which each counts its own line only.
        ask_seconds: How often to ask for a notice, and to look at the queue.
        publish_seconds: How often to tell of the queue.
        metadata_url: Of a metadata server in place of the cloud's own; empty for that.
        cloudwatch_url: Likewise.
    """

    notices: Literal["none", "aws", "gcp"] = "none"
    metrics: Literal["none", "cloudwatch"] = "none"
    region: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    orchestrators: int = Field(default=1, gt=0)
    ask_seconds: float = Field(default=5, gt=0)
    publish_seconds: float = Field(default=60, gt=0)
    metadata_url: str = Field(default="", pattern=r"^(http://[\w.-]+(:\d{1,5})?)?$")
    cloudwatch_url: str = Field(default="", pattern=r"^(https?://[\w.-]+(:\d{1,5})?)?$")

    @model_validator(mode="after")
    def _metric_has_its_region(self) -> Self:
        if self.metrics != "none" and not self.region:
            raise ValueError("metrics need a region")
        return self


class NodeConfig(_Table):
    """One node's agent.toml.

    `orchestrators` is where a stage registers; `stage` is present exactly on roles that hold
    layers; `gateway` exactly on orchestrators.
    """

    node: Node
    listen: Listen
    tls: Tls
    model: Model
    orchestrators: tuple[Peer, ...] = ()
    stage: Stage | None = None
    gateway: Gateway | None = None
    timing: Timing = Timing()
    cloud: Cloud = Cloud()

    @model_validator(mode="after")
    def _role_has_its_tables(self) -> Self:
        role = self.node.role
        if role.holds_layers != (self.stage is not None):
            raise ValueError(f"[stage] belongs to roles with layers; the role is {role}")
        if (role is Role.ORCHESTRATOR) != (self.gateway is not None):
            raise ValueError(f"[gateway] belongs to orchestrators; the role is {role}")
        if role.holds_layers and self.cloud.metrics != "none":
            raise ValueError(f"cloud.metrics belongs to orchestrators; the role is {role}")
        if role.holds_layers and not self.orchestrators:
            raise ValueError("[[orchestrators]] is empty: the node has nowhere to register")
        if self.stage and self.stage.end_layer > self.model.layers:
            raise ValueError(
                f"end_layer {self.stage.end_layer} is beyond the model's {self.model.layers} layers"
            )
        return self


def load(path: Path) -> NodeConfig:
    """Read agent.toml; relative paths in it are relative to its folder.

    Raises:
        ConfigError: The file is missing, is not TOML, or a key is wrong; the first is named.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        config = NodeConfig.model_validate(raw)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path}: {where}: {first['msg']}") from error
    return _resolved(config, path.resolve().parent)


def _resolved(config: NodeConfig, folder: Path) -> NodeConfig:
    tls = config.tls
    return config.model_copy(
        update={
            "tls": Tls(
                ca=folder / tls.ca, certificate=folder / tls.certificate, key=folder / tls.key
            ),
            "model": config.model.model_copy(update={"path": folder / config.model.path}),
        }
    )
