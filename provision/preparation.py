"""All that can refuse a deployment before anything is made: model, split, memory, ports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provision import memory, ports
from provision.inspection import inspect_model
from provision.plan import HOST, Plan, build_inventory, plan_deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.inventory import Inventory
    from provision.wishes import Wish

_PORTS_PER_AGENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a deploy takes from around it.

    Args:
        agent_command: What starts an agent.
        available_bytes: Memory new agents can take, given the bytes that old ones will give back.
        now: The time, with its zone.
        confirm: Whether a fleet that serves may be replaced, given the reasons.
    """

    agent_command: tuple[str, ...]
    available_bytes: Callable[[int], int] = lambda own: memory.available_bytes(own_bytes=own)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    confirm: Callable[[tuple[str, ...]], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The fleet that gives way to the new one.

    Args:
        inventory: Its nodes, whose gateway ports are kept where possible.
        pids: Its agents that run.
    """

    inventory: Inventory | None = None
    pids: tuple[int, ...] = ()

    @property
    def gateway_ports(self) -> tuple[int, ...]:
        """Where its API listens, or listened."""
        nodes = self.inventory.nodes if self.inventory else ()
        return tuple(node.gateway_port for node in nodes if node.gateway_port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A deployment that nothing speaks against.

    Args:
        plan: Its agents.
        inventory: The same with ports and folders.
    """

    plan: Plan
    inventory: Inventory


def prepare(
    name: str, wish: Wish, world: World, predecessor: Predecessor | None = None
) -> Prepared:
    """Look at the model, divide it, and find memory and ports for it; change nothing.

    Args:
        name: Of the deployment.
        wish: What is wanted.
        world: Agents and memory.
        predecessor: What runs until the new fleet starts.

    Raises:
        ConfigError: Model or split cannot be used.
        PreflightError: Memory or a port is not to be had.
    """
    old = predecessor or Predecessor()
    shape = inspect_model(wish.desired.model, world.agent_command)
    plan = plan_deployment(wish.desired, wish.counts, shape)
    nodes = plan.fleet.nodes
    available = world.available_bytes(memory.resident_bytes(old.pids) if old.pids else 0)
    memory.check_memory(nodes, shape, plan.footprint, available_bytes=available)
    inventory = build_inventory(
        name,
        nodes,
        gateway_ports=_gateway_ports(wish, plan.gateways, old),
        internal_ports=ports.internal_ports(HOST, _PORTS_PER_AGENT * len(nodes), deployment=name),
    )
    return Prepared(plan=plan, inventory=inventory)


def _gateway_ports(wish: Wish, count: int, old: Predecessor) -> tuple[int, ...]:
    given_back = old.gateway_ports if old.pids else ()

    def free(host: str, port: int) -> bool:
        return port in given_back or ports.is_free(host, port)

    kept = next((port for port in old.gateway_ports if free(HOST, port)), wish.first_port)
    return ports.gateway_ports(HOST, count, pinned=wish.desired.port, first=kept, free=free)
