"""Capacity as text for people and as a document for scripts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.capacity.rounding import Rounding
from provision.report.table import table

if TYPE_CHECKING:
    from infra.capacity.model import CapacityModel
    from infra.capacity.response import ResponseForecast
    from infra.capacity.simulation import SimulatedResponse
    from infra.capacity.slo import SloAnswer
    from infra.declaration import PhaseConfig
    from provision.cli.inputs import Inputs

_ROLES = ("orchestrator", "embedding", "transformer", "oracle", "monitoring", "cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCapacity:
    """A phase, and how it will answer; what was not asked for is None."""

    config: PhaseConfig
    forecast: ResponseForecast
    smallest: SloAnswer | None = None
    simulated: SimulatedResponse | None = None


def capacity_document(
    inputs: Inputs, model: CapacityModel, phases: tuple[PhaseCapacity, ...], findings: int
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
                "response": asdict(each.forecast),
                "smallest_fleet": asdict(each.smallest) if each.smallest else None,
                "simulation": asdict(each.simulated) if each.simulated else None,
            }
            for each in phases
        ],
        "findings": findings,
    }


def render_capacity(
    inputs: Inputs, model: CapacityModel, phases: tuple[PhaseCapacity, ...], findings: int
) -> str:
    """Return the chain of figures, the phases, and what to look at next."""
    parts = [_chain(inputs, model), _phases(phases)]
    parts += [_detail(each) for each in phases] if len(phases) == 1 else []
    parts += [_tables(model)] if len(phases) > 1 else []
    parts.append(
        f"{findings} findings where the guide and this model differ: `qinfra capacity findings`"
    )
    return "\n\n".join(part for part in parts if part)


def _chain(inputs: Inputs, model: CapacityModel) -> str:
    exact = inputs.rounding is Rounding.EXACT
    activity, wanted, node = model.activity, model.demand, model.node
    rows = [
        ("network", f"{inputs.metrics.active_addresses:,} active addresses; " + _notes(inputs)),
        (
            "",
            f"tick efficiency {activity.tick_efficiency:.4f}, "
            f"{activity.transactions_per_day:,.0f} transactions a day, "
            f"utilisation {activity.utilisation:.4f}",
        ),
        (
            "demand",
            f"{wanted.users:,.0f} users ask {wanted.queries_per_day:,.0f} queries a day, "
            f"{wanted.peak_queries_per_hour:,.0f} in the busiest hour, "
            f"{wanted.concurrent_users:,.0f} users at once",
        ),
        (
            "a GPU node",
            f"{node.inference_seconds:g} s an answer, {node.queries_per_hour:,.0f} queries an "
            f"hour, {node.queries_per_day:,.0f} a day",
        ),
        (
            "guide's nodes",
            f"{model.need.base} for the peak, {model.need.with_redundancy} with redundancy, "
            f"{model.need.with_growth} with growth: {model.fleet.embedding} embedding + "
            f"{model.fleet.transformer} transformer, {model.fleet.total} with services",
        ),
        (
            "guide's demo",
            f"{model.demo.distributed_seconds:g} s an answer, "
            f"{model.demo.queries_per_hour:,.0f} queries an hour, {model.demo.users:,.0f} users, "
            f"{model.demo_coverage:.0%} of the demand",
        ),
        ("rounding", "exact" if exact else "as the guide, at every step"),
    ]
    return "\n".join(f"{name:<15}{text}" for name, text in rows)


def _notes(inputs: Inputs) -> str:
    return "; ".join(inputs.network_notes)


def _tables(model: CapacityModel) -> str:
    adoption = table(
        ("ADOPTION", "USERS", "NODES"),
        [
            (f"{case.adoption:.1%}", f"{case.users:,.0f}", str(case.nodes))
            for case in model.adoption
        ],
    )
    inference = table(
        ("INFERENCE", "QUERIES/H A NODE"),
        [
            (f"{case.inference_seconds:g} s", f"{case.queries_per_hour:,.0f}")
            for case in model.inference
        ],
    )
    return f"{adoption}\n\n{inference}"


def _phases(phases: tuple[PhaseCapacity, ...]) -> str:
    header = (
        "PHASE", "NODES", "ORCH", "EMB", "TRANS", "ORACLE", "MON", "CACHE",
        "PEAK/H", "CAPACITY/H", "BUSY", "P50", "P95", "P99", "TARGET", "HOLDS",
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
        *(_seconds(value) for value in (forecast.p50_seconds, forecast.p95_seconds)),
        _seconds(forecast.p99_seconds),
        f"p{config.target.response_percentile * 100:g} < {config.target.response_seconds:g} s",
        "yes" if forecast.holds else "NO",
    )


def _seconds(value: float) -> str:
    return "-" if value == float("inf") else f"{value:.1f} s"
