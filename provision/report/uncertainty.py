"""How sure a return is: a tornado and percentiles, as text and as a document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.cases import Outcome
    from infra.montecarlo import Distribution, MonteCarlo
    from infra.ranges import Ranged
    from infra.roi import Scenario
    from infra.sensitivity import Bar, Tornado

_BAR_WIDTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What was asked about a scenario beyond its row."""

    scenario: Scenario
    ranges: tuple[Ranged, ...]
    tornado: Tornado | None
    monte_carlo: MonteCarlo | None


def render_studies(studies: Sequence[Study]) -> Iterator[str]:
    """Yield paragraphs: of each scenario its tornado, its percentiles and the ranges behind."""
    for study in studies:
        name = _name(study.scenario)
        if study.tornado:
            yield f"What moves the profit of {name}, USD a month\n{_tornado(study.tornado)}"
        if study.monte_carlo:
            yield f"{name}: {_monte_carlo(study.monte_carlo)}"
        yield f"Ranges of {name}\n{_ranges(study.ranges)}"


def studies_document(
    rows: Sequence[dict[str, object]], studies: Sequence[Study]
) -> dict[str, object]:
    """Return all of it as JSON has it; one study for each row."""
    return {"scenarios": rows, "studies": [_document(study) for study in studies]}


def _tornado(found: Tornado) -> str:
    header = ("KEY", "LOW", "HIGH", "PROFIT AT LOW", "AT HIGH", "SWING", "PAYBACK AT LOW",
              "AT HIGH", "")  # fmt: skip
    profits = [end.roi.profit_usd for bar in found.bars for end in (bar.low, bar.high)]
    own = found.in_force.roi.profit_usd
    axis = _Axis(min(*profits, own), max(*profits, own))
    note = (
        f"The bar runs from {axis.low:,.0f} to {axis.high:,.0f}: '-' on the side of the low end, "
        f"'=' of the high one,\n'|' the profit of {own:,.0f} in force. Everything else stays in "
        "force; the fleet is sized for each end."
    )
    rows = [_bar_row(bar, own, axis) for bar in found.bars]
    return f"{table(header, rows)}\n\n{note}"


def _bar_row(bar: Bar, own: float, axis: _Axis) -> tuple[str, ...]:
    low, high = bar.ranged.ends
    return (
        bar.ranged.key,
        f"{low:.4g}",
        f"{high:.4g}",
        _money(bar.low.roi.profit_usd),
        _money(bar.high.roi.profit_usd),
        _money(bar.swing_usd),
        _months(bar.low),
        _months(bar.high),
        _bar(axis, bar.low.roi.profit_usd, bar.high.roi.profit_usd, own),
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def place(self, value: float) -> int:
        width = self.high - self.low
        return round((value - self.low) / width * _BAR_WIDTH) if width else 0


def _bar(axis: _Axis, low: float, high: float, own: float) -> str:
    cells = [" "] * (_BAR_WIDTH + 1)
    middle = axis.place(own)
    # the shorter arm last: both lie on one side where the profit turns between the ends
    for value, mark in sorted(((low, "-"), (high, "=")), key=lambda arm: -abs(arm[0] - own)):
        ends = sorted((axis.place(value), middle))
        for place in range(ends[0], ends[1] + 1):
            cells[place] = mark
    cells[middle] = "|"
    return "".join(cells)


def _monte_carlo(found: MonteCarlo) -> str:
    header = ("", "P5", "P25", "P50", "P75", "P95", "MEAN")
    rows = [
        _percentiles("users", found.users),
        _percentiles("peak queries/h", found.peak_queries_per_hour),
        _percentiles("nodes", found.nodes),
        _percentiles("cost, USD a month", found.cost_usd),
        _percentiles("revenue", found.revenue_usd),
        _percentiles("profit", found.profit_usd),
    ]
    if found.payback_months:
        digits = 2 if found.payback_months.p50 >= 0.1 else 4
        rows.append(_percentiles("payback, months", found.payback_months, digits))
    notes = [
        f"{found.profitable_share:.1%} make a profit; {found.never_pays_share:.1%} never pay back "
        "and are not in the payback."
    ]
    if found.carried_share is not None:
        carried = f"{found.carried_share:.1%}"
        notes.append(f"The fleet in force, not resized, carries the peak in {carried} of them.")
    head = f"{found.scenarios:,} scenarios, seed {found.seed}"
    return "\n".join([head, table(header, rows), "", *notes])


def _percentiles(name: str, found: Distribution, digits: int = 0) -> tuple[str, ...]:
    values = (found.p5, found.p25, found.p50, found.p75, found.p95, found.mean)
    return (name, *(f"{value:,.{digits}f}" for value in values))


def _ranges(ranges: Sequence[Ranged]) -> str:
    rows = [(ranged.key, str(ranged.spread), ranged.source) for ranged in ranges]
    return table(("KEY", "RANGE", "SOURCE"), rows)


def _document(study: Study) -> dict[str, object]:
    return {
        "scenario": asdict(study.scenario),
        "ranges": [_range_document(ranged) for ranged in study.ranges],
        "tornado": None if study.tornado is None else _tornado_document(study.tornado),
        "monte_carlo": None if study.monte_carlo is None else asdict(study.monte_carlo),
    }


def _range_document(ranged: Ranged) -> dict[str, object]:
    low, high = ranged.ends
    kind = type(ranged.spread).__name__.lower()
    return {"key": ranged.key, "kind": kind, **asdict(ranged.spread), "from": low, "to": high,
            "source": ranged.source}  # fmt: skip


def _tornado_document(found: Tornado) -> dict[str, object]:
    return {
        "in_force": _end(found.in_force),
        "bars": [
            {
                "key": bar.ranged.key,
                "swing_usd": bar.swing_usd,
                "low": {"value": bar.ranged.ends[0], **_end(bar.low)},
                "high": {"value": bar.ranged.ends[1], **_end(bar.high)},
            }
            for bar in found.bars
        ],
    }


def _end(outcome: Outcome) -> dict[str, object]:
    return {
        "profit_usd": outcome.roi.profit_usd,
        "payback_months": outcome.roi.payback_months,
        "cost_usd": outcome.roi.cost_usd,
        "revenue_usd": outcome.roi.revenue_usd,
        "nodes": outcome.nodes,
        "peak_queries_per_hour": outcome.peak_queries_per_hour,
    }


def _name(scenario: Scenario) -> str:
    return f"{scenario.phase.value}, adoption {scenario.adoption:.1%}, {scenario.plan.value}"


def _money(usd: float) -> str:
    return f"{usd:,.0f}"


def _months(outcome: Outcome) -> str:
    months = outcome.roi.payback_months
    return "never" if months is None else f"{months:.2f} months"
