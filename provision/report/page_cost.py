"""The page's money: the bill, the ways of purchase, the return, and the sources of prices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision.report.charts import Bar, bar_chart
from provision.report.cost import comparison_row, cost_sources, difference, line_cells, usd
from provision.report.figures import Grid, grid
from provision.report.roi import roi_cells
from provision.report.words import category_name, cost_item, guide_name, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cost.estimate import CostReport
    from infra.language import Language
    from infra.roi import Roi
    from provision.reporting import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPart:
    """The bill as a table and a chart."""

    text: str
    lines: Grid
    notes: tuple[str, ...]
    caption: str
    chart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchasePart:
    """The ways of purchase as a chart and a table, and the guide's figures beside them."""

    caption: str
    chart: str
    table: Grid
    guide: Grid


def cost_part(report: CostReport, w: Mapping[str, str], language: Language) -> CostPart:
    """Return the bill of one phase."""
    head = (
        w["category"], w["item"], w["region"], w["quantity"], w["unit"], w["unit_price"],
        w["usd_month"], w["price_of"],
    )  # fmt: skip
    rows = []
    for line in report.lines:
        _, _, region, quantity, unit, price, monthly, date = line_cells(line)
        star = " *" if line.borrowed else ""
        rows.append(
            (
                category_name(line.category, language),
                cost_item(line.item, language),
                region,
                quantity,
                unit_name(unit, language),
                _priced(price, w) + star,
                _priced(monthly, w),
                date,
            )
        )
    caption = f"{w['cost']}: {report.phase.value}, {w['usd_month']}"
    return CostPart(
        text=w["cost_text"].format(report.phase.value, report.purchase.value),
        lines=grid(
            head,
            rows,
            numeric=(3, 5, 6),
            wide=(1,),
            bad=w["unpriced"],
            foot=(w["total"], "", "", "", "", "", usd(report.monthly_usd), ""),
        ),
        notes=_notes(report, w),
        caption=caption,
        chart=_by_category(report, caption, w, language),
    )


def _priced(cell: str, w: Mapping[str, str]) -> str:
    return w["unpriced"] if cell == usd(None) else cell


def _notes(report: CostReport, w: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    if report.unpriced:
        notes.append(w["unpriced_note"].format(report.unpriced, len(report.lines)))
    if report.borrowed:
        regions = sorted({line.borrowed for line in report.lines if line.borrowed})
        notes.append("* " + w["borrowed_note"].format(report.borrowed, ", ".join(regions)))
    if report.upfront_usd:
        notes.append(w["cash_note"].format(report.upfront_usd, report.recurring_usd))
    return tuple(notes)


def _by_category(report: CostReport, caption: str, w: Mapping[str, str], language: Language) -> str:
    totals: dict[str, float] = defaultdict(float)
    for line in report.lines:
        totals[line.category] += float(line.monthly_usd or 0)
    bars = [
        Bar(label=category_name(name, language), parts=(total,), value=f"{total:,.0f}")
        for name, total in sorted(totals.items(), key=lambda item: -item[1])
    ]
    return bar_chart(caption, bars, ("",), w["usd_month"])


def purchase_part(report: Report, w: Mapping[str, str], language: Language) -> PurchasePart:
    """Return the focus under every way of purchase, and every phase beside the guide."""
    head = (
        w["way"], w["usd_month"], w["instances"], w["cash_now"], w["then"], w["range"],
        w["break_even"], w["guide"], w["unpriced"],
    )  # fmt: skip
    here = report.focused.cost.purchase
    rows = [_translated(comparison_row(each), w) for each in report.comparison]
    caption = f"{w['purchase']}: {report.focus.value}, {w['usd_month']}"
    bars = [_bar(each) for each in report.comparison if each.compute_usd]
    chart = bar_chart(caption, bars, (w["instances"], w["other"]), w["usd_month"])
    return PurchasePart(
        caption=caption,
        chart=chart,
        table=grid(
            head,
            rows,
            numeric=range(1, len(head)),
            marked=[each.purchase is here for each in report.comparison].index(True),
            bad=w["unpriced"],
        ),
        guide=_beside_the_guide(report, w, language),
    )


def _translated(cells: tuple[str, ...], w: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_priced(cell, w).replace(" months", f" {w['months']}") for cell in cells)


def _bar(report: CostReport) -> Bar:
    spread = report.low_usd != report.high_usd
    total = float(report.monthly_usd)
    return Bar(
        label=report.purchase.value,
        parts=(float(report.compute_usd), total - float(report.compute_usd)),
        span=(float(report.low_usd), float(report.high_usd)) if spread else None,
        value=f"{total:,.0f}",
    )


def _beside_the_guide(report: Report, w: Mapping[str, str], language: Language) -> Grid:
    rows = []
    for each in report.phases:
        for guide in each.cost.guide:
            span = f"{guide.low_usd:,.0f}"
            if guide.high_usd != guide.low_usd:
                span += f"–{guide.high_usd:,.0f}"
            what = guide_name(guide.what, language)
            ours = difference(each.cost.compute_usd, guide) if guide.instances else "-"
            ours = ours.replace("inside", w["inside"])
            rows.append((each.cost.phase.value, each.cost.purchase.value, what, span, ours))
    head = (w["phase"], w["way"], w["guide"], "USD", w["instances"])
    return grid(head, rows, numeric=(3, 4))


def roi_grid(returns: Sequence[Roi], w: Mapping[str, str]) -> Grid:
    """Return the guide's scenarios, as printed and corrected."""
    head = (
        w["phase"], w["adoption"], w["plan"], w["printed"], w["revenue"], w["cost_word"],
        w["profit"], w["payback"], w["break_even_adoption"],
    )  # fmt: skip
    return grid(head, [_roi_row(each, w) for each in returns], numeric=(1, 3, 4, 5, 6, 7, 8))


def _roi_row(each: Roi, w: Mapping[str, str]) -> tuple[str, ...]:
    *cells, _, payback, adoption = roi_cells(each)
    known = {"never": w["never"], "none": w["none"]}
    return (*cells, *_translated((known.get(payback, payback), known.get(adoption, adoption)), w))


def sources(report: Report) -> list[str]:
    """Return where every figure of the page is from."""
    network = report.inputs.metrics.source
    reports = (*report.comparison, *(each.cost for each in report.phases))
    return list(dict.fromkeys((network, *(s for each in reports for s in cost_sources(each)))))
