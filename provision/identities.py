"""Certificates of a deployment's nodes and of its operator, made when missing or soon over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from provision.inventory import Inventory
    from provision.state import DeploymentFolder

OPERATOR = "operator"


def ensure_identities(folder: DeploymentFolder, inventory: Inventory, now: datetime) -> None:
    """Give every node and the operator an identity of the deployment's CA.

    Raises:
        ConfigError: The CA is damaged.
    """
    from provision import pki

    if (folder.authority / "ca.pem").exists():
        authority = pki.load_authority(folder.authority, folder.name)
    else:
        authority = pki.create_authority(folder.authority, folder.name)
    for node in inventory.nodes:
        where = identity_folder(folder.root / node.folder)
        if pki.needs_renewal(where / "cert.pem", now):
            authority.issue(where, name=node.name, role=node.role, addresses=(node.host,))
    if pki.needs_renewal(folder.operator / "cert.pem", now):
        authority.issue(folder.operator, name=OPERATOR, role=OPERATOR)


def identities_last(folder: DeploymentFolder, inventory: Inventory, now: datetime) -> bool:
    """Whether no identity has to be renewed now."""
    from provision import pki

    folders = [identity_folder(folder.root / node.folder) for node in inventory.nodes]
    return not any(pki.needs_renewal(x / "cert.pem", now) for x in (*folders, folder.operator))


def identity_folder(node_folder: Path) -> Path:
    """Where a node's ca.pem, cert.pem and key.pem are."""
    return node_folder / "tls"
