"""Which live prices are taken into the catalogue, and which are refused."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.pricing.age import age
from infra.pricing.catalogue import HIGHEST_USD, Price, PriceBook, unit_of
from infra.units import HOURS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

LARGEST_JUMP = Decimal("0.30")
AMORTISED = "effective rate, upfront amortised"

_NANO_USD = Decimal("0.000000001")
_MICRO_USD = Decimal("0.000001")
_TENTH = Decimal("0.1")


class Verdict(StrEnum):
    """What became of a price."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    KEPT = "kept"


TAKEN = (Verdict.NEW, Verdict.CHANGED, Verdict.UNCHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A price as a source gives it, before anybody has looked at it.

    Attributes:
        unit: The source's unit in the catalogue's words.
        usd: As read; may be anything, NaN included.
        source: Where it was read; no secret.
        flaw: Why it cannot be taken, when the source itself shows that; empty when it does not.
    """

    provider: str
    region: str
    sku: str
    term: str
    unit: str
    usd: Decimal
    source: str
    note: str = ""
    flaw: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from every other price."""
        return self.provider, self.region, self.sku, self.term


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one price.

    Attributes:
        old: In force before; None when there was none.
        new: In force from now on; None when the old one stays.
        offered_usd: What the source said, taken or not; None when it said nothing.
        remark: Why it was refused or kept, and how old the kept one is.
    """

    key: tuple[str, str, str, str]
    old: Price | None
    new: Price | None
    offered_usd: Decimal | None
    verdict: Verdict
    remark: str = ""

    @property
    def change_percent(self) -> Decimal | None:
        """From the old price to the offered one, one decimal; None without both."""
        if self.old is None or self.offered_usd is None or not _is_price(self.offered_usd):
            return None
        return ((self.offered_usd / self.old.usd - 1) * 100).quantize(_TENTH, ROUND_HALF_UP)


def effective_rate(*, upfront_usd: Decimal, usd_per_hour: Decimal, years: int) -> Decimal:
    """Return a reserved hour's price with upfront spread over the term, six decimals.

    Six are what `commitment` needs to find the cash again. NaN when a part is none that is paid.
    """
    if not all(_is_price(part) or part.is_zero() for part in (upfront_usd, usd_per_hour)):
        return Decimal("NaN")
    rate = upfront_usd / (years * HOURS_PER_YEAR) + usd_per_hour
    return rate.quantize(_MICRO_USD, ROUND_HALF_UP)


def judge(quote: Quote, old: Price | None, *, today: date, accept: bool) -> Outcome:
    """Return what becomes of a live price.

    Args:
        quote: The price.
        old: The one in force.
        today: Date of the new one, and what the age of a kept one counts to.
        accept: Take a jump beyond `LARGEST_JUMP`; nothing makes an impossible price pass.
    """
    reason = quote.flaw or _impossible(quote) or ("" if accept else _jump(_rounded(quote.usd), old))
    if reason:
        remark = f"{reason}; {_kept(old, today)}"
        return Outcome(
            key=quote.key,
            old=old,
            new=None,
            offered_usd=quote.usd,
            verdict=Verdict.REFUSED,
            remark=remark,
        )
    new = _taken(quote, old, today)
    return Outcome(key=quote.key, old=old, new=new, offered_usd=new.usd, verdict=_verdict(new, old))


def keep(old: Price, *, today: date) -> Outcome:
    """Return that a price stays since it could not be read."""
    return Outcome(
        key=old.key,
        old=old,
        new=None,
        offered_usd=None,
        verdict=Verdict.KEPT,
        remark=_kept(old, today),
    )


def merged(book: PriceBook, outcomes: Iterable[Outcome]) -> PriceBook:
    """Return a book with the prices that were taken."""
    taken = {outcome.key: outcome.new for outcome in outcomes if outcome.new is not None}
    return book.overlaid(PriceBook(taken))


def plain(usd: Decimal) -> str:
    """Return a price with no digit lost, and none for show."""
    if not _is_price(usd):
        return "0" if usd.is_zero() else str(usd)
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_price(usd: Decimal) -> bool:
    return usd.is_finite() and 0 < usd <= HIGHEST_USD


def _impossible(quote: Quote) -> str:
    unit = unit_of(quote.sku)
    if unit is None:
        return "nothing is known of this sku"
    if quote.unit != unit:
        return f"priced by the {quote.unit}, not the {unit}"
    if quote.usd.is_nan():
        return "no finite number"
    if not _is_price(quote.usd) or not _rounded(quote.usd):
        usd = "0" if quote.usd.is_zero() else quote.usd
        return f"{usd} is not above 0 and at most {HIGHEST_USD:,}"
    return ""


def _jump(usd: Decimal, old: Price | None) -> str:
    if old is None or abs(usd - old.usd) <= old.usd * LARGEST_JUMP:
        return ""
    return f"more than {LARGEST_JUMP:.0%} from {plain(old.usd)}"


def _rounded(usd: Decimal) -> Decimal:
    """Nine decimals are the finest that a source has."""
    return usd.quantize(_NANO_USD, ROUND_HALF_UP)


def _taken(quote: Quote, old: Price | None, today: date) -> Price:
    return Price(
        provider=quote.provider,
        region=quote.region,
        sku=quote.sku,
        term=quote.term,
        unit=quote.unit,
        usd=Decimal(plain(_rounded(quote.usd))),
        note=quote.note or (old.note if old else ""),
        source=quote.source,
        date=today.isoformat(),
    )


def _verdict(new: Price, old: Price | None) -> Verdict:
    if old is None:
        return Verdict.NEW
    return Verdict.UNCHANGED if new.usd == old.usd else Verdict.CHANGED


def _kept(old: Price | None, today: date) -> str:
    if old is None:
        return "no earlier price"
    return f"kept {plain(old.usd)} of {old.date}, {age(old.date, today)} old"
