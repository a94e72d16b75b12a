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
    """A limit that a cloud puts on an account, for each region unless it says otherwise.

    Attributes:
        code: The cloud's name of it.
        name: In words.
        unit: What it counts.
        source: Where the code comes from, with a date.
        request: Command that asks for a higher limit, with {desired}, {region} and {project}.
    """

    code: str
    name: str
    unit: str
    source: str
    request: str


def _ec2(code: str, name: str) -> Quota:
    return Quota(
        code=code,
        name=name,
        unit="vCPU",
        source="EC2's service quotas by code, as published scripts ask for them, 2026-11",
        request="aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {code} --desired-value {{desired}} --region {{region}}",
    )


def _gcp(code: str, name: str, unit: str, *, regional: bool = True) -> Quota:
    """Return a quota of Compute Engine.

    A person asks for more through Cloud Quotas: the consumer overrides of `gcloud alpha services
    quota` only lower a limit (Service Usage's documentation of consumerOverrides, 2026-11).
    """
    words = code.replace("_", "-")
    scope = "-per-project-region" if regional else "-per-project"
    of_region = " --dimensions region={region}" if regional else ""
    name_of_request = f"qinfra-{words.lower()}" + ("-{region}" if regional else "")
    return Quota(
        code=code,
        name=name,
        unit=unit,
        source="Compute Engine's metrics, and Cloud Quotas' ids of them in published scripts, "
        "2026-11",
        request=f"gcloud beta quotas preferences update {name_of_request} --allow-missing "
        f"--service compute.googleapis.com --project {{project}} --quota-id {words}{scope}"
        f"{of_region} --preferred-value {{desired}} --email YOURS",
    )


ON_DEMAND_G = _ec2("L-DB2E81BA", "Running On-Demand G and VT instances")
SPOT_G = _ec2("L-3819A6DF", "All G and VT Spot Instance Requests")  # its default is 0
GCP_CPUS = _gcp("CPUS", "CPUs", "vCPU")
GCP_SPOT_CPUS = _gcp("PREEMPTIBLE_CPUS", "preemptible CPUs", "vCPU")
GCP_ALL_CPUS = _gcp("CPUS_ALL_REGIONS", "CPUs of all regions", "vCPU", regional=False)
GCP_ADDRESSES = _gcp("IN_USE_ADDRESSES", "in-use IP addresses", "addresses")
GCP_SSD = _gcp("SSD_TOTAL_GB", "SSD persistent disks", "GB")


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


def ssd_gb_needed(config: PhaseConfig, region: str) -> int:
    """Return a region's SSD when every group has grown to its upper bound."""
    return sum(group.maximum * group.disk_gib for group in config.groups if group.region == region)


def raise_request(quota: Quota, region: str, desired: int, project: str = "") -> str:
    """Return the command that asks the cloud for a higher limit; `project` is Google's."""
    return quota.request.format(desired=desired, region=region, project=project)


def quota_finding(
    quota: Quota, region: str, need: int, *, limit: int, in_use: int, project: str = ""
) -> Finding:
    """Return whether the quota holds the fleet, with the request that raises it if not."""
    answer = quota_answer(need, limit, in_use)
    figures = f"{need} {quota.unit} needed, {answer.have} left of {limit}"
    return Finding(
        check=f"quota {quota.code}",
        region=region,
        answer=Answer.REFUSED if answer.short else Answer.OK,
        detail=f"{quota.name}: {figures}" + (f", {answer.short} short" if answer.short else ""),
        remedy=raise_request(quota, region, answer.desired, project) if answer.short else "",
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


def zone_finding(region: str, zone: str, machine: str, offered: Collection[str]) -> Finding:
    """Return whether the one zone of the nodes offers a machine, with those that do if not.

    Args:
        region: Of the zone.
        zone: Google's name of it, which is the same for everyone.
        machine: Its type.
        offered: Zones of the region with the machine.
    """
    others = sorted(set(offered))
    there = zone in others
    listed = f"; {', '.join(others)} do" if others else ", nor does any other of the region"
    elsewhere = f"Plan with `--var zone={others[0]}`." if others else "Choose another --region."
    return Finding(
        check="zone",
        region=region,
        answer=Answer.OK if there else Answer.REFUSED,
        detail=f"{zone} offers {machine}" if there else f"{zone} offers no {machine}{listed}",
        remedy="" if there else elsewhere,
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
