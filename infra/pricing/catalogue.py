"""The price catalogue: one row a price, in USD before tax, with its source and date."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from infra.domain import unknown
from infra.errors import ConfigError
from infra.pricing.age import is_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ON_DEMAND = "on_demand"
TERMS = (
    ON_DEMAND,
    "reserved_1y_no_upfront",
    "reserved_1y_partial_upfront",
    "reserved_1y_all_upfront",
    "reserved_3y_no_upfront",
    "reserved_3y_partial_upfront",
    "reserved_3y_all_upfront",
    "spot",
    "spot_low",
    "spot_high",
)
PACKAGED = "infra/pricing/prices.csv"

HIGHEST_USD = Decimal(1_000_000)
# The unit a price must have, by the beginning of its sku; the longest beginning counts.
_UNITS: Mapping[str, str] = {
    "ec2:": "hour",
    "compute:": "hour",
    "disk:": "GB-month",
    "address:": "hour",
    "nat:vm-hour": "hour",
    "nat:data": "GB",
    "ebs:gp3": "GB-month",
    "ebs:gp3:iops": "IOPS-month",
    "ebs:gp3:throughput": "MBps-month",
    "nat-gateway": "hour",
    "nat-gateway:data": "GB",
    "alb": "hour",
    "nlb": "hour",
    "public-ipv4": "hour",
    "wafv2:": "month",
    "wafv2:requests": "million",
    "cloudfront:data": "GB",
    "cloudfront:https": "10k requests",
    "egress:": "GB",
    "inter-az": "GB",
    "inter-region": "GB",
    "vpc-endpoint:interface": "hour",
    "vpc-endpoint:interface:data": "GB",
    "elasticache:": "hour",
    "elasticache:backup": "GB-month",
    "rds:": "hour",
    "rds:gp2": "GB-month",
    "rds:backup": "GB-month",
    "cloudwatch:logs-ingest": "GB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price.

    Attributes:
        sku: Service and what of it, as in `ec2:g4dn.xlarge`.
        term: How it is bought; reserved rates are effective hourly ones, upfront amortised.
        unit: What it is paid for.
        date: When the source was taken, as year-month or year-month-day.
        region: Where it applies.
    """

    provider: str
    region: str
    sku: str
    term: str
    unit: str
    usd: Decimal
    note: str
    source: str
    date: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from every other price."""
        return self.provider, self.region, self.sku, self.term

    @property
    def reference(self) -> str:
        """Source and date in words."""
        return f"{self.source}, {self.date}"


_COLUMNS = tuple(item.name for item in fields(Price))


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by what they are for."""

    prices: Mapping[tuple[str, str, str, str], Price]

    def price(self, provider: str, region: str, sku: str, term: str = ON_DEMAND) -> Price | None:
        """Return a price; None when the catalogue has no row for it."""
        return self.prices.get((provider, region, sku, term))

    def overlaid(self, newer: PriceBook) -> PriceBook:
        """Return this book with the rows of another in place of its own."""
        return PriceBook({**self.prices, **newer.prices})

    def filled(self, region: str, like: str) -> PriceBook:
        """Return this book with a region's missing rows taken from another region of its cloud.

        Each such row says so in its note.
        """
        borrowed = {
            (price.provider, region, price.sku, price.term): replace(
                price, region=region, note=f"{FILLED} {like}"
            )
            for price in self.prices.values()
            if price.region == like
        }
        return PriceBook({**borrowed, **self.prices})


FILLED = "priced as in"


@cache
def packaged_prices() -> PriceBook:
    """Return the catalogue that comes with qinfra."""
    text = files("infra.pricing").joinpath("prices.csv").read_text(encoding="utf-8")
    return read_prices(text, source=PACKAGED)


def read_prices(text: str, *, source: str) -> PriceBook:
    """Return the book a CSV describes.

    Args:
        text: A header with every column of `Price`, in any order, and a row for each price.
        source: The file's name, for errors.

    Raises:
        ConfigError: A column, unit, term, date or price is wrong, or a row stands twice; its file
            and line are named.
    """
    reader = csv.DictReader(io.StringIO(text), strict=True)
    _check_columns(reader.fieldnames or (), source)
    prices: dict[tuple[str, str, str, str], Price] = {}
    try:
        for row in reader:
            where = f"{source} line {reader.line_num}"
            price = _price(row, where)
            if price.key in prices:
                raise ConfigError(f"{where}: {' '.join(price.key)} stands twice")
            prices[price.key] = price
    except csv.Error as error:
        raise ConfigError(f"{source} line {reader.line_num}: not CSV: {error}") from error
    return PriceBook(prices)


def write_prices(prices: Iterable[Price]) -> str:
    """Return the CSV that `read_prices` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([str(getattr(price, name)) for name in _COLUMNS] for price in prices)
    return out.getvalue()


def unit_of(sku: str) -> str | None:
    """Return the unit a price of this sku must have; None when the sku is unknown."""
    known = [start for start in _UNITS if sku.startswith(start)]
    return _UNITS[max(known, key=len)] if known else None


def _check_columns(columns: Iterable[str], source: str) -> None:
    for name in columns:
        if name not in _COLUMNS:
            raise unknown(f"{source} line 1: column", str(name), _COLUMNS)
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ConfigError(f"{source} line 1: column '{missing[0]}' is missing")


def _price(row: dict[str, str], where: str) -> Price:
    if None in row or None in row.values():
        raise ConfigError(f"{where}: not {len(_COLUMNS)} values, one for each column")
    if row["term"] not in TERMS:
        raise unknown(f"{where}: term", row["term"], TERMS)
    unit = unit_of(row["sku"])
    if unit is None:
        raise ConfigError(f"{where}: nothing is known of the sku '{row['sku']}'")
    if row["unit"] != unit:
        raise ConfigError(f"{where}: {row['sku']} is priced by the {row['unit']}, not the {unit}")
    if not is_date(row["date"]):
        raise ConfigError(f"{where}: date '{row['date']}' is not YYYY-MM or YYYY-MM-DD")
    return Price(**{**row, "usd": amount(row["usd"], where)})  # type: ignore[arg-type]


def amount(text: str, where: str) -> Decimal:
    """Return a price as a number above 0.

    Raises:
        ConfigError: It is not.
    """
    try:
        usd = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"{where}: price '{text}' is not a number") from error
    if not usd.is_finite() or not 0 < usd <= HIGHEST_USD:
        raise ConfigError(f"{where}: price {text} is not above 0 and at most {HIGHEST_USD:,}")
    return usd
