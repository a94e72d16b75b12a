"""What is asked of a cloud, and what follows from it before the cloud is asked: pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal  # noqa: TC003 - read at run time, with a saved plan
from typing import TYPE_CHECKING

from infra.preflight import GCP_CPUS, ec2_quota, vcpus_needed
from infra.purchase import Purchase  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cost.estimate import CostReport
    from infra.cost.guide import GuideCost
    from infra.declaration import PhaseConfig
    from infra.resizing import Resize
    from provision.fleet.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a deployment in a cloud shall be.

    Attributes:
        config: With the resizes in it.
        cost: Of it.
        values: Of the stacks' variables.
        before: What stands; None where nothing does.
        before_cost: Of that, at the same prices.
    """

    config: PhaseConfig
    cost: CostReport
    values: Mapping[str, Value]
    resizes: tuple[Resize, ...] = ()
    before: PhaseConfig | None = None
    before_cost: CostReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What an order costs.

    Attributes:
        before_usd: A month of what stands now, at the same prices; None where nothing stands.
        upfront_usd: Cash to pay at once.
        unpriced: Lines that have no price; the sums are without them.
    """

    purchase: Purchase
    monthly_usd: Decimal
    before_usd: Decimal | None
    upfront_usd: Decimal
    unpriced: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaEffect:
    """What an order takes of a region's quota, grown to its upper bounds.

    Attributes:
        quota: The cloud's name of it.
        need: Of the order, in vCPUs.
        before: Of what stands.
    """

    region: str
    quota: str
    need: int
    before: int


def bill_of(order: Order) -> Bill:
    """Return what an order costs, and what it cost before."""
    cost, before = order.cost, order.before_cost
    return Bill(
        purchase=cost.purchase,
        monthly_usd=cost.monthly_usd,
        before_usd=before.monthly_usd if before else None,
        upfront_usd=cost.upfront_usd,
        unpriced=cost.unpriced,
        lines=len(cost.lines),
    )


def quota_effects(order: Order) -> tuple[QuotaEffect, ...]:
    """Return what the order takes of each region's quota."""
    config = order.config
    quota = GCP_CPUS if config.cloud == "gcp" else ec2_quota(config.purchase)
    before = vcpus_needed(order.before) if order.before else {}
    return tuple(
        QuotaEffect(region=region, quota=quota.code, need=need, before=before.get(region, 0))
        for region, need in vcpus_needed(config).items()
    )


def notes_of(order: Order) -> tuple[str, ...]:
    """Return what a person should know beside the figures, a sentence each."""
    resizes = [
        f"{each.role} in {each.region}: {each.count} nodes, as `qinfra scale` was told"
        for each in order.resizes
    ]
    figures = [each for each in order.cost.guide if each.instances]
    compute = order.cost.compute_usd
    guide = [
        f"instances cost {compute:,.2f} USD a month; the guide ({each.section}, {each.what}) says "
        + (f"{each.low_usd:,}" if each.low_usd == each.high_usd else _between(each))
        for each in figures[:1]
        if not each.low_usd <= compute <= each.high_usd
    ]
    reserved = [
        "reserved hours are how the price is reckoned: qinfra buys no reservation, and what is not "
        "reserved is billed on demand"
    ] * order.config.purchase.is_reserved
    return (*resizes, *reserved, *guide)


def catalogue_of(order: Order) -> str:
    """Return a digest that changes with what is asked for, and with the prices it is judged by."""
    values = json.dumps(dict(order.values), sort_keys=True)
    judged = f"{order.config.to_json()}\n{order.cost.to_json()}\n{values}"
    return hashlib.sha256(judged.encode()).hexdigest()


def _between(figure: GuideCost) -> str:
    return f"{figure.low_usd:,} to {figure.high_usd:,}"
