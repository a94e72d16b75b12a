"""A phase's bill with prices: what is paid by the month, what now, and what has no price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.cost.bill import Usage, bill
from infra.cost.guide import GuideCost, guide_costs
from infra.declaration import Phase  # noqa: TC001 - read at run time, to check a saved report
from infra.documents import from_json, to_json
from infra.errors import ConfigError
from infra.pricing.catalogue import FILLED, ON_DEMAND, Price, PriceBook
from infra.pricing.commitment import commitment
from infra.purchase import Purchase
from infra.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions
    from infra.declaration import PhaseConfig

SCHEMA_VERSION = 1

_ZERO = Decimal(0)
_MONTHS_PER_YEAR = 12
# Compute Engine's discount for an N1 that runs all month, of the list price.
_SUSTAINED_USE = Decimal("0.7")
_SUSTAINED_NOTE = "sustained use, 30 % off a full month"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of the bill.

    Attributes:
        unit_usd: None when the catalogue has no price.
        monthly_usd: Upfront cash amortised over its term; None without a price.
        upfront_usd: Cash to pay at once, for all instances of the line.
        low_usd: A month at the lowest spot price; as `monthly_usd` for all else.
        high_usd: A month at on-demand prices, for spot; as `monthly_usd` for all else.
        source: Of the price; empty without one.
        date: Of the source.
        borrowed: The region whose price stands in, when the line's own has none.
    """

    category: str
    item: str
    region: str
    sku: str
    quantity: Decimal
    unit: str
    unit_usd: Decimal | None
    monthly_usd: Decimal | None
    upfront_usd: Decimal
    low_usd: Decimal | None
    high_usd: Decimal | None
    source: str
    date: str
    note: str
    borrowed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """What a phase costs under one way of purchase.

    Attributes:
        monthly_usd: Of all lines that have a price; upfront cash amortised.
        compute_usd: The instances' part of it, which is all that the guide counts.
        upfront_usd: Cash to pay before the first hour.
        recurring_usd: What is billed each month after that.
        low_usd: A month if spot stays at its lowest.
        high_usd: A month if every spot hour is on demand.
        on_demand_usd: The same fleet bought on demand; None if that has no price.
        break_even_months: From then on, on demand would have cost more than the whole commitment;
            None without a commitment, or if it never does.
        unpriced: Lines without a price; the totals are without them.
        borrowed: Lines with another region's price.
        guide: What the guide says of the phase and this way of purchase.
        nodes: Instances and cache nodes.
    """

    phase: Phase
    purchase: Purchase
    regions: tuple[str, ...]
    nodes: int
    lines: tuple[CostLine, ...]
    monthly_usd: Decimal
    compute_usd: Decimal
    upfront_usd: Decimal
    recurring_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    on_demand_usd: Decimal | None
    break_even_months: Decimal | None
    unpriced: int
    borrowed: int
    guide: tuple[GuideCost, ...]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return the report as one JSON object, with the prices it was made with."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str) -> CostReport:
        """Read what `to_json` wrote; its prices stay what they were.

        Raises:
            ConfigError: Not JSON, cut short, of another schema version, or a key is wrong.
        """
        report = from_json(cls, text, source=source)
        if report.schema_version != SCHEMA_VERSION:
            raise ConfigError(
                f"{source}: schema version {report.schema_version} is not {SCHEMA_VERSION}",
                hint="Save it again with this version of qinfra.",
            )
        return report


def estimate(config: PhaseConfig, book: PriceBook, assumptions: Assumptions) -> CostReport:
    """Return the priced bill of a phase, bought as it says."""
    usages = bill(config, assumptions)
    lines = tuple(_line(usage, config, book, assumptions) for usage in usages)
    monthly, upfront = _total(lines), sum((line.upfront_usd for line in lines), _ZERO)
    years = config.purchase.years
    amortised = upfront / (years * _MONTHS_PER_YEAR) if years else _ZERO
    on_demand = _on_demand(usages, config, book)
    machines = tuple(line for line in lines if line.category == "compute")
    compute = _total(machines)
    committed = None if any(line.monthly_usd is None for line in machines) else compute
    return CostReport(
        phase=config.phase,
        purchase=config.purchase,
        regions=config.regions,
        nodes=config.counts.total,
        lines=lines,
        monthly_usd=monthly,
        compute_usd=compute,
        upfront_usd=upfront,
        recurring_usd=monthly - amortised,
        low_usd=sum((line.low_usd or _ZERO for line in lines), _ZERO),
        high_usd=sum((line.high_usd or _ZERO for line in lines), _ZERO),
        on_demand_usd=None if on_demand is None else monthly - compute + on_demand,
        break_even_months=_break_even(committed, on_demand, years),
        unpriced=sum(line.unit_usd is None for line in lines),
        borrowed=sum(bool(line.borrowed) for line in lines),
        guide=guide_costs(config.phase, config.purchase),
    )


