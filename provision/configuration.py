"""Every node's agent.toml: built as the type the agent reads, rendered by the template."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from node_agent import config
from provision.files import write_atomically
from provision.identities import identity_folder

if TYPE_CHECKING:
    from provision.inventory import Inventory, InventoryNode
    from provision.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the nodes' configurations have in common.

    Args:
        plan: Model, split and footprint.
        threads: Of each node that holds layers.
        api_key: Only its digest reaches a configuration.
        context: System message the gateway adds; empty for none.
    """

    plan: Plan
    threads: int
    api_key: str
    context: str


def write_configurations(root: Path, inventory: Inventory, serving: Serving) -> None:
    """Write `agent.toml` of every node under the deployment's folder."""
    from templates import render

    for node in inventory.nodes:
        text = render("agent.toml.j2", config=node_config(node, inventory, serving))
        folder = root / node.folder
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        write_atomically(folder / "agent.toml", text)


def node_config(node: InventoryNode, inventory: Inventory, serving: Serving) -> config.NodeConfig:
    """Return one node's configuration; its paths to PEM files are relative to its folder."""
    shape, footprint = serving.plan.shape, serving.plan.footprint
    tls = identity_folder(Path())
    return config.NodeConfig(
        node=config.Node(
            name=node.name, role=config.Role(node.role), deployment=inventory.deployment
        ),
        listen=config.Listen(
            host=node.host, grpc_port=node.grpc_port, status_port=node.status_port
        ),
        tls=config.Tls(ca=tls / "ca.pem", certificate=tls / "cert.pem", key=tls / "key.pem"),
        model=config.Model(
            id=shape.id,
            path=Path(shape.path),
            revision=shape.revision,
            layers=shape.layers,
            context_tokens=footprint.context_tokens,
        ),
        orchestrators=_orchestrators(inventory) if node.layers else (),
        stage=_stage(node, serving),
        gateway=_gateway(node, serving),
    )


def network_context(metrics: NetworkMetrics = GUIDE_NETWORK) -> str:
    """Return the system message of figures that the demo model was trained to answer from."""
    from templates import render

    ticks, empty = metrics.ticks_in_epoch, metrics.empty_ticks_in_epoch
    return render(
        "network_context.txt.j2",
        epoch=metrics.epoch,
        tick=metrics.tick,
        ticks_in_epoch=ticks,
        empty_ticks=empty,
        tick_quality_percent=100 * (ticks - empty) / ticks if ticks else 0.0,
        active_addresses=metrics.active_addresses,
        price_usd=float(metrics.price_usd),
        market_cap_usd=float(metrics.market_cap_usd),
        circulating_supply_qu=metrics.circulating_supply_qu,
        burned_qu=metrics.burned_qu,
    )


def key_digest(api_key: str) -> str:
    """Return what an orchestrator is told of an API key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def _orchestrators(inventory: Inventory) -> tuple[config.Peer, ...]:
    return tuple(
        config.Peer(name=node.name, address=node.grpc_address)
        for node in inventory.of_role(config.Role.ORCHESTRATOR)
    )


def _stage(node: InventoryNode, serving: Serving) -> config.Stage | None:
    if node.layers is None:
        return None
    footprint = serving.plan.footprint
    first, end = node.layers
    return config.Stage.model_validate(
        {
            "first_layer": first,
            "end_layer": end,
            "dtype": footprint.dtype,
            "slots": footprint.slots,
            "threads": serving.threads,
        }
    )


def _gateway(node: InventoryNode, serving: Serving) -> config.Gateway | None:
    if node.gateway_port is None:
        return None
    return config.Gateway(
        host=node.host,
        port=node.gateway_port,
        api_key_sha256=(key_digest(serving.api_key),),
        context=serving.context,
    )
