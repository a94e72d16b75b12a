"""Capacity as text for people and as a document for scripts."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infra.capacity.rounding import Rounding
from provision.report.table import table

if TYPE_CHECKING:
    from infra.capacity.assessment import PhaseCapacity
    from infra.capacity.model import CapacityModel
    from infra.declaration import PhaseConfig
    from provision.inputs import Inputs

_ROLES = ("orchestrator", "embedding", "transformer", "oracle", "monitoring", "cache")


def capacity_document(
    inputs: Inputs, model: CapacityModel, phases: tuple[PhaseCapacity, ...]
) -> dict[str, Any]:
    """Return what `qinfra capacity --json` prints."""
    return {
        "network": {
            **asdict(inputs.metrics),
            "price_usd": str(inputs.metrics.price_usd),
            "market_cap_usd": str(inputs.metrics.market_cap_usd),
            "notes": list(inputs.network_notes),
        },
        "assumptions": asdict(inputs.assumptions),
        "rounding": inputs.rounding.value,
        "model": asdict(model),
        "phases": [
            {
                "config": asdict(each.config),
                "nodes": each.config.counts.total,
                "response": {**finite(asdict(each.forecast)), "holds": each.forecast.holds},
                "smallest_fleet": asdict(each.smallest) if each.smallest else None,
                "simulation": asdict(each.simulated) if each.simulated else None,
            }
            for each in phases
        ],
    }


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return a document without infinities, which JSON does not know: null is without end."""
    return {name: _finite(value) for name, value in values.items()}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return finite(value)
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if value == math.inf else value


def render_capacity(inputs: Inputs, model: CapacityModel, phases: tuple[PhaseCapacity, ...]) -> str:
    """Return the chain of figures, the phases, and what to look at next."""
    parts = [_chain(inputs, model), _phases(phases)]
    parts += [_detail(phases[0])] if len(phases) == 1 else [_tables(model)]
    parts += ["\n".join(lines)] if (lines := _answers(phases)) else []
    return "\n\n".join(parts)


def _chain(inputs: Inputs, model: CapacityModel) -> str:
    activity, wanted, node = model.activity, model.demand, model.node
    rows = (
        (
            "network",
            f"{inputs.metrics.active_addresses:,} active addresses, tick efficiency "
            f"{activity.tick_efficiency:.4f}, {activity.transactions_per_day:,.0f} transactions "
            f"a day, utilisation {activity.utilisation:.4f}",
        ),
        *(("", note) for note in inputs.network_notes),
        (
            "demand",
            f"{wanted.users:,.0f} users, {wanted.queries_per_day:,.0f} queries a day, "
            f"{wanted.peak_queries_per_hour:,.0f} in the busiest hour by "
            f"{wanted.concurrent_users:,.0f} users at once",
        ),
        (
            "GPU node",
            f"{node.inference_seconds:g} s an answer, {node.queries_per_hour:,.0f} queries an "
            f"hour, {node.queries_per_day:,.0f} a day",
        ),
        (
            "guide §2.4",
            f"{model.need.base} nodes for the peak, {model.need.with_redundancy} with "
            f"redundancy, {model.need.with_growth} with growth; as {model.fleet.embedding} "
            f"embedding + {model.fleet.transformer} transformer and services, {model.fleet.total}",
        ),
        (
            "guide §4.1",
            f"{model.demo.distributed_seconds:g} s an answer, "
            f"{model.demo.queries_per_hour:,.0f} queries an hour, {model.demo.users:,.0f} users, "
            f"{model.demo_coverage:.0%} of the demand",
        ),
        (
            "rounding",
            "none but whole machines"
            if inputs.rounding is Rounding.EXACT
            else "as the guide, at every step",
        ),
    )
    return "\n".join(f"{name:<12}{text}" for name, text in rows)


def _tables(model: CapacityModel) -> str:
    adoption = table(
        ("ADOPTION (§2.5)", "USERS", "NODES"),
        [
            (f"{case.adoption:.1%}", f"{case.users:,.0f}", str(case.nodes))
            for case in model.adoption
        ],
    )
    inference = table(
        ("INFERENCE (§2.5)", "QUERIES/H A NODE"),
        [
            (f"{case.inference_seconds:g} s", f"{case.queries_per_hour:,.0f}")
            for case in model.inference
        ],
    )
    return f"{adoption}\n\n{inference}"


