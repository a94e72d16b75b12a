"""Costs as a table, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import TYPE_CHECKING

from infra.cost.estimate import CostLine, CostReport
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from infra.cost.diff import CostDiff
    from infra.cost.guide import GuideCost

UNPRICED = "unpriced"

_LINE_HEADER = (
    "CATEGORY", "ITEM", "REGION", "QUANTITY", "UNIT", "USD/UNIT", "USD/MONTH", "PRICE OF", "NOTE",
)  # fmt: skip


def usd(amount: Decimal | None) -> str:
    """Return an amount of money with two digits, or that it has no price."""
    return UNPRICED if amount is None else f"{amount:,.2f}"


def unit_price(line: CostLine) -> str:
    """Return a unit price with all its digits, six at most."""
    if line.unit_usd is None:
        return UNPRICED
    text = f"{line.unit_usd:.6f}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.partition(".")[2]))


def render_cost(report: CostReport, *, verbose: bool = False) -> str:
    """Return the lines, the totals, the guide's figures and the sources."""
    rows = [(*line_cells(line), _remarks(line, verbose=verbose)) for line in report.lines]
    parts = [_headline(report), table(_LINE_HEADER, rows), "\n".join(_totals(report))]
    if report.guide:
        parts.append("\n".join(_beside(report, guide) for guide in report.guide))
    parts.append("\n".join(_sources(report)))
    return "\n\n".join(parts)


def _headline(report: CostReport) -> str:
    where = ", ".join(report.regions)
    return (
        f"{report.phase.value}: {report.nodes} nodes in {where}, {report.purchase.value}, "
        "USD a month of 730 hours, before tax"
    )


def line_cells(line: CostLine) -> tuple[str, ...]:
    """Return a line from its category to the date of its price."""
    return (
        line.category,
        line.item,
        line.region,
        f"{line.quantity:,.6g}" if line.quantity < 1 else f"{line.quantity:,.0f}",
        line.unit,
        unit_price(line),
        usd(line.monthly_usd),
        line.date or "-",
    )


def _remarks(line: CostLine, *, verbose: bool) -> str:
    borrowed = f"priced as in {line.borrowed}" if line.borrowed else ""
    note = line.note if verbose or line.upfront_usd or line.low_usd != line.high_usd else ""
    return "; ".join(part for part in (borrowed, note) if part)


def _totals(report: CostReport) -> list[str]:
    lines = [f"{'a month':<16}{usd(report.monthly_usd)}, of it instances {usd(report.compute_usd)}"]
    if report.upfront_usd:
        lines.append(f"{'cash now':<16}{usd(report.upfront_usd)}")
        lines.append(f"{'then a month':<16}{usd(report.recurring_usd)}")
    if report.low_usd != report.high_usd:
        lines.append(
            f"{'range':<16}{usd(report.low_usd)} with every hour at the lowest spot price, "
            f"{usd(report.high_usd)} with every hour on demand"
        )
    if report.purchase.value != "on-demand" and report.on_demand_usd is not None:
        lines.append(f"{'on demand':<16}{usd(report.on_demand_usd)}")
    if report.break_even_months is not None:
        lines.append(
            f"{'break-even':<16}after {report.break_even_months:.1f} months of use on demand "
            f"would have cost more than the whole {report.purchase.years}-year commitment"
        )
    if report.unpriced:
        lines.append(
            f"{UNPRICED:<16}{report.unpriced} of {len(report.lines)} lines have no price in the "
            "catalogue; they are not in the totals"
        )
    if report.borrowed:
        lines.append(f"{'borrowed':<16}{report.borrowed} lines have another region's price")
    return lines


def _beside(report: CostReport, guide: GuideCost) -> str:
    span = usd(guide.low_usd)
    if guide.high_usd != guide.low_usd:
        span += f" to {usd(guide.high_usd)}"
    said = f"{'guide ' + guide.section:<16}{span} ({guide.what})"
    if not guide.instances:
        return said
    return f"{said}; instances here: {difference(report.compute_usd, guide)}"