def _line(usage: Usage, config: PhaseConfig, book: PriceBook, assumptions: Assumptions) -> CostLine:
    region = usage.price_region or usage.region
    if not usage.instances:
        return _plain(usage, book.price(config.cloud, region, usage.sku))
    if config.purchase is Purchase.SPOT:
        return _spot(usage, config, book, assumptions)
    if config.purchase.is_reserved:
        return _reserved(usage, config, book)
    price = book.price(config.cloud, region, usage.sku)
    return _plain(usage, price, _discount(config))


def _discount(config: PhaseConfig) -> tuple[Decimal, str]:
    return (_SUSTAINED_USE, _SUSTAINED_NOTE) if config.cloud == "gcp" else (Decimal(1), "")


def _plain(
    usage: Usage, price: Price | None, discount: tuple[Decimal, str] = (Decimal(1), "")
) -> CostLine:
    if price is None:
        return _priced(usage, None, None)
    factor, note = discount
    monthly = usage.quantity * price.usd * factor
    return _priced(usage, price, monthly, note=note)


def _reserved(usage: Usage, config: PhaseConfig, book: PriceBook) -> CostLine:
    _, _, upfront = config.purchase.value.split("-")
    term = f"reserved_{config.purchase.years}y_{upfront}_upfront"
    price = book.price(config.cloud, usage.region, usage.sku, term)
    if price is None:
        return _priced(usage, None, None, note=f"no {config.purchase.value} price")
    each = commitment(price.usd, years=config.purchase.years, upfront=upfront)
    monthly = usage.instances * each.effective_usd_per_hour * HOURS_PER_MONTH
    note = f"{each.upfront_usd:,} USD now and {each.usd_per_hour:f} USD/h, each"
    cash = each.upfront_usd * usage.instances
    return _priced(usage, price, monthly, upfront=cash, note=note)


def _spot(usage: Usage, config: PhaseConfig, book: PriceBook, assumptions: Assumptions) -> CostLine:
    """Expect the middle of the range, and on demand for the hours without a spot instance."""
    key = (config.cloud, usage.region, usage.sku)
    one = book.price(*key, "spot")
    low, high = one or book.price(*key, "spot_low"), one or book.price(*key, "spot_high")
    fallback = book.price(*key, ON_DEMAND)
    if low is None or high is None or fallback is None:
        return _priced(usage, None, None, note="no spot price")
    share = Decimal(str(assumptions.spot_fallback_share))
    middle = (low.usd + high.usd) / 2
    hourly = middle * (1 - share) + fallback.usd * share
    line = _priced(
        usage, low, usage.quantity * hourly, unit_usd=hourly,
        note=f"spot {low.usd} to {high.usd}, on demand {fallback.usd} for {share:.0%} of hours",
    )  # fmt: skip
    return _between(line, usage.quantity * low.usd, usage.quantity * fallback.usd)


def _between(line: CostLine, low: Decimal, high: Decimal) -> CostLine:
    return replace(line, low_usd=low, high_usd=high)


def _priced(
    usage: Usage,
    price: Price | None,
    monthly: Decimal | None,
    *,
    unit_usd: Decimal | None = None,
    upfront: Decimal = _ZERO,
    note: str = "",
) -> CostLine:
    borrowed = ""
    if price is not None and price.note.startswith(FILLED):
        borrowed = price.note.removeprefix(FILLED).strip()
    return CostLine(
        category=usage.category,
        item=usage.item,
        region=usage.region,
        sku=usage.sku,
        quantity=usage.quantity,
        unit=usage.unit,
        unit_usd=unit_usd or (price.usd if price else None),
        monthly_usd=monthly,
        upfront_usd=upfront,
        low_usd=monthly,
        high_usd=monthly,
        source=price.source if price else "",
        date=price.date if price else "",
        note="; ".join(part for part in (note, usage.note) if part),
        borrowed=borrowed,
    )


def _total(lines: tuple[CostLine, ...]) -> Decimal:
    return sum((line.monthly_usd for line in lines if line.monthly_usd is not None), _ZERO)


def _on_demand(usages: tuple[Usage, ...], config: PhaseConfig, book: PriceBook) -> Decimal | None:
    """Return a month of the instances on demand; None if one has no such price."""
    total = _ZERO
    for usage in usages:
        if usage.instances:
            price = book.price(config.cloud, usage.region, usage.sku)
            if price is None:
                return None
            total += usage.quantity * price.usd * _discount(config)[0]
    return total


def _break_even(committed: Decimal | None, on_demand: Decimal | None, years: int) -> Decimal | None:
    """A commitment is paid to its end, on demand only as long as it is used."""
    if not years or not on_demand or committed is None:
        return None
    months = committed * years * _MONTHS_PER_YEAR / on_demand
    return months if months <= years * _MONTHS_PER_YEAR else None
