"""Returns as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.roi import Roi


def render_roi(found: Sequence[Roi]) -> str:
    """Return a row for each scenario, in USD a month."""
    header = (
        "PHASE", "ADOPTION", "PLAN", "REVENUE AS PRINTED", "REVENUE", "COST", "PROFIT",
        "RETURN A YEAR", "PAYBACK", "BREAK-EVEN ADOPTION",
    )  # fmt: skip
    note = (
        "As printed counts the users twice (finding G01); all other columns use each user's own "
        "queries.\nCosts are those of `qinfra cost`; lines without a price are not in them."
    )
    return f"{table(header, [roi_cells(each) for each in found])}\n\n{note}"


def roi_cells(each: Roi) -> tuple[str, ...]:
    """Return a scenario from its phase to its break-even adoption."""
    months, share, ratio = each.payback_months, each.break_even_adoption, each.return_ratio
    return (
        each.scenario.phase.value,
        f"{each.scenario.adoption:.1%}",
        each.scenario.plan.value,
        f"{each.printed_revenue_usd:,.0f}",
        f"{each.revenue_usd:,.0f}",
        f"{each.cost_usd:,.0f}",
        f"{each.profit_usd:,.0f}",
        "-" if ratio is None else f"{ratio:,.0%}",
        "never" if months is None else f"{months:.2f} months",
        "none" if share is None else f"{share:.3%}",
    )
