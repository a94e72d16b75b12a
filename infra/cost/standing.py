"""What stands of a phase costs an hour, whether it is whole or was left half made."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from infra.cost.estimate import CostReport
    from infra.declaration import PhaseConfig

_ZERO = Decimal(0)
_MACHINES = ("aws_instance", "google_compute_instance")
_GROUPS = "aws_autoscaling_group"
# Which kind of resource makes the hours of a line run, by the beginning of its SKU.
_MAKES = (
    ("nat-gateway:data", ""),
    ("nat-gateway", "aws_nat_gateway"),
    ("public-ipv4", "aws_eip"),
    ("alb:lcu", ""),
    ("alb", "aws_lb"),
    ("wafv2:requests", ""),
    ("wafv2:", "aws_wafv2_web_acl"),
    ("rds:", "aws_db_instance"),
    ("elasticache:", "aws_elasticache_replication_group"),
    ("kms:key", "aws_kms_key"),
    ("cloudwatch:alarm", "aws_cloudwatch_metric_alarm"),
    ("address:external-ipv4", "google_compute_address"),
    ("nat:vm-hour", "google_compute_router_nat"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is there, and what it costs as long as it is.

    Attributes:
        resources: How many of Terraform's.
        machines: How many of them compute; those of groups as declared.
        hourly_usd: Without traffic, storage by use and support plans.
        unpriced: Kinds of things that stand and have no price; not in the sum.
    """

    resources: int
    machines: int
    hourly_usd: Decimal
    unpriced: int


def standing(
    config: PhaseConfig, cost: CostReport, made: Mapping[str, Collection[str]]
) -> Standing:
    """Return what stands of a phase.

    Machines and their disks count by their share of the region's, other things by whether any of
    their kind is there, which errs on the dear side.

    Args:
        config: The phase.
        cost: Of the same.
        made: By region, the addresses that its state holds.
    """
    hourly, unpriced, machines = _ZERO, 0, 0
    for region in config.regions:
        there = made.get(region, ())
        count = _machines(config, region, there)
        machines += count
        kinds = {_kind(address) for address in there}
        declared = sum(
            group.count
            for group in config.groups
            if group.region == region and group.role != "cache"
        )
        for line in (each for each in cost.lines if each.region == region):
            share = _share(line.category, line.sku, kinds, count, declared)
            if share and line.monthly_usd is None:
                unpriced += 1
            elif share and line.monthly_usd is not None:
                hourly += share * line.monthly_usd / HOURS_PER_MONTH
    resources = sum(len(addresses) for addresses in made.values())
    return Standing(resources=resources, machines=machines, hourly_usd=hourly, unpriced=unpriced)


def _share(category: str, sku: str, kinds: set[str], machines: int, declared: int) -> Decimal:
    if category in ("compute", "disk"):
        return Decimal(machines) / declared if declared else _ZERO
    maker = next((kind for start, kind in _MAKES if sku.startswith(start)), "")
    return Decimal(maker in kinds)


def _machines(config: PhaseConfig, region: str, addresses: Collection[str]) -> int:
    sizes = {group.key: group.count for group in config.groups if group.region == region}
    alone = sum(_kind(address) in _MACHINES for address in addresses)
    return alone + sum(sizes.get(key, 0) for key in _grouped(addresses))


def _grouped(addresses: Collection[str]) -> Iterator[str]:
    for address in addresses:
        if _kind(address) == _GROUPS:
            yield address.partition(".")[2].partition("[")[0]


def _kind(address: str) -> str:
    return address.partition(".")[0]
