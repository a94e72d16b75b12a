"""Refreshing prices: every source in turn, what it gives judged and merged before the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.errors import PartialFailure, PreflightError, QinfraError, RemoteError
from infra.pricing.refresh import Outcome, Quote, Verdict, judge, keep, merged
from provision.prices import (
    known_versions,
    load_prices,
    refreshed_prices,
    save_prices,
    save_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from infra.pricing.catalogue import Price, PriceBook
    from provision.clouds.reading import Errand, Reading


_LATER = "Try again later; `qinfra prices show` shows what stays in force."


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came of one errand.

    Attributes:
        size: How much was read, in words; empty when it failed.
        error: Why it failed; None when it did not.
    """

    source: str
    regions: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    size: str = ""
    error: QinfraError | None = None

    @property
    def complete(self) -> bool:
        """Whether every price was read, and none refused."""
        missed = (Verdict.REFUSED, Verdict.KEPT)
        return self.error is None and not any(each.verdict in missed for each in self.outcomes)


@dataclass(slots=True, kw_only=True)
class Refresh:
    """One run over several sources.

    Attributes:
        today: Date of new prices, and what ages count to.
        accept: Take jumps as well.
        dry_run: Write nothing.
        say: Told what is waited for, and what came.
        written: Whether the refreshed prices were written.
    """

    today: date
    accept: bool
    dry_run: bool
    say: Callable[[str], object]
    written: bool = False
    _refreshed: PriceBook = field(default_factory=refreshed_prices)
    _in_force: PriceBook = field(default_factory=load_prices)

    def visit(self, errand: Errand) -> Visit:
        """Read a source, and save what it gives; a failure is part of what is returned.

        Raises:
            ConfigError: The refreshed prices cannot be written.
        """
        where = f"{errand.source} {', '.join(errand.regions)}"
        self.say(f"{where}: reading {errand.url}")
        errand.etag = self._known_version(errand)
        try:
            reading = _read(errand)
        except (RemoteError, PreflightError) as error:
            self.say(f"{where}: failed, its prices stay: {error}")
            outcomes = self._kept(errand, ())
            return Visit(
                source=errand.source, regions=errand.regions, outcomes=outcomes, error=error
            )
        outcomes = self._judged(errand, reading)
        self.say(f"{where}: read {reading.size}, {_counted(outcomes)}")
        self._save(errand, reading, outcomes)
        return Visit(
            source=errand.source, regions=errand.regions, outcomes=outcomes, size=reading.size
        )

    def _known_version(self, errand: Errand) -> str:
        """Return the version whose prices are still all here; empty when they are not."""
        here = {price.sku for price in self._from(errand)}
        return known_versions().get(errand.url, "") if here.issuperset(errand.skus) else ""

    def _from(self, errand: Errand) -> list[Price]:
        return [price for price in self._refreshed.prices.values() if price.source == errand.url]

    def _judged(self, errand: Errand, reading: Reading) -> tuple[Outcome, ...]:
        quotes = reading.quotes
        if reading.unchanged:
            quotes = tuple(_confirmed(price) for price in self._from(errand))
        prices = self._in_force.prices
        judged = tuple(
            judge(quote, prices.get(quote.key), today=self.today, accept=self.accept)
            for quote in quotes
        )
        return (*judged, *self._kept(errand, judged))

    def _kept(self, errand: Errand, judged: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """Return the prices in force that the source should have given and has not."""
        given = {outcome.key for outcome in judged}
        return tuple(
            keep(price, today=self.today)
            for price in self._in_force.prices.values()
            if price.provider == errand.cloud
            and price.region in errand.regions
            and price.key not in given
            and errand.covers(price)
        )

    def _save(self, errand: Errand, reading: Reading, outcomes: Sequence[Outcome]) -> None:
        """Merge what was taken; a version counts as known only when nothing of it was refused."""
        self._in_force = merged(self._in_force, outcomes)
        if self.dry_run:
            self._refreshed = merged(self._refreshed, outcomes)
            return
        # Read again: reading a source takes minutes, in which another run may have saved its own.
        self._refreshed = merged(refreshed_prices(), outcomes)
        self.written |= save_prices(self._refreshed)
        refused = any(outcome.verdict is Verdict.REFUSED for outcome in outcomes)
        if reading.etag:
            save_version(errand.url, "" if refused else reading.etag)


def judge_run(visits: Sequence[Visit]) -> None:
    """Pass a run in which everything was read.

    Raises:
        PreflightError: Nothing could be read, for want of a package, a key or credentials.
        RemoteError: Nothing could be read.
        PartialFailure: Some of it could not, or a price was refused.
    """
    errors = [visit.error for visit in visits if visit.error is not None]
    if errors and len(errors) == len(visits):
        raise _nothing_read(errors)
    refused = sum(
        outcome.verdict is Verdict.REFUSED for visit in visits for outcome in visit.outcomes
    )
    if all(visit.complete for visit in visits):
        return
    kept = sum(outcome.verdict is Verdict.KEPT for visit in visits for outcome in visit.outcomes)
    hint = (
        "Run `qinfra prices refresh --accept` if the jumps among them are right."
        if refused
        else _LATER
    )
    raise PartialFailure(
        f"{len(errors)} of {len(visits)} readings failed, {refused} prices were refused and "
        f"{kept} could not be read; they stay as they were",
        hint=hint,
    )


def _nothing_read(errors: Sequence[QinfraError]) -> QinfraError:
    first = errors[0]
    hint = first.hint or _LATER
    kind = PreflightError if all(isinstance(e, PreflightError) for e in errors) else RemoteError
    if len(errors) == 1:
        return kind(str(first), hint=hint)
    return kind(
        f"nothing could be read, all {len(errors)} readings failed; the first: {first}", hint=hint
    )


def _read(errand: Errand) -> Reading:
    reading = errand.read()
    if not reading.quotes and not reading.unchanged:
        raise RemoteError(f"{errand.url}: has none of the catalogue's prices")
    return reading


def _confirmed(price: Price) -> Quote:
    return Quote(
        provider=price.provider,
        region=price.region,
        sku=price.sku,
        term=price.term,
        unit=price.unit,
        usd=price.usd,
        source=price.source,
        note=price.note,
    )


def _counted(outcomes: Sequence[Outcome]) -> str:
    counts = dict.fromkeys(Verdict, 0)
    for outcome in outcomes:
        counts[outcome.verdict] += 1
    told = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return ", ".join(told) or "no price"