def _phases(phases: tuple[PhaseCapacity, ...]) -> str:
    header = (
        "PHASE", "NODES", "ORCH", "EMB", "TRANS", "ORACLE", "MON", "CACHE",
        "PEAK/H", "CAPACITY/H", "BUSY", "P50", "P95", "P99", "PROMISE", "HOLDS",
    )  # fmt: skip
    return table(header, [_phase_row(each) for each in phases])


def _phase_row(each: PhaseCapacity) -> tuple[str, ...]:
    config, forecast = each.config, each.forecast
    counts = config.counts.by_role()
    return (
        config.phase.value,
        str(config.counts.total),
        *(str(counts[role] or "-") for role in _ROLES),
        f"{config.target.peak_queries_per_hour:,.0f}",
        f"{config.capacity_queries_per_hour:,.0f}",
        f"{forecast.utilisation:.0%}",
        _seconds(forecast.p50_seconds),
        _seconds(forecast.p95_seconds),
        _seconds(forecast.p99_seconds),
        _promise(config),
        "yes" if forecast.holds else "NO",
    )


def _promise(config: PhaseConfig) -> str:
    target = config.target
    return f"p{target.response_percentile * 100:g} < {target.response_seconds:g} s"


def _seconds(value: float) -> str:
    return "no end" if value == math.inf else f"{value:.2f} s"


def _detail(each: PhaseCapacity) -> str:
    """Return one phase's nodes, stations and simulation."""
    config, forecast = each.config, each.forecast
    groups = table(
        ("ROLE", "REGION", "NODES", "SCALES", "MACHINE", "DISK"),
        [
            (
                group.name,
                group.region,
                str(group.count),
                f"{group.minimum}-{group.maximum}" if group.scales else "-",
                group.machine,
                f"{group.disk_gib} GiB" if group.disk_gib else "-",
            )
            for group in config.groups
        ],
    )
    stations = table(
        (f"STATION ({forecast.region})", "SERVERS", "WORK", "BUSY", "WAIT"),
        [
            (
                station.name,
                str(station.servers),
                _seconds(station.service_seconds),
                f"{station.utilisation:.0%}",
                _seconds(station.wait_seconds),
            )
            for station in forecast.stations
        ],
    )
    purchase = (
        f"{config.cloud}, {config.purchase.value}; zones per region: {config.zones_per_region}"
    )
    return f"{groups}\n{purchase}\n\n{stations}"


def _answers(phases: tuple[PhaseCapacity, ...]) -> list[str]:
    return [line for each in phases for line in _phase_answers(each)]


def _phase_answers(each: PhaseCapacity) -> list[str]:
    name = each.config.phase.value
    lines = [f"{name}: {_verdict(each)}"]
    if each.smallest is not None:
        least = each.smallest.pipelines
        found = "no fleet keeps the promise" if least is None else f"pipelines needed: {least}"
        lines.append(f"{name}: {found}: {each.smallest.reason}")
    if each.simulated is not None:
        run = each.simulated
        lines.append(
            f"{name}: simulated {run.requests:,} queries (seed {run.seed}): mean "
            f"{run.mean_seconds:.2f} ± {run.half_width_seconds:.2f} s, p50 {run.p50_seconds:.2f}, "
            f"p95 {run.p95_seconds:.2f}, p99 {run.p99_seconds:.2f} s"
        )
    return lines


def _verdict(each: PhaseCapacity) -> str:
    forecast = each.forecast
    promise = _promise(each.config)
    if forecast.holds:
        return f"{promise} holds up to {forecast.sustains_queries_per_hour:,.0f} queries an hour"
    if forecast.floor_seconds > forecast.target_seconds:
        return (
            f"{promise} cannot hold: the work alone takes {forecast.floor_seconds:.2f} s there, "
            "whatever the number of nodes"
        )
    return (
        f"{promise} holds only up to {forecast.sustains_queries_per_hour:,.0f} queries an hour; "
        f"the {forecast.bottleneck} nodes of {forecast.region} are the bottleneck"
    )
