"""What should exist for a phase, as one frozen value: all that deploys or prices starts here."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from infra.documents import from_json, to_json
from infra.domain import AMOUNT, Interval, unknown
from infra.errors import ConfigError
from infra.machines import Cloud  # noqa: TC001 - read at run time, to check a document
from infra.purchase import Purchase  # noqa: TC001
from infra.roles import NodeCounts
from infra.tenants import Tenant, check_unique

SCHEMA_VERSION = 2

_SOURCE = "the phase configuration"


class Phase(StrEnum):
    """How far the deployment has come."""

    DEMO = "demo"
    MVP = "mvp"
    PRODUCTION = "production"
    ENTERPRISE = "enterprise"


def phase_named(name: str) -> Phase:
    """Return the phase of this name.

    Raises:
        ConfigError: There is none; the nearest and all phases are named.
    """
    try:
        return Phase(name)
    except ValueError:
        raise unknown("phase", name, Phase) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTarget:
    """What a phase promises.

    Attributes:
        peak_queries_per_hour: Busiest hour when the phase begins; what the fleet is sized for.
        highest_peak_queries_per_hour: Busiest hour when it ends and the next one begins.
        response_seconds: Within which the share `response_percentile` of answers is complete.
        response_percentile: 0 to 1.
        availability: Share of time, or for the demo of answers, that succeeds; 0 to 1.
    """

    peak_queries_per_hour: float
    highest_peak_queries_per_hour: float
    response_seconds: float
    response_percentile: float
    availability: float

    def __post_init__(self) -> None:
        AMOUNT.check("peak_queries_per_hour", self.peak_queries_per_hour)
        AMOUNT.check("highest_peak_queries_per_hour", self.highest_peak_queries_per_hour)
        Interval(0.001, 86_400).check("response_seconds", self.response_seconds)
        Interval(0, 1).check("response_percentile", self.response_percentile)
        Interval(0, 1).check("availability", self.availability)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """The nodes of one role in one region, of all customers or of one; they are alike.

    Attributes:
        role: As `NodeCounts` names it.
        machine: Instance type.
        disk_gib: The root disk of each.
        minimum: Autoscaling keeps at least as many; equal to count where nothing scales.
        maximum: Autoscaling makes at most as many; equal to count where nothing scales.
        tenant: The name of the one whose own they are; empty where they are everybody's.
    """

    role: str
    region: str
    count: int
    machine: str
    disk_gib: int
    minimum: int
    maximum: int
    tenant: str = ""

    def __post_init__(self) -> None:
        roles = {item.name for item in fields(NodeCounts)}
        if self.role not in roles:
            raise unknown("role", self.role, roles)
        for name in ("count", "disk_gib", "minimum", "maximum"):
            AMOUNT.check(f"{self.role} {name}", getattr(self, name))
        if not self.minimum <= self.count <= self.maximum:
            raise ConfigError(
                f"{self.count} {self.role} nodes in {self.region}: "
                f"outside {self.minimum} to {self.maximum}, the bounds of its autoscaling"
            )

    @property
    def name(self) -> str:
        """What its machines are called before their number, as in `embedding`, `embedding-acme`."""
        return f"{self.role}-{self.tenant}" if self.tenant else self.role

    @property
    def key(self) -> str:
        """The name as Terraform knows it."""
        return self.name.replace("-", "_")

    @property
    def scales(self) -> bool:
        """Whether load may change its number of nodes."""
        return self.minimum != self.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedServices:
    """What the cloud runs beside the nodes, in every region unless said otherwise.

    Attributes:
        nat_gateways: The way out of private subnets.
        load_balancer: One in front of the orchestrators, with an address per zone.
        waf_rules: Managed and rate rules on it; 0 without a firewall.
        database: Instance class of a PostgreSQL with a standby in another zone; None without.
        cache: Node type of the Redis beside the orchestrators; None without.
        cache_nodes: Of that cache, in each region; nodes of the role `cache` are not among them.
        cdn: One in front of all regions.
        support: A support plan of the cloud for the account.
    """

    nat_gateways: int
    load_balancer: bool = False
    waf_rules: int = 0
    database: str | None = None
    cache: str | None = None
    cache_nodes: int = 0
    cdn: bool = False
    support: bool = False

    def __post_init__(self) -> None:
        for name in ("nat_gateways", "waf_rules", "cache_nodes"):
            AMOUNT.check(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConfig:
    """What should exist for a phase.

    Attributes:
        cloud: Where the guide puts the phase; the local target runs the same nodes as processes.
        regions: The cloud's names of them.
        zones_per_region: Availability zones the nodes of a region are spread over.
        groups: The nodes, one group for each role and region that has any, and for each tenant
            with nodes of its own.
        purchase: How the instances are bought.
        target: What the phase promises.
        capacity_queries_per_hour: What all pipelines answer together at full load, spare included;
            without those of a single tenant.
        tenants: Of the enterprise phase.
    """

    phase: Phase
    cloud: Cloud
    regions: tuple[str, ...]
    zones_per_region: int
    groups: tuple[NodeGroup, ...]
    services: ManagedServices
    purchase: Purchase
    target: ServiceTarget
    capacity_queries_per_hour: float
    tenants: tuple[Tenant, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        AMOUNT.check("capacity_queries_per_hour", self.capacity_queries_per_hour)
        Interval(1, 6).check("zones_per_region", self.zones_per_region)
        for group in self.groups:
            if group.region not in self.regions:
                raise unknown(f"the region of the {group.role} nodes", group.region, self.regions)
        self._check_tenants()

    def _check_tenants(self) -> None:
        if self.tenants and self.phase is not Phase.ENTERPRISE:
            raise ConfigError(
                f"phase {self.phase} has no tenants, and {self.tenants[0].name} is one",
                hint="Only the enterprise phase has: take [[tenants]] out, or name another file "
                "with --config.",
            )
        check_unique(self.tenants)
        names = [tenant.name for tenant in self.tenants]
        for group in self.groups:
            if group.tenant and group.tenant not in names:
                raise unknown(f"the tenant of the {group.role} nodes", group.tenant, names)

    @property
    def shared(self) -> PhaseConfig:
        """The phase without the nodes that are a single tenant's."""
        groups = tuple(group for group in self.groups if not group.tenant)
        return replace(self, groups=groups, tenants=())

    def tenant_of(self, group: NodeGroup) -> Tenant | None:
        """Return whose own the nodes of a group are; None where they are everybody's."""
        return next((each for each in self.tenants if each.name == group.tenant), None)

    @property
    def counts(self) -> NodeCounts:
        """Nodes by role, all regions together."""
        totals = {item.name: 0 for item in fields(NodeCounts)}
        for group in self.groups:
            totals[group.role] += group.count
        return NodeCounts(**totals)

    def to_json(self) -> str:
        """Return the configuration as one JSON object."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> PhaseConfig:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: Not JSON, of another schema version, or a key is missing, unknown or wrong.
        """
        _check_version(text)
        return from_json(cls, text, source=_SOURCE)


def _check_version(text: str) -> None:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{_SOURCE}: not JSON: {error}") from error
    version = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else None
    if version not in (None, SCHEMA_VERSION):
        raise ConfigError(
            f"{_SOURCE}: schema version {version} is not {SCHEMA_VERSION}, the one known here",
            hint="Write it again with this version of qinfra.",
        )
