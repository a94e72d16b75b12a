"""Which of AWS's offers are prices of the catalogue; the offer files and the API share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.machines import MACHINES
from infra.pricing.catalogue import ON_DEMAND
from infra.pricing.refresh import AMORTISED, Quote, effective_rate
from provision.clouds.reading import unanimous, usd_of

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCES = tuple(machine.name for machine in MACHINES.values() if machine.cloud == "aws")
# The end of an offer's usage type; a region's code and a dash may stand before it.
USAGES: Mapping[str, str] = {
    "EBS:VolumeUsage.gp3": "ebs:gp3",
    "NatGateway-Hours": "nat-gateway",
    "NatGateway-Bytes": "nat-gateway:data",
}

_UNITS = {"Hrs": "hour", "GB-Mo": "GB-month", "GB": "GB"}
_FEE = "Quantity"
_YEARS = {"1yr": 1, "3yr": 3}
_UPFRONT = {"No Upfront": "no", "Partial Upfront": "partial", "All Upfront": "all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One price of one product under one term, in AWS's own words."""

    term_type: str
    lease: str
    option: str
    offering_class: str
    unit: str
    starts_at: str
    usd: str
    currency: str
    location_type: str
    instance: str
    tenancy: str
    system: str
    status: str
    software: str
    usage: str


@dataclass(slots=True)
class Offers:
    """The offers of a region that matter.

    Attributes:
        region: Where they apply.
        source: Where they are read, as the prices' rows will say.
    """

    region: str
    source: str
    _plain: list[Quote] = field(default_factory=list)
    _reserved: dict[tuple[str, str], list[Offer]] = field(default_factory=dict)

    def add(self, offer: Offer) -> None:
        """Take an offer, or leave it when the catalogue has no price for such."""
        sku = _sku(offer)
        if sku is None or not _is_first_tier(offer):
            return
        if offer.term_type == "OnDemand":
            self._plain.append(self._quote(sku, ON_DEMAND, offer.unit, usd_of(offer.usd)))
            return
        term = _reserved_term(offer)
        if term and sku.startswith("ec2:"):
            self._reserved.setdefault((sku, term), []).append(offer)

    def quotes(self) -> tuple[Quote, ...]:
        """Return the prices; reserved ones with their upfront amortised."""
        reserved = [
            self._combined(sku, term, parts) for (sku, term), parts in self._reserved.items()
        ]
        return unanimous([*self._plain, *reserved])

    def _combined(self, sku: str, term: str, parts: list[Offer]) -> Quote:
        """Return one hourly rate of a fee at once and a rate an hour."""
        fees = {usd_of(part.usd) for part in parts if part.unit == _FEE}
        hourly = {usd_of(part.usd) for part in parts if part.unit == "Hrs"}
        flaw = ""
        if len(fees) > 1 or len(hourly) > 1:
            flaw = "offered at several prices"
        elif (not fees and "_no_" not in term) or (not hourly and "_all_" not in term):
            flaw = "only half of the price is offered"
        rate = effective_rate(
            upfront_usd=next(iter(fees), Decimal(0)),
            usd_per_hour=next(iter(hourly), Decimal(0)),
            years=_YEARS[parts[0].lease],
        )
        note = "" if "_no_" in term else AMORTISED
        return self._quote(sku, term, "Hrs", rate, note=note, flaw=flaw)

    def _quote(self, sku: str, term: str, unit: str, usd: Decimal, **remarks: str) -> Quote:
        return Quote(
            provider="aws",
            region=self.region,
            sku=sku,
            term=term,
            unit=_UNITS.get(unit, unit),
            usd=usd,
            source=self.source,
            **remarks,
        )


def _sku(offer: Offer) -> str | None:
    if offer.location_type != "AWS Region" or offer.currency != "USD":
        return None  # local zones have prices of their own
    for end, sku in USAGES.items():
        if offer.usage == end or offer.usage.endswith(f"-{end}"):
            return sku
    shared = (offer.system, offer.tenancy, offer.status, offer.software)
    if offer.instance in INSTANCES and shared == ("Linux", "Shared", "Used", "NA"):
        return f"ec2:{offer.instance}"
    return None


def _is_first_tier(offer: Offer) -> bool:
    return not offer.starts_at.strip("0.")


def _reserved_term(offer: Offer) -> str | None:
    years, upfront = _YEARS.get(offer.lease), _UPFRONT.get(offer.option)
    if offer.term_type != "Reserved" or offer.offering_class != "standard":
        return None
    if years is None or upfront is None:
        return None
    return f"reserved_{years}y_{upfront}_upfront"
