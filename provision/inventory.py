"""The nodes of a deployment: one schema, whatever target they run on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryNode:
    """One node: who it is, where it listens, what it holds.

    Args:
        name: As in its certificate.
        role: orchestrator, embedding, transformer or worker.
        host: Address under which it is reached.
        grpc_port: The agents' own protocol.
        status_port: /livez, /readyz and /status behind mutual TLS.
        gateway_port: The HTTP API; orchestrators only.
        layers: First layer and end layer (exclusive); None on orchestrators.
        folder: Its configuration, identity and log, relative to the deployment's folder.
    """

    name: str
    role: str
    host: str
    grpc_port: int
    status_port: int
    folder: str
    gateway_port: int | None = None
    layers: tuple[int, int] | None = None

    @property
    def grpc_address(self) -> str:
        """Where other agents reach it."""
        return f"{self.host}:{self.grpc_port}"

    @property
    def status_url(self) -> str:
        """Where its state is asked for."""
        return f"https://{self.host}:{self.status_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All nodes of a deployment, in the order in which they start."""

    deployment: str
    nodes: tuple[InventoryNode, ...]

    @property
    def gateways(self) -> tuple[str, ...]:
        """Base URLs of the HTTP API, one for each orchestrator."""
        return tuple(
            f"http://{node.host}:{node.gateway_port}" for node in self.nodes if node.gateway_port
        )

    def of_role(self, role: str) -> tuple[InventoryNode, ...]:
        """The nodes of one role, in order."""
        return tuple(node for node in self.nodes if node.role == role)

    def node(self, name: str) -> InventoryNode:
        """The node called `name`.

        Raises:
            ConfigError: There is none; those that exist are named.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise ConfigError(
            f"no node {name!r} in deployment {self.deployment}",
            hint=f"Its nodes are {', '.join(node.name for node in self.nodes)}.",
        )

    def to_json(self) -> str:
        """Return the inventory as JSON text."""
        document = {
            "schema": SCHEMA,
            "deployment": self.deployment,
            "nodes": [asdict(node) for node in self.nodes],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "inventory") -> Inventory:
        """Read what `to_json` wrote.

        Args:
            text: The JSON text.
            source: Where it came from, for the error.

        Raises:
            ConfigError: Not JSON, another schema, or a field is missing or unknown.
        """
        try:
            document = json.loads(text)
            _check_schema(document, source)
            nodes = tuple(_node(item) for item in document["nodes"])
            return cls(deployment=str(document["deployment"]), nodes=nodes)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{source}: not JSON: {error}") from error
        except KeyError as error:
            raise ConfigError(f"{source}: {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{source}: {error}") from error


def load(path: Path) -> Inventory:
    """Read an inventory file.

    Raises:
        ConfigError: It is missing or damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return Inventory.from_json(text, source=str(path))


def _check_schema(document: Any, source: str) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(document, dict):
        raise TypeError("the top level is not an object")
    if document.get("schema") != SCHEMA:
        raise ConfigError(
            f"{source}: schema {document.get('schema')!r}; this version reads {SCHEMA}",
            hint="Use the qinfra that made it, or destroy the deployment and deploy anew.",
        )


def _node(item: dict[str, Any]) -> InventoryNode:
    layers = item["layers"]
    if layers is not None:
        first, end = layers
        item = item | {"layers": (int(first), int(end))}
    return InventoryNode(**item)
