"""A reserved rate as the cash it takes: now, and by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from infra.errors import ConfigError
from infra.units import HOURS_PER_YEAR

_DOLLAR = Decimal(1)
_MILL = Decimal("0.001")
# Catalogue rates have six decimals, so the cash of a year is known to half a cent.
_ROUNDING = Decimal("0.0000005")
_SEARCHED_MILLS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """What one reserved instance takes.

    Attributes:
        upfront_usd: Paid at once; whole dollars.
        usd_per_hour: Paid for every hour of the term, used or not.
        years: Length of the term.
    """

    upfront_usd: Decimal
    usd_per_hour: Decimal
    years: int

    @property
    def effective_usd_per_hour(self) -> Decimal:
        """The upfront part spread over the term, and the hourly part."""
        return self.upfront_usd / (self.years * HOURS_PER_YEAR) + self.usd_per_hour


def commitment(effective_usd_per_hour: Decimal, *, years: int, upfront: str) -> Commitment:
    """Return the cash behind an effective hourly rate.

    A provider asks whole dollars upfront and whole tenths of a cent an hour, and for `partial`
    about half of each; only one such pair gives the effective rate to its last digit.

    Args:
        effective_usd_per_hour: The upfront part amortised, six decimals.
        years: 1 or 3.
        upfront: no, partial or all.

    Raises:
        ConfigError: No such pair gives the rate.
    """
    hours = years * HOURS_PER_YEAR
    if upfront == "no":
        return Commitment(upfront_usd=Decimal(0), usd_per_hour=effective_usd_per_hour, years=years)
    if upfront == "all":
        cash = (effective_usd_per_hour * hours).quantize(_DOLLAR, ROUND_HALF_UP)
        return Commitment(upfront_usd=cash, usd_per_hour=Decimal(0), years=years)
    half = (effective_usd_per_hour / 2).quantize(_MILL, ROUND_HALF_UP)
    tolerance = _ROUNDING * hours
    for step in sorted(range(-_SEARCHED_MILLS, _SEARCHED_MILLS + 1), key=abs):
        hourly = half + step * _MILL
        exact = (effective_usd_per_hour - hourly) * hours
        cash = exact.quantize(_DOLLAR, ROUND_HALF_UP)
        if cash > 0 and hourly > 0 and abs(exact - cash) <= tolerance:
            return Commitment(upfront_usd=cash, usd_per_hour=hourly, years=years)
    raise ConfigError(
        f"partial upfront at {effective_usd_per_hour} USD an hour effective over {years} years: "
        "no whole dollars upfront and tenths of a cent an hour add up to it"
    )
