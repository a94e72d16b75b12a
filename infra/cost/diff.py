"""Two cost reports side by side."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.cost.estimate import CostLine, CostReport

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDiff:
    """One item in both reports; None where a report lacks it or its price.

    Attributes:
        change_usd: A month's difference; None when one side has no price, so that nobody adds up
            what is not known.
    """

    category: str
    item: str
    region: str
    before_usd: Decimal | None
    after_usd: Decimal | None
    change_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDiff:
    """What changes from one report to the other; only lines that differ."""

    before_usd: Decimal
    after_usd: Decimal
    change_usd: Decimal
    upfront_change_usd: Decimal
    nodes_change: int
    lines: tuple[LineDiff, ...]


def cost_diff(before: CostReport, after: CostReport) -> CostDiff:
    """Return the difference, line by line."""
    first, second = _by_key(before), _by_key(after)
    keys = [*first, *(key for key in second if key not in first)]
    lines = (_line(key, first.get(key), second.get(key)) for key in keys)
    return CostDiff(
        before_usd=before.monthly_usd,
        after_usd=after.monthly_usd,
        change_usd=after.monthly_usd - before.monthly_usd,
        upfront_change_usd=after.upfront_usd - before.upfront_usd,
        nodes_change=after.nodes - before.nodes,
        lines=tuple(line for line in lines if line.change_usd != _ZERO),
    )


_Key = tuple[str, str, str]


def _by_key(report: CostReport) -> dict[_Key, CostLine]:
    return {(line.category, line.item, line.region): line for line in report.lines}


def _line(key: _Key, before: CostLine | None, after: CostLine | None) -> LineDiff:
    category, item, region = key
    first = before.monthly_usd if before else _ZERO
    second = after.monthly_usd if after else _ZERO
    both_unpriced = first is None and second is None
    change = second - first if first is not None and second is not None else None
    return LineDiff(
        category=category,
        item=item,
        region=region,
        before_usd=before.monthly_usd if before else None,
        after_usd=after.monthly_usd if after else None,
        change_usd=_ZERO if both_unpriced else change,
    )
