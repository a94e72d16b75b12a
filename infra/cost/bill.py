"""The resources a phase is made of and what they use in a month, before any price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.cost.traffic import Traffic, traffic
from infra.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.capacity.assumptions import Assumptions
    from infra.declaration import NodeGroup, PhaseConfig

ARTIFACTS_GB = 10  # assumed: releases, weights and their old versions
DATABASE_GB = 100  # assumed: accounts, audit and request records of a phase
_ALARMS = 6  # of each region with a balancer: on it, its nodes, the database and the way out
_STANDBY = 2  # a database's two instances, in two zones


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one resource, or several alike, use in a month.

    Attributes:
        category: compute, disk, network, edge, data, traffic or operations.
        item: What it is, in words.
        sku: As the price catalogue names it; one that is not in the catalogue stays unpriced.
        quantity: In the unit that its price is for.
        price_region: Where its price is looked up, when not in `region`.
        instances: Machines whose way of purchase is a choice; 0 for all else.
        note: How the quantity comes about.
    """

    category: str
    item: str
    region: str
    sku: str
    quantity: Decimal
    unit: str
    price_region: str = ""
    instances: int = 0
    note: str = ""


def bill(config: PhaseConfig, assumptions: Assumptions) -> tuple[Usage, ...]:
    """Return a usage for every resource that the phase declares.

    A month has 730 hours. Traffic follows from the promise's peak and the assumptions.
    """
    return tuple(_gcp(config, assumptions) if config.cloud == "gcp" else _aws(config, assumptions))


def alarms_in(config: PhaseConfig, region: str) -> int:
    """Return how many alarms a region has: with a balancer, and for groups that follow a queue."""
    if not config.services.load_balancer:
        return 0
    return _ALARMS + any(group.scales for group in config.groups if group.region == region)


def _gcp(config: PhaseConfig, assumptions: Assumptions) -> Iterator[Usage]:
    flow = traffic(config, assumptions)
    for region in config.regions:
        groups = [group for group in config.groups if group.region == region]
        inside = sum(group.count for group in groups if group.role != "orchestrator")
        for group in groups:
            yield _machines(group, f"compute:{group.machine}")
            yield _disks(group, "disk:pd-ssd")
        yield Usage(
            category="network", item="public IPv4 addresses", region=region,
            sku="address:external-ipv4:in-use", quantity=_hours(_public(config, region)),
            unit="hour", price_region="global", note="the orchestrator and Cloud NAT",
        )  # fmt: skip
        if config.services.nat_gateways:
            yield _usage("network", "Cloud NAT", region, "nat:vm-hour", _hours(inside), "hour")
            yield _nat_data(region, "nat:data", inside, assumptions)
        yield _usage("traffic", "internet egress", region, "internet-egress", flow.out_gb, "GB")


def _aws(config: PhaseConfig, assumptions: Assumptions) -> Iterator[Usage]:
    flow = traffic(config, assumptions)
    for region in config.regions:
        yield from _region_nodes(config, region)
        yield from _region_network(config, region, assumptions)
        if config.services.load_balancer:
            yield from _region_edge(config, region, flow)
            alarms = Decimal(alarms_in(config, region))
            yield _usage("operations", "alarms", region, "cloudwatch:alarm", alarms, "month")
        yield from _region_data(config, region)
        yield from _region_traffic(config, region, flow)
        yield from _region_copies(config, region)
        yield from _region_operations(region, flow)
    if config.services.support:
        yield _usage(
            "operations", "support plan", "global", "support:enterprise", Decimal(1), "month"
        )
    if config.services.cdn:
        yield from _cdn(config, flow)
    elif flow.out_gb:
        yield from _egress(config, flow)


def _region_nodes(config: PhaseConfig, region: str) -> Iterator[Usage]:
    for group in config.groups:
        if group.region != region:
            continue
        if group.role == "cache":
            sku = f"elasticache:{group.machine}"
            yield _usage("data", "cache nodes", region, sku, _hours(group.count), "hour")
        else:
            yield _machines(group, f"ec2:{group.machine}")
            yield _disks(group, "ebs:gp3")
    yield from _dedicated(config, region)


def _dedicated(config: PhaseConfig, region: str) -> Iterator[Usage]:
    """What hardware for one customer costs beyond the same machines on shared hardware.

    An instance has a price of its own there, of which its line already counts the shared part; and
    every region with at least one such instance pays by the hour, however many they are.
    """
    groups = [
        group
        for group in config.groups
        if group.region == region and (tenant := config.tenant_of(group)) and tenant.dedicated
    ]
    for group in groups:
        yield _usage(
            "compute", f"{_titled(group, 'nodes')}, on dedicated hardware", region,
            f"ec2:{group.machine}:dedicated-surcharge", _hours(group.count), "hour",
            note="beyond the price on shared hardware",
        )  # fmt: skip
    if groups:
        yield _usage(
            "compute", "region with dedicated hardware", region, "ec2:dedicated-region",
            _hours(1), "hour", note="once a region, however many instances",
        )  # fmt: skip


