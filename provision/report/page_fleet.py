"""The page's fleet, its response times, and whether they keep the promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision.report.charts import Axis, Line, Mark, line_chart
from provision.report.words import role_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import NodeGroup, PhaseConfig
    from infra.language import Language
    from provision.reporting import PhaseReport, Report

_MOST_BOXES = 60  # drawn of one role in a region; the number stands beside them
_ABOVE_PROMISE = 2.5  # how far a curve is drawn above what is promised


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    key: str
    name: str
    count: int
    boxes: int
    detail: str
    flow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    name: str
    zones: str
    roles: tuple[_Role, ...]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPart:
    """The fleet as boxes.

    Attributes:
        front: What stands before all regions.
    """

    text: str
    front: str
    regions: tuple[_Region, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a promise holds, in a sentence."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with what is written above it."""

    caption: str
    svg: str


def fleet_part(config: PhaseConfig, w: Mapping[str, str], language: Language) -> FleetPart:
    """Return the nodes of every region, in the order an answer passes them."""
    return FleetPart(
        text=w["fleet_text"].format(config.counts.total, config.phase.value),
        front=w["cdn"] if config.services.cdn else "",
        regions=tuple(
            _Region(
                name=region,
                zones=w["zones"].format(config.zones_per_region),
                roles=tuple(
                    _role(group, w, language) for group in config.groups if group.region == region
                ),
                services=_services(config, w),
            )
            for region in config.regions
        ),
    )


def _role(group: NodeGroup, w: Mapping[str, str], language: Language) -> _Role:
    scales = f" · {w['scales'].format(group.minimum, group.maximum)}" if group.scales else ""
    of_tenant = f" · {group.tenant}" if group.tenant else ""
    return _Role(
        key=group.role,
        name=role_name(group.role, language),
        count=group.count,
        boxes=min(group.count, _MOST_BOXES),
        detail=f"{group.machine}{scales}{of_tenant}",
        flow=group.role in ("orchestrator", "embedding"),
    )


def _services(config: PhaseConfig, w: Mapping[str, str]) -> tuple[str, ...]:
    services = config.services
    found = (
        (services.load_balancer, w["balancer"]),
        (services.waf_rules, w["waf"]),
        (services.database, w["database"]),
        (services.cache_nodes, f"{w['cache']} × {services.cache_nodes}"),
        (services.nat_gateways, f"{w['nat']} × {services.nat_gateways}"),
    )
    return tuple(name for there, name in found if there)


def promise(each: PhaseReport) -> str:
    """Return what a phase promises, in symbols."""
    target = each.config.target
    return f"p{target.response_percentile * 100:g} < {target.response_seconds:g} s"


def verdict(each: PhaseReport, w: Mapping[str, str], language: Language) -> Verdict:
    """Return whether a phase keeps its promise, and why not."""
    forecast, phase = each.forecast, each.config.phase.value
    most = forecast.sustains_queries_per_hour
    if forecast.holds:
        return Verdict(w["verdict_holds"].format(phase, promise(each), most), "good")
    if forecast.floor_seconds > forecast.target_seconds:
        text = w["verdict_floor"].format(phase, promise(each), forecast.floor_seconds)
        return Verdict(text, "bad")
    role = role_name(forecast.bottleneck, language)
    return Verdict(w["verdict_queue"].format(phase, promise(each), most, role), "bad")


def curves(report: Report, w: Mapping[str, str]) -> list[Drawn]:
    """Return a chart of response time over load for every phase."""
    return [_curve(each, w) for each in report.phases]


def _curve(each: PhaseReport, w: Mapping[str, str]) -> Drawn:
    target = each.config.target
    loads = tuple(point.queries_per_hour for point in each.curve)
    highest = max(target.response_seconds, each.curve[0].p99_seconds) * _ABOVE_PROMISE
    name = f"{each.config.phase.value}: {w['response']}"
    svg = line_chart(
        name,
        [
            Line(label=label, x=loads, y=tuple(getattr(point, field) for point in each.curve))
            for label, field in (
                ("p50", "p50_seconds"),
                ("p95", "p95_seconds"),
                ("p99", "p99_seconds"),
            )
        ],
        (
            Axis(label=w["queries_hour"], high=max(loads[-1], target.peak_queries_per_hour * 1.05)),
            Axis(label=w["seconds"], high=highest),
        ),
        (
            target.response_seconds,
            Mark(label=w["peak"], at=target.peak_queries_per_hour),
        ),
    )
    return Drawn(f"{each.config.phase.value} · {w['promise']} {promise(each)}", svg)
