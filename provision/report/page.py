"""The report as one page of HTML: no request leaves it, and it prints."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.rounding import Rounding
from provision.report.figures import grid, seconds
from provision.report.page_cost import cost_part, purchase_part, roi_grid, sources
from provision.report.page_fleet import curves, fleet_part, promise, verdict
from provision.report.page_range import sensitivity_part
from provision.report.words import input_name, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.language import Language
    from provision.report.figures import Grid
    from provision.reporting import PhaseReport, Report

_SECTIONS = (
    "network", "demand", "phases", "fleet", "response", "cost", "purchase", "roi", "sensitivity",
    "findings", "assumptions", "sources",
)  # fmt: skip


def render_page(report: Report, language: Language) -> str:
    """Return the page.

    Raises:
        ConfigError: Matplotlib, which draws the charts, is not installed.
    """
    from templates import render

    w = words(language)
    return render(
        "report.html.j2",
        lang=language.value,
        w=w,
        sections=_SECTIONS,
        phase=report.focus.value,
        headline=_headline(report, w),
        made=_made(report, w),
        cards=_cards(report, w),
        network_notes=report.inputs.network_notes,
        network=_network(report, w),
        as_guide=report.inputs.rounding is Rounding.GUIDE,
        chain=_chain(report, w),
        node=w["node_rate"].format(report.model.node.queries_per_hour),
        phases=_phases(report, w),
        fleet=fleet_part(report.focused.config, w, language),
        verdicts=[verdict(each, w, language) for each in report.phases],
        curves=curves(report, w),
        cost=cost_part(report.focused.cost, w, language),
        purchase=purchase_part(report, w, language),
        roi=roi_grid(report.returns, w),
        sensitivity=[sensitivity_part(study, w, language) for study in report.studies],
        findings=[
            {
                "code": each.code,
                "section": each.section,
                **{
                    name: getattr(each, name).in_(language)
                    for name in ("title", "guide", "computed", "action")
                },
            }
            for each in report.findings
        ],
        assumptions=_assumptions(report, w, language),
        sources=sources(report),
    )


@dataclass(frozen=True, slots=True)
class _Card:
    label: str
    value: str
    tone: str = ""


def _headline(report: Report, w: Mapping[str, str]) -> str:
    cost = report.focused.cost
    return f"{w['phase']}: {report.focus.value} · {', '.join(cost.regions)} · {cost.purchase.value}"


def _made(report: Report, w: Mapping[str, str]) -> str:
    return f"{w['made']} {report.made_at:%Y-%m-%d %H:%M} UTC · {w['by']} {report.version}"


def _cards(report: Report, w: Mapping[str, str]) -> list[_Card]:
    phase, cost = report.focused, report.focused.cost
    target = phase.config.target
    unpriced = f", {cost.unpriced} {w['lines_unpriced']}" if cost.unpriced else ""
    cards = [
        _Card(w["nodes"], f"{cost.nodes:,}"),
        _Card(w["peak_hour"], f"{target.peak_queries_per_hour:,.0f}"),
        _Card(
            f"{w['promise']}: {promise(phase)}",
            w["holds"] if phase.forecast.holds else w["fails"],
            "good" if phase.forecast.holds else "bad",
        ),
        _Card(f"USD, {w['monthly']}{unpriced}", f"{cost.monthly_usd:,.2f}"),
    ]
    if cost.upfront_usd:
        cards.append(_Card(f"USD, {w['cash_now']}", f"{cost.upfront_usd:,.0f}"))
    return cards


def _network(report: Report, w: Mapping[str, str]) -> Grid:
    metrics, activity = report.inputs.metrics, report.model.activity
    rows = (
        (w["epoch"], f"{metrics.epoch:,}"),
        (w["tick"], f"{metrics.tick:,}"),
        (w["ticks"], f"{metrics.ticks_in_epoch:,}"),
        (w["empty"], f"{metrics.empty_ticks_in_epoch:,}"),
        (w["quality"], f"{metrics.tick_efficiency:.2%}"),
        (w["addresses"], f"{metrics.active_addresses:,}"),
        (w["supply"], f"{metrics.circulating_supply_qu:,}"),
        (w["burned"], f"{metrics.burned_qu:,}"),
        (w["price"], f"{metrics.price_usd:f}"),
        (w["market_cap"], f"{metrics.market_cap_usd:,.0f}"),
        (w["utilisation"], f"{activity.utilisation:.4f}"),
    )
    return grid((w["figure"], w["value"]), rows, numeric=(1,))


@dataclass(frozen=True, slots=True)
class _Step:
    step: str
    value: str
    label: str


def _chain(report: Report, w: Mapping[str, str]) -> list[_Step]:
    assumed, wanted = report.inputs.assumptions, report.model.demand
    return [
        _Step("", f"{report.inputs.metrics.active_addresses:,}", w["addresses"]),
        _Step(w["times"].format(assumed.adoption), f"{wanted.users:,.0f}", w["users"]),
        _Step(
            w["times_queries"].format(assumed.queries_per_user_per_day),
            f"{wanted.queries_per_day:,.0f}",
            w["queries_day"],
        ),
        _Step(
            w["times_peak"].format(assumed.peak_multiplier),
            f"{wanted.peak_queries_per_hour:,.0f}",
            w["peak_hour"],
        ),
    ]


def _phases(report: Report, w: Mapping[str, str]) -> Grid:
    head = (
        w["phase"], w["nodes"], w["queries_hour"], w["capacity"], w["busy"], "p50", "p95", "p99",
        w["promise"], "", w["usd_month"],
    )  # fmt: skip
    return grid(
        head,
        [_phase_row(each, w) for each in report.phases],
        numeric=(1, 2, 3, 4, 5, 6, 7, 10),
        marked=[each.config.phase is report.focus for each in report.phases].index(True),
        bad=w["fails"],
    )


def _phase_row(each: PhaseReport, w: Mapping[str, str]) -> tuple[str, ...]:
    config, forecast = each.config, each.forecast
    percentiles = (forecast.p50_seconds, forecast.p95_seconds, forecast.p99_seconds)
    return (
        config.phase.value,
        f"{config.counts.total:,}",
        f"{config.target.peak_queries_per_hour:,.0f}",
        f"{config.capacity_queries_per_hour:,.0f}",
        f"{forecast.utilisation:.0%}",
        *(seconds(value, w) for value in percentiles),
        promise(each),
        w["holds"] if forecast.holds else w["fails"],
        f"{each.cost.monthly_usd:,.0f}",
    )


def _assumptions(report: Report, w: Mapping[str, str], language: Language) -> Grid:
    assumed = report.inputs.assumptions
    rows = []
    for item in fields(Assumptions):
        value: Any = getattr(assumed, item.name)
        changed = "" if value == item.default else f"{w['instead_of']} {item.default:g}"
        rows.append((input_name(item.name, language), item.name, f"{value:g}", changed))
    return grid((w["input"], "qinfra.toml", w["value"], ""), rows, numeric=(2,))
