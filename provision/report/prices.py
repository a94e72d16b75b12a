"""Prices, and what a refresh did to them, as a table, JSON and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infra.pricing.age import age
from infra.pricing.refresh import plain
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from infra.pricing.catalogue import Price
    from infra.pricing.refresh import Outcome
    from provision.refresh import Visit

PACKAGED, REFRESHED = "packaged", "refreshed"

_COLUMNS = (
    "provider", "region", "sku", "term", "unit", "usd", "date", "age", "origin", "source",
)  # fmt: skip
_OUTCOME_HEADER = (
    "SKU", "REGION", "TERM", "OLD", "NEW", "CHANGE", "VERDICT", "REMARK",
)  # fmt: skip


def price_rows(
    prices: Sequence[Price], refreshed: Mapping[tuple[str, str, str, str], Price], today: date
) -> list[dict[str, str]]:
    """Return each price by column, with its age and whether it is packaged or refreshed."""
    return [
        {
            **{name: str(value) for name, value in asdict(price).items() if name in _COLUMNS},
            "usd": plain(price.usd),
            "age": age(price.date, today),
            "origin": REFRESHED if price.key in refreshed else PACKAGED,
        }
        for price in prices
    ]


def prices_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the rows under their columns' names."""
    header = [name.upper() for name in _COLUMNS]
    return table(header, [[row[name] for name in _COLUMNS] for row in rows])


def prices_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def render_refresh(visits: Sequence[Visit]) -> str:
    """Return a row for each price that was read, refused or kept."""
    rows = [_outcome_cells(outcome) for visit in visits for outcome in visit.outcomes]
    return table(_OUTCOME_HEADER, rows)


def refresh_document(visits: Sequence[Visit]) -> list[dict[str, Any]]:
    """Return every reading with its prices, for scripts; money as strings."""
    return [
        {
            "source": visit.source,
            "regions": visit.regions,
            "read": visit.size or None,
            "error": str(visit.error) if visit.error else None,
            "prices": [_outcome_document(outcome) for outcome in visit.outcomes],
        }
        for visit in visits
    ]


def _outcome_cells(outcome: Outcome) -> tuple[str, ...]:
    _, region, sku, term = outcome.key
    change = outcome.change_percent
    return (
        sku,
        region,
        term,
        _usd(outcome.old.usd if outcome.old else None) or "-",
        _usd(outcome.offered_usd) or "-",
        "-" if change is None else f"{change:+} %",
        outcome.verdict.value,
        outcome.remark,
    )


def _outcome_document(outcome: Outcome) -> dict[str, str | None]:
    provider, region, sku, term = outcome.key
    return {
        "provider": provider,
        "region": region,
        "sku": sku,
        "term": term,
        "old_usd": _usd(outcome.old.usd if outcome.old else None),
        "old_date": outcome.old.date if outcome.old else None,
        "new_usd": _usd(outcome.offered_usd),
        "change_percent": None if outcome.change_percent is None else str(outcome.change_percent),
        "verdict": outcome.verdict.value,
        "remark": outcome.remark,
    }


def _usd(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
