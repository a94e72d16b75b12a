"""Asking nodes how they are, as the operator, over mutual TLS."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from provision.inventory import Inventory, InventoryNode

NOT_LISTENING = "not listening"
_TIMEOUT_SECONDS = 2.0
_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """What a node said, or why it could not be asked.

    Args:
        ready: Whether it takes work.
        reason: Why not.
        reachable: Whether it answered at all.
        details: All it said.
    """

    ready: bool
    reason: str
    reachable: bool = True
    details: dict[str, Any] = field(default_factory=dict)


def ready_all(inventory: Inventory, operator: Path) -> dict[str, NodeHealth]:
    """Ask every node for /readyz, all at once."""
    return _ask_all(inventory, operator, "/readyz")


def status_all(inventory: Inventory, operator: Path) -> dict[str, NodeHealth]:
    """Ask every node for /status, all at once."""
    return _ask_all(inventory, operator, "/status")


def operator_context(operator: Path) -> ssl.SSLContext:
    """Return the TLS 1.3 client context with the operator's certificate.

    Raises:
        ConfigError: A PEM file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=str(operator / "ca.pem"))
        context.load_cert_chain(operator / "cert.pem", operator / "key.pem")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"operator's identity in {operator}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _ask_all(inventory: Inventory, operator: Path, path: str) -> dict[str, NodeHealth]:
    import httpx

    with (
        httpx.Client(
            verify=operator_context(operator), trust_env=False, timeout=_TIMEOUT_SECONDS
        ) as client,
        ThreadPoolExecutor(max_workers=_AT_ONCE) as pool,
    ):
        answers = pool.map(lambda node: _ask(client, node, path), inventory.nodes)
        return {node.name: answer for node, answer in zip(inventory.nodes, answers, strict=True)}


def _ask(client: httpx.Client, node: InventoryNode, path: str) -> NodeHealth:
    import httpx

    try:
        # The certificate must carry the node's name, whatever its address.
        response = client.get(f"{node.status_url}{path}", extensions={"sni_hostname": node.name})
        details = response.json()
        return NodeHealth(
            ready=response.status_code == httpx.codes.OK and bool(details["ready"]),
            reason=str(details["reason"]),
            details=details,
        )
    except httpx.ConnectError as error:
        reason = "certificate refused" if "CERTIFICATE" in str(error) else NOT_LISTENING
        return NodeHealth(ready=False, reason=reason, reachable=False)
    except httpx.HTTPError as error:
        return NodeHealth(ready=False, reason=type(error).__name__, reachable=False)
    except (ValueError, KeyError, TypeError):
        return NodeHealth(ready=False, reason="its answer was not understood")