def _region_network(config: PhaseConfig, region: str, assumptions: Assumptions) -> Iterator[Usage]:
    gateways = config.services.nat_gateways
    nodes = sum(group.count for group in config.groups if group.region == region)
    public = _public(config, region)
    yield _usage(
        "network", "public IPv4 addresses", region, "public-ipv4", _hours(public), "hour",
        note=f"{public}: NAT gateways and load balancer zones, or the orchestrators themselves",
    )  # fmt: skip
    if gateways:
        yield _usage("network", "NAT gateways", region, "nat-gateway", _hours(gateways), "hour")
        yield _nat_data(region, "nat-gateway:data", nodes, assumptions)


def _region_edge(config: PhaseConfig, region: str, flow: Traffic) -> Iterator[Usage]:
    share = len(config.regions)
    yield _usage("edge", "application load balancer", region, "alb", _hours(1), "hour")
    yield _usage(
        "edge", "load balancer capacity units", region, "alb:lcu",
        flow.capacity_units / share * HOURS_PER_MONTH, "hour",
        note="the largest of connections, open connections and bytes",
    )  # fmt: skip
    if config.services.waf_rules:
        rules = Decimal(config.services.waf_rules)
        yield _usage("edge", "firewall", region, "wafv2:acl", Decimal(1), "month")
        yield _usage("edge", "firewall rules", region, "wafv2:rule", rules, "month")
        yield _usage(
            "edge", "firewall requests", region, "wafv2:requests",
            flow.queries / share / 1_000_000, "million",
        )  # fmt: skip


def _region_data(config: PhaseConfig, region: str) -> Iterator[Usage]:
    services = config.services
    if services.cache:
        sku = f"elasticache:{services.cache}"
        yield _usage("data", "cache nodes", region, sku, _hours(services.cache_nodes), "hour")
    if services.database:
        yield _usage(
            "data", "PostgreSQL, two zones", region, f"rds:{services.database}:postgresql",
            _hours(_STANDBY), "hour",
        )  # fmt: skip
        yield _usage(
            "data", "PostgreSQL storage, two zones", region, "rds:gp2",
            Decimal(DATABASE_GB * _STANDBY), "GB-month", note="100 GB assumed",
        )  # fmt: skip
        yield _usage(
            "data", "PostgreSQL backups", region, "rds:backup", Decimal(DATABASE_GB), "GB-month",
            note="one full copy assumed",
        )  # fmt: skip
        secret = "secretsmanager:secret"  # noqa: S105 - a price's name
        yield _usage("data", "password of PostgreSQL", region, secret, Decimal(1), "month")


def _region_traffic(config: PhaseConfig, region: str, flow: Traffic) -> Iterator[Usage]:
    share = len(config.regions)
    if flow.cross_zone_gb:
        yield _usage(
            "traffic", "between zones, both ways", region, "inter-az",
            flow.cross_zone_gb * 2 / share, "GB",
        )  # fmt: skip
    if flow.cross_region_gb:
        yield _usage(
            "traffic",
            "to other regions",
            region,
            "inter-region",
            flow.cross_region_gb / share,
            "GB",
        )


def _region_copies(config: PhaseConfig, region: str) -> Iterator[Usage]:
    """What leaves for other regions to be kept there; artifacts go out from the first one alone.

    Their copies lie in buckets that each region has anyway.
    """
    others = len(config.regions) - 1
    if not others:
        return
    if region == config.regions[0]:
        yield _usage(
            "traffic", "artifacts to other regions", region, "inter-region",
            Decimal(ARTIFACTS_GB * others), "GB", note="all of them once a month, assumed",
        )  # fmt: skip
    if config.services.database:
        size = Decimal(DATABASE_GB)
        yield _usage(
            "traffic", "PostgreSQL backups to another region", region, "inter-region", size, "GB",
            note="one full copy a month assumed",
        )  # fmt: skip
        yield _usage(
            "data", "PostgreSQL backups of another region", region, "rds:backup", size, "GB-month",
            note="one full copy assumed",
        )  # fmt: skip