def difference(ours: Decimal, guide: GuideCost) -> str:
    """Return how far a figure lies outside the guide's range."""
    if guide.low_usd <= ours <= guide.high_usd:
        return f"{usd(ours)}, inside"
    edge = guide.high_usd if ours > guide.high_usd else guide.low_usd
    return f"{usd(ours)}, {ours - edge:+,.2f} ({(ours / edge - 1) * 100:+.1f} %)"


def cost_sources(report: CostReport) -> list[str]:
    """Return where the prices are from, each with its date."""
    return sorted({f"{line.source}, {line.date}" for line in report.lines if line.source})


def _sources(report: CostReport) -> list[str]:
    return [f"{'source':<16}{source}" for source in cost_sources(report)]


def render_comparison(reports: Sequence[CostReport]) -> str:
    """Return a row for each way of purchase."""
    header = (
        "PURCHASE", "USD/MONTH", "INSTANCES", "CASH NOW", "THEN/MONTH", "RANGE", "BREAK-EVEN",
        "GUIDE", "UNPRICED",
    )  # fmt: skip
    first = reports[0]
    title = f"{first.phase.value}: {first.nodes} nodes in {', '.join(first.regions)}"
    return f"{title}\n\n{table(header, [comparison_row(report) for report in reports])}"


def comparison_row(report: CostReport) -> tuple[str, ...]:
    """Return the cells of one way of purchase; instances without a price have no total."""
    whole = all(line.monthly_usd is not None for line in report.lines if line.category == "compute")
    guide = [cost for cost in report.guide if cost.section != "§5.2" and "support" not in cost.what]
    months = report.break_even_months
    return (
        report.purchase.value,
        usd(report.monthly_usd) if whole else UNPRICED,
        usd(report.compute_usd) if whole else UNPRICED,
        usd(report.upfront_usd) if report.upfront_usd else "-",
        usd(report.recurring_usd) if whole else "-",
        f"{report.low_usd:,.0f}-{report.high_usd:,.0f}"
        if report.low_usd != report.high_usd
        else "-",
        f"{months:.1f} months" if months is not None else "-",
        f"{guide[0].low_usd:,}-{guide[0].high_usd:,}" if guide else "-",
        f"{report.unpriced}/{len(report.lines)}",
    )


def cost_csv(report: CostReport) -> str:
    """Return the lines as CSV with every field."""
    names = [item.name for item in fields(CostLine)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for line in report.lines:
        values = [getattr(line, name) for name in names]
        writer.writerow([UNPRICED if value is None else str(value) for value in values])
    return out.getvalue()


def cost_markdown(report: CostReport) -> str:
    """Return the report as Markdown."""
    rows = [(*line_cells(line), _remarks(line, verbose=True)) for line in report.lines]
    head = [
        "| " + " | ".join(name.capitalize() for name in _LINE_HEADER) + " |",
        "|---|---|---|---:|---|---:|---:|---|---|",
    ]
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    facts = [f"- {' '.join(line.split())}" for line in _totals(report)]
    facts += [f"- {' '.join(_beside(report, guide).split())}" for guide in report.guide]
    facts += [f"- {' '.join(line.split())}" for line in _sources(report)]
    return "\n".join([f"## {_headline(report)}", "", *head, *body, "", *facts, ""])


def render_diff(diff: CostDiff, names: tuple[str, str]) -> str:
    """Return the lines that differ, and the totals."""
    first, second = names
    rows = [
        (
            line.category,
            line.item,
            line.region,
            "-" if line.before_usd is None else usd(line.before_usd),
            "-" if line.after_usd is None else usd(line.after_usd),
            "unknown" if line.change_usd is None else f"{line.change_usd:+,.2f}",
        )
        for line in diff.lines
    ]
    header = ("CATEGORY", "ITEM", "REGION", "BEFORE", "AFTER", "CHANGE")
    total = (
        f"{first} {usd(diff.before_usd)}, {second} {usd(diff.after_usd)}: "
        f"{diff.change_usd:+,.2f} USD a month, {diff.upfront_change_usd:+,.2f} USD at once, "
        f"{diff.nodes_change:+d} nodes"
    )
    return f"{table(header, rows)}\n\n{total}" if rows else f"no line differs\n\n{total}"
