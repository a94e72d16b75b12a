"""The lease table: which nodes are there, what they hold, and for how much longer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from node_agent.orchestrator.errors import RegistrationRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from node_agent.config import Model, Role

NodeKey: TypeAlias = tuple[str, str]
"""Name and instance: one process of one node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a node says of itself when it registers; layers are [first_layer, end_layer)."""

    name: str
    role: Role
    address: str
    instance: str
    revision: str
    first_layer: int
    end_layer: int
    model_layers: int
    slots: int
    context_tokens: int
    version: str = ""

    @property
    def key(self) -> NodeKey:
        """Name and instance, which tell a node from its ghost."""
        return self.name, self.instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a heartbeat carries; `last_token_age_seconds` is negative before the first token."""

    active_sequences: int = 0
    resident_bytes: int = 0
    cpu_seconds: float = 0.0
    tokens_computed: int = 0
    last_token_age_seconds: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A node with a lease; `expires_at_seconds` is on the table's own clock."""

    node: Announcement
    generation: int
    expires_at_seconds: float
    vitals: Vitals = Vitals()


class LeaseTable:
    """Nodes by name, each until its lease runs out.

    Args:
        lease_seconds: Life of a lease without a heartbeat.
        clock: Monotonic seconds.
    """

    def __init__(self, *, lease_seconds: float, clock: Callable[[], float]) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._records: dict[str, NodeRecord] = {}
        self._generations: dict[str, int] = {}

    def register(self, node: Announcement) -> NodeRecord:
        """Give a node its lease; whoever held the name before is a ghost from now on."""
        generation = self._generations.get(node.name, 0) + 1
        self._generations[node.name] = generation
        record = NodeRecord(
            node=node, generation=generation, expires_at_seconds=self._clock() + self.lease_seconds
        )
        self._records[node.name] = record
        return record

    def heartbeat(self, key: NodeKey, vitals: Vitals) -> NodeRecord | None:
        """Renew a lease; None when this instance holds none and must register again."""
        record = self._held(key)
        if record is None:
            return None
        expires = self._clock() + self.lease_seconds
        renewed = replace(record, expires_at_seconds=expires, vitals=vitals)
        self._records[record.node.name] = renewed
        return renewed

    def leave(self, key: NodeKey) -> NodeRecord | None:
        """Withdraw a node and return it; None when this instance holds no lease."""
        record = self._held(key)
        return self._records.pop(key[0]) if record else None

    def expire(self) -> tuple[NodeRecord, ...]:
        """Remove and return the nodes whose lease has run out."""
        now = self._clock()
        gone = tuple(r for r in self._records.values() if r.expires_at_seconds <= now)
        for record in gone:
            del self._records[record.node.name]
        return gone

    def records(self) -> tuple[NodeRecord, ...]:
        """Return the nodes whose lease runs, by name."""
        now = self._clock()
        live = (r for r in self._records.values() if r.expires_at_seconds > now)
        return tuple(sorted(live, key=lambda record: record.node.name))

    def seconds_left(self, record: NodeRecord) -> float:
        """Return how long the lease still runs."""
        return max(0.0, record.expires_at_seconds - self._clock())

    def _held(self, key: NodeKey) -> NodeRecord | None:
        record = self._records.get(key[0])
        if record is None or record.node.key != key or record.expires_at_seconds <= self._clock():
            return None
        return record


def check(node: Announcement, model: Model, *, name: str, role: str) -> None:
    """Refuse a node that does not fit.

    Args:
        node: What the node says.
        model: What this orchestrator schedules.
        name: The node's name in its certificate.
        role: Its role in its certificate.

    Raises:
        RegistrationRefused: It is someone else, serves another model, or holds impossible layers.
    """
    if (node.name, node.role) != (name, role):
        raise RegistrationRefused(
            f"{node.role} {node.name} shows the certificate of {role} {name}",
            hint="Deploy again: the node's configuration and its certificate do not match.",
        )
    if (node.revision, node.model_layers) != (model.revision, model.layers):
        raise RegistrationRefused(
            f"{name} serves revision {node.revision} with {node.model_layers} layers, "
            f"not {model.revision} with {model.layers}",
            hint="Give every node of the deployment the same model.",
        )
    if not 0 <= node.first_layer < node.end_layer <= model.layers:
        raise RegistrationRefused(
            f"{name} holds layers [{node.first_layer}, {node.end_layer}) "
            f"of a model with {model.layers}"
        )
    if not (node.instance and node.address and node.slots > 0):
        raise RegistrationRefused(f"{name} names no instance, no address or no slot")
