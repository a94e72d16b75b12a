"""What a deployment needs of an account, and whether the account has it.

Everything here is decided from figures that were read elsewhere. A figure nobody could read is no
answer: it makes a check *unknown*, never *ok*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.domain import AMOUNT
from infra.machines import MACHINES
from infra.purchase import Purchase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from infra.declaration import PhaseConfig

MOST_SKEW_SECONDS = 300  # AWS refuses a signature whose time is further away


class Answer(StrEnum):
    """What a check says of the deployment."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check.

    Attributes:
        region: Empty where the check is about this machine or the whole account.
        remedy: What to do about it; empty when nothing is to be done.
        need: What the deployment takes, where that is a number.
        have: What is left for it.
        short: How much is missing.
    """

    check: str
    region: str
    answer: Answer
    detail: str
    remedy: str = ""
    need: int | None = None
    have: int | None = None
    short: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit that a cloud puts on an account, for each region.

    Attributes:
        code: The cloud's name of it.
        name: In words.
        unit: What it counts.
        source: Where the code comes from, with a date.
    """

    code: str
    name: str
    unit: str
    source: str


_EC2_SOURCE = "EC2's service quotas by code, as published scripts ask for them, 2026-11"
ON_DEMAND_G = Quota(
    code="L-DB2E81BA",
    name="Running On-Demand G and VT instances",
    unit="vCPU",
    source=_EC2_SOURCE,
)
SPOT_G = Quota(  # its default is 0
    code="L-3819A6DF",
    name="All G and VT Spot Instance Requests",
    unit="vCPU",
    source=_EC2_SOURCE,
)
_GCP_SOURCE = "Compute Engine's metrics of a region, by name, 2026-11"
GCP_CPUS = Quota(code="CPUS", name="CPUs", unit="vCPU", source=_GCP_SOURCE)
GCP_ADDRESSES = Quota(
    code="IN_USE_ADDRESSES", name="in-use IP addresses", unit="addresses", source=_GCP_SOURCE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaAnswer:
    """How a need stands to a limit.

    Attributes:
        have: What is left of the limit.
        short: What the need exceeds it by; 0 when it fits.
        desired: The lowest limit under which it fits, beside what is in use.
    """

    need: int
    have: int
    short: int
    desired: int


def quota_answer(need: int, limit: int, in_use: int) -> QuotaAnswer:
    """Return whether a need fits under a limit of which a part is in use."""
    for name, value in (("need", need), ("limit", limit), ("in use", in_use)):
        AMOUNT.check(name, value)
    have = max(0, limit - in_use)
    return QuotaAnswer(need=need, have=have, short=max(0, need - have), desired=in_use + need)


def ec2_quota(purchase: Purchase) -> Quota:
    """Return the quota that the fleet's instances count against; a reservation lifts none."""
    return SPOT_G if purchase is Purchase.SPOT else ON_DEMAND_G


def vcpus_needed(config: PhaseConfig) -> Mapping[str, int]:
    """Return the vCPUs of each region when every group has grown to its upper bound.

    The bound, not the count: a raise takes days, and the peak that a phase promises to carry does
    not wait. Nothing is added for a node that is replaced: below the bound its successor has room,
    and at the bound it goes before its successor comes. Managed nodes, of the cache, are no
    instances of the account.
    """
    needs = dict.fromkeys(config.regions, 0)
    for group in config.groups:
        if group.machine in MACHINES:
            needs[group.region] += group.maximum * MACHINES[group.machine].vcpus
    return needs


def machines_in(config: PhaseConfig, region: str) -> frozenset[str]:
    """Return the types of a region's instances; the cache's are none."""
    here = {group.machine for group in config.groups if group.region == region}
    return frozenset(here & MACHINES.keys())


def addresses_needed(config: PhaseConfig) -> int:
    """Return a region's public addresses: the gateway's, and one for each way out."""
    return 1 + config.services.nat_gateways


def raise_request(quota: Quota, region: str, desired: int) -> str:
    """Return the command that asks AWS for a higher limit."""
    return (
        "aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {quota.code} --desired-value {desired} --region {region}"
    )


def quota_finding(quota: Quota, region: str, need: int, *, limit: int, in_use: int) -> Finding:
    """Return whether the quota holds the fleet, with the request that raises it if not."""
    answer = quota_answer(need, limit, in_use)
    figures = f"{need} {quota.unit} needed, {answer.have} left of {limit}"
    return Finding(
        check=f"quota {quota.code}",
        region=region,
        answer=Answer.REFUSED if answer.short else Answer.OK,
        detail=f"{quota.name}: {figures}" + (f", {answer.short} short" if answer.short else ""),
        remedy=raise_request(quota, region, answer.desired) if answer.short else "",
        need=need,
        have=answer.have,
        short=answer.short,
    )


def zones_finding(region: str, machine: str, offered: Collection[str], need: int) -> Finding:
    """Return whether enough zones of a region offer a machine.

    Zones go by their ids: the same name is another zone in another account.
    """
    found = sorted(set(offered))
    short = max(0, need - len(found))
    listed = f" ({', '.join(found)})" if found else ""
    return Finding(
        check="zones",
        region=region,
        answer=Answer.REFUSED if short else Answer.OK,
        detail=f"{machine} in {len(found)} zones{listed}, {need} needed",
        remedy="Choose another region with --region." if short else "",
        need=need,
        have=len(found),
        short=short,
    )


def clock_finding(theirs: datetime, ours: datetime) -> Finding:
    """Return whether this machine's clock is near enough to the cloud's to sign requests."""
    seconds = (ours - theirs).total_seconds()
    wrong = abs(seconds) > MOST_SKEW_SECONDS
    if abs(seconds) <= 2:  # their date has no fraction, and takes a moment to arrive
        detail = "agrees with the cloud's"
    else:
        side = "ahead of" if seconds > 0 else "behind"
        detail = f"{abs(seconds):,.0f} s {side} the cloud's; {MOST_SKEW_SECONDS} s are let pass"
    return Finding(
        check="clock",
        region="",
        answer=Answer.REFUSED if wrong else Answer.OK,
        detail=detail,
        remedy="Set this machine's clock, for example `timedatectl set-ntp true`." if wrong else "",
    )


def budget_finding(monthly_usd: Decimal, unpriced: int, budget_usd: Decimal) -> Finding:
    """Return whether a month stays within a budget; lines without a price may break it unseen."""
    over = monthly_usd > budget_usd
    least = "at least " if unpriced else ""
    answer = Answer.UNKNOWN if unpriced else Answer.OK
    return Finding(
        check="budget",
        region="",
        answer=Answer.REFUSED if over else answer,
        detail=f"{least}{monthly_usd:,.2f} USD a month, budget {budget_usd:,.2f}",
        remedy="Compare ways of purchase with `qinfra cost --compare`." if over else "",
    )


def prices_finding(monthly_usd: Decimal, lines: int, unpriced: int) -> Finding:
    """Return whether every line of the bill has a price."""
    known = f"{lines - unpriced} of {lines} lines are priced, {monthly_usd:,.2f} USD a month"
    return Finding(
        check="prices",
        region="",
        answer=Answer.UNKNOWN if unpriced else Answer.OK,
        detail=known,
        remedy="See `qinfra cost`; fill with --fill-from, or `qinfra prices refresh`."
        if unpriced
        else "",
    )


def stopping(findings: Sequence[Finding], *, strict: bool) -> tuple[Finding, ...]:
    """Return the findings that stop a deployment; under strict what is unknown does too."""
    passing = {Answer.OK} if strict else {Answer.OK, Answer.UNKNOWN}
    return tuple(finding for finding in findings if finding.answer not in passing)
