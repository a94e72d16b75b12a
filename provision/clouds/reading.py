"""What every source of prices gives, and how it is asked."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Protocol

from infra.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infra.machines import Cloud
    from infra.pricing.catalogue import Price
    from infra.pricing.refresh import Quote

_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one request for prices gave.

    Attributes:
        quotes: The prices as read.
        size: How much was read, in words.
        etag: What the source calls this version; empty when it does not say.
        unchanged: Whether the source only said that nothing is newer than the version known.
    """

    quotes: tuple[Quote, ...] = ()
    size: str
    etag: str = ""
    unchanged: bool = False


class Errand(Protocol):
    """One request to one source, for one region or for all of them at once.

    Attributes:
        source: Name of the source on the command line.
        url: Where the prices are, as their rows say.
        skus: What the source has prices of.
        etag: The version known already, which need not come again; empty for none.
    """

    source: str
    cloud: Cloud
    regions: tuple[str, ...]
    url: str
    skus: tuple[str, ...]
    etag: str

    def covers(self, price: Price) -> bool:
        """Return whether a price of the errand's regions is one that this source gives."""

    def read(self) -> Reading:
        """Return the prices.

        Raises:
            RemoteError: They could not be read to their end, or make no sense.
            PreflightError: A package, a key or credentials are missing or refused.
        """


@contextmanager
def installed(source: str) -> Iterator[None]:
    """Say which package a source lacks.

    Raises:
        PreflightError: One is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise PreflightError(
            f"{source} needs {error.name}, which is not installed",
            hint="Run `pip install 'qinfra[deploy]'`.",
        ) from error


def usd_of(text: object) -> Decimal:
    """Return a price as a number; NaN, which is refused later, when it is none."""
    digits = str(text)
    try:
        usd = Decimal(digits if len(digits) <= _LONGEST_NUMBER else "NaN")
    except InvalidOperation:
        return Decimal("NaN")
    return usd if usd.is_finite() else Decimal("NaN")


def unanimous(quotes: Iterable[Quote]) -> tuple[Quote, ...]:
    """Return one quote for each price; where a source contradicts itself the quote says so."""
    found: dict[tuple[str, str, str, str], Quote] = {}
    for quote in quotes:
        first = found.setdefault(quote.key, quote)
        if first is not quote and first.usd != quote.usd and not first.flaw:
            found[quote.key] = _contradicted(first, quote)
    return tuple(found.values())


def _contradicted(first: Quote, second: Quote) -> Quote:
    return replace(first, flaw=f"offered at {first.usd} and at {second.usd}")