def _region_operations(region: str, flow: Traffic) -> Iterator[Usage]:
    logs = flow.log_gb / flow.regions
    yield _usage("operations", "log ingestion", region, "cloudwatch:logs-ingest", logs, "GB")
    yield _usage(
        "operations", "artifacts bucket", region, "s3:standard", Decimal(ARTIFACTS_GB), "GB-month"
    )
    yield _usage("operations", "encryption key", region, "kms:key", Decimal(1), "month")


_EGRESS_TIERS = (
    ("first-10TB", Decimal(10_240)),
    ("next-40TB", Decimal(40_960)),
    ("next-100TB", Decimal(102_400)),
    ("above-150TB", Decimal("Infinity")),
)
_EGRESS_FREE_GB = Decimal(100)


def egress_tiers(gigabytes: Decimal, free_gb: Decimal) -> tuple[tuple[str, Decimal], ...]:
    """Return the gigabytes that fall into each tier of internet egress, the free ones left out."""
    left = max(gigabytes - free_gb, Decimal(0))
    tiers = []
    for name, size in _EGRESS_TIERS:
        inside = min(left, size)
        tiers.append((name, inside))
        left -= inside
    return tuple(tiers)


def egress_edges_gb(regions: int) -> tuple[Decimal, ...]:
    """Return the gigabytes a month at which the price of the next one changes.

    Args:
        regions: Over which they are spread evenly; each has tiers of its own.
    """
    edges = [_EGRESS_FREE_GB]
    for _, size in _EGRESS_TIERS[:-1]:
        edges.append(edges[-1] + size * regions)
    return tuple(edges)


def _egress(config: PhaseConfig, flow: Traffic) -> Iterator[Usage]:
    """The free 100 GB are the account's, so they are shared out over the regions."""
    share = len(config.regions)
    for region in config.regions:
        tiers = egress_tiers(flow.out_gb / share, _EGRESS_FREE_GB / share)
        for name, inside in tiers:
            if inside or name == _EGRESS_TIERS[0][0]:
                yield _usage(
                    "traffic", f"internet egress, {name}", region, f"egress:{name}", inside, "GB",
                    note="after 100 GB free",
                )  # fmt: skip


def _cdn(config: PhaseConfig, flow: Traffic) -> Iterator[Usage]:
    """Answers leave through the CDN, whose edges have prices by continent."""
    share = len(config.regions)
    for region in config.regions:
        yield Usage(
            category="edge", item="CDN, data out", region=region,
            sku="cloudfront:data:first-10TB", quantity=flow.out_gb / share, unit="GB",
            price_region="asia" if region.startswith("ap-") else "us-eu",
        )  # fmt: skip
    yield Usage(
        category="edge", item="CDN, HTTPS requests", region="global", sku="cloudfront:https",
        quantity=flow.queries / 10_000, unit="10k requests",
    )  # fmt: skip
    yield _usage(
        "edge", "DNS zone and health checks", "global", "route53:zone", Decimal(1), "month"
    )


def _machines(group: NodeGroup, sku: str) -> Usage:
    return Usage(
        category="compute", item=f"{_titled(group, 'nodes')}, {group.machine}", region=group.region,
        sku=sku, quantity=_hours(group.count), unit="hour", instances=group.count,
    )  # fmt: skip


def _titled(group: NodeGroup, what: str) -> str:
    return f"{group.role} {what} of {group.tenant}" if group.tenant else f"{group.role} {what}"


def _disks(group: NodeGroup, sku: str) -> Usage:
    size = Decimal(group.count * group.disk_gib)
    return _usage("disk", _titled(group, "disks"), group.region, sku, size, "GB-month")


def _nat_data(region: str, sku: str, nodes: int, assumptions: Assumptions) -> Usage:
    size = Decimal(str(assumptions.download_gib_per_node)) * nodes
    return _usage("network", "NAT, data", region, sku, size, "GB", note="downloads, assumed")


def _usage(  # noqa: PLR0913 - the columns of a bill
    category: str, item: str, region: str, sku: str, quantity: Decimal, unit: str, *, note: str = ""
) -> Usage:
    return Usage(
        category=category,
        item=item,
        region=region,
        sku=sku,
        quantity=quantity,
        unit=unit,
        note=note,
    )


def _hours(count: int) -> Decimal:
    return Decimal(count * HOURS_PER_MONTH)


def _public(config: PhaseConfig, region: str) -> int:
    """Addresses the internet sees: balancer and NAT, or the orchestrators themselves."""
    orchestrators = sum(
        group.count
        for group in config.groups
        if group.region == region and group.role == "orchestrator"
    )
    doors = config.zones_per_region if config.services.load_balancer else orchestrators
    return doors + config.services.nat_gateways
