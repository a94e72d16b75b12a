"""How sure the page's return is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from infra.montecarlo import Distribution
from provision.report.charts import tornado_chart
from provision.report.figures import Grid, grid
from provision.report.words import input_name, range_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.language import Language
    from infra.montecarlo import MonteCarlo
    from infra.sensitivity import Tornado
    from provision.report.uncertainty import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityPart:
    """A scenario's tornado, and the percentiles of its random neighbours."""

    caption: str
    svg: str
    swings: Grid
    text: str
    percentiles: Grid


def sensitivity_part(study: Study, w: Mapping[str, str], language: Language) -> SensitivityPart:
    """Return both for a study that has both."""
    scenario, found, drawn = study.scenario, study.tornado, study.monte_carlo
    if found is None or drawn is None:
        raise ValueError(study)
    name = f"{scenario.phase.value}, {scenario.adoption:.1%}, {scenario.plan.value}"
    carried = (
        w["carried"].format(scenario.phase.value, found.in_force.nodes, drawn.carried_share)
        if drawn.carried_share is not None
        else ""
    )
    return SensitivityPart(
        caption=w["tornado_text"].format(name),
        svg=tornado_chart(
            f"{w['sensitivity']}: {name}",
            [
                (
                    input_name(bar.ranged.key, language),
                    bar.low.roi.profit_usd,
                    bar.high.roi.profit_usd,
                )
                for bar in found.bars
            ],
            found.in_force.roi.profit_usd,
            (w["profit_month"], w["at_low"], w["at_high"]),
        ),
        swings=_swings(found, w, language),
        text=w["monte_carlo_text"].format(drawn.scenarios, drawn.seed, drawn.profitable_share)
        + carried,
        percentiles=_percentiles(drawn, w),
    )


def _swings(found: Tornado, w: Mapping[str, str], language: Language) -> Grid:
    rows = []
    for bar in found.bars:
        low, high = bar.ranged.ends
        rows.append(
            (
                input_name(bar.ranged.key, language),
                f"{low:.4g} – {high:.4g}",
                f"{bar.low.roi.profit_usd:,.0f}",
                f"{bar.high.roi.profit_usd:,.0f}",
                range_source(bar.ranged.source, language),
            )
        )
    head = (w["input"], w["range"], w["profit_low"], w["profit_high"], w["source"])
    return grid(head, rows, numeric=(1, 2, 3), wide=(4,))


def _percentiles(drawn: MonteCarlo, w: Mapping[str, str]) -> Grid:
    names = [item.name for item in fields(Distribution)]
    figures = (
        ("users", drawn.users, 0),
        ("peak_hour", drawn.peak_queries_per_hour, 0),
        ("nodes", drawn.nodes, 0),
        ("cost_word", drawn.cost_usd, 0),
        ("revenue", drawn.revenue_usd, 0),
        ("profit", drawn.profit_usd, 0),
        ("payback_months", drawn.payback_months, 2),
    )
    rows = [
        (w[key], *(f"{getattr(found, name):,.{digits}f}" for name in names))
        for key, found, digits in figures
        if found is not None
    ]
    return grid(("", *names[:-1], w["mean"]), rows, numeric=range(1, len(names) + 1))
