"""How long answers take in a phase's fleet, and whether that keeps its promise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.capacity.hardware import demo_capacity, gpu_node
from infra.capacity.queueing import Sojourn, Station, tandem, waiting
from infra.declaration import Phase
from infra.domain import AMOUNT
from infra.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.capacity.assumptions import Assumptions
    from infra.declaration import PhaseConfig, ServiceTarget

_PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationForecast:
    """One station of the busiest region.

    Attributes:
        servers: Answers it works on at once: nodes times their slots.
        service_seconds: Mean work on one answer, overheads included.
        wait_seconds: Mean; infinite when it is asked for more than it can do.
    """

    name: str
    servers: int
    service_seconds: float
    utilisation: float
    wait_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseForecast:
    """What the queueing model says about a fleet at its peak; seconds are infinite without end.

    Attributes:
        region: The one with the most load for its servers; the others are at most as busy.
        bottleneck: The station that is busiest.
        utilisation: Of the bottleneck.
        target_seconds: What the phase promises.
        promised_seconds: What it keeps, at the promised percentile.
        floor_seconds: The same without any queue: no number of nodes does better.
        sustains_queries_per_hour: The most that all regions together can be asked for while the
            promise holds; 0 when it never does.
    """

    region: str
    queries_per_hour: float
    stations: tuple[StationForecast, ...]
    bottleneck: str
    utilisation: float
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    target_seconds: float
    promised_seconds: float
    floor_seconds: float
    sustains_queries_per_hour: float

    @property
    def holds(self) -> bool:
        """Whether the promise is kept at this load."""
        return self.promised_seconds <= self.target_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Percentiles of the response time at one load; infinite where the queue grows for ever."""

    queries_per_hour: float
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float


def fleet_stations(
    config: PhaseConfig, assumptions: Assumptions, queries_per_hour: float
) -> tuple[str, tuple[Station, ...]]:
    """Return the busiest region and its stations in the order an answer passes them.

    Questions are routed by the pipelines each region has; within a region any embedding node works
    with any transformer node. A worker does both stages' work at one station.

    The stages' times add up to the guide's inference time over its efficiency, shared as the
    assumptions share the work: a pair of GPU nodes then answers what `pipeline_queries_per_hour`
    says. The demo's two machines work on one answer each. As the pipeline they are, they answer
    389 an hour with the guide's figures; its 544 counts each as answering alone.

    Args:
        config: Its nodes.
        assumptions: Times, slots, shares and variability.
        queries_per_hour: Of all regions together.
    """
    loads = {
        region: (_nodes(config, region), queries_per_hour * share)
        for region, share in _shares(config).items()
    }
    region, (nodes, load) = max(
        loads.items(), key=lambda item: item[1][1] / max(1, min(item[1][0].values()))
    )
    seconds, slots = _work(config.phase, assumptions)
    shares = (
        {"worker": 1.0}
        if "worker" in nodes
        else {
            "embedding": assumptions.embedding_share,
            "transformer": assumptions.transformer_share,
        }
    )
    return region, tandem(
        [
            Station(
                name=name,
                arrivals_per_second=load / SECONDS_PER_HOUR,
                servers=nodes[name] * slots,
                service_seconds=seconds * share,
                variability=assumptions.service_variability,
            )
            for name, share in shares.items()
        ]
    )


def response_forecast(
    config: PhaseConfig, assumptions: Assumptions, *, peak_queries_per_hour: float | None = None
) -> ResponseForecast:
    """Return waits, percentiles and whether the phase's promise holds.

    Args:
        config: The fleet and its promise.
        assumptions: What the fleet is computed from.
        peak_queries_per_hour: The load; the promise's own when None.

    Raises:
        ConfigError: The load is NaN or negative.
    """
    target = config.target
    load = target.peak_queries_per_hour if peak_queries_per_hour is None else peak_queries_per_hour
    AMOUNT.check("peak_queries_per_hour", load)
    region, stations = fleet_stations(config, assumptions, load)
    busiest = max(stations, key=lambda station: station.utilisation)
    p50, p95, p99, promised = _quantiles(stations, (*_PERCENTILES, target.response_percentile))
    floor = Sojourn(stations=stations, queues=False)
    return ResponseForecast(
        region=region,
        queries_per_hour=load,
        stations=tuple(_station(station) for station in stations),
        bottleneck=busiest.name,
        utilisation=busiest.utilisation,
        mean_seconds=Sojourn(stations=stations).mean_seconds if busiest.stable else math.inf,
        p50_seconds=p50,
        p95_seconds=p95,
        p99_seconds=p99,
        target_seconds=target.response_seconds,
        promised_seconds=promised,
        floor_seconds=floor.quantile_seconds(target.response_percentile),
        sustains_queries_per_hour=_sustained(config, assumptions, target),
    )


def response_curve(
    config: PhaseConfig, assumptions: Assumptions, loads: Sequence[float]
) -> tuple[CurvePoint, ...]:
    """Return the percentiles at each load, in queries an hour of all regions together."""
    points = []
    for load in loads:
        _, stations = fleet_stations(config, assumptions, load)
        p50, p95, p99 = _quantiles(stations, _PERCENTILES)
        points.append(
            CurvePoint(queries_per_hour=load, p50_seconds=p50, p95_seconds=p95, p99_seconds=p99)
        )
    return tuple(points)


def saturation_queries_per_hour(config: PhaseConfig, assumptions: Assumptions) -> float:
    """Return the load at which the busiest station of the busiest region has no time left."""
    _, stations = fleet_stations(config, assumptions, 1.0)
    return 1.0 / max(station.utilisation for station in stations)


def _nodes(config: PhaseConfig, region: str) -> dict[str, int]:
    return {
        group.role: group.count
        for group in config.groups
        if group.region == region and group.role in ("embedding", "transformer", "worker")
    }


def _shares(config: PhaseConfig) -> dict[str, float]:
    pipelines = {
        region: min(nodes.values())
        for region in config.regions
        if (nodes := _nodes(config, region))
    }
    total = sum(pipelines.values())
    return {region: count / total for region, count in pipelines.items()}


def _work(phase: Phase, assumptions: Assumptions) -> tuple[float, int]:
    """Return the seconds of work in an answer, and the answers a node works on at once."""
    if phase is Phase.DEMO:
        return demo_capacity(assumptions).distributed_seconds / assumptions.efficiency, 1
    seconds = gpu_node(assumptions).inference_seconds / assumptions.efficiency
    return seconds, assumptions.parallel_queries


def _quantiles(stations: tuple[Station, ...], shares: Sequence[float]) -> tuple[float, ...]:
    if not all(station.stable for station in stations):
        return (math.inf,) * len(shares)
    sojourn = Sojourn(stations=stations)
    return tuple(sojourn.quantile_seconds(share) for share in shares)


def _station(station: Station) -> StationForecast:
    return StationForecast(
        name=station.name,
        servers=station.servers,
        service_seconds=station.service_seconds,
        utilisation=station.utilisation,
        wait_seconds=waiting(station).mean_seconds if station.stable else math.inf,
    )


def _sustained(config: PhaseConfig, assumptions: Assumptions, target: ServiceTarget) -> float:
    _, stations = fleet_stations(config, assumptions, 1.0)
    saturation = saturation_queries_per_hour(config, assumptions)

    def seconds_at(load: float) -> float:
        loaded = tandem([_loaded(station, load) for station in stations])
        return _quantiles(loaded, (target.response_percentile,))[0]

    low, high = 0.0, saturation
    if seconds_at(low) > target.response_seconds:
        return 0.0
    while high - low > 1e-3 * saturation:
        middle = (low + high) / 2
        if seconds_at(middle) <= target.response_seconds:
            low = middle
        else:
            high = middle
    return low


def _loaded(station: Station, times: float) -> Station:
    return replace(
        station,
        arrivals_per_second=station.arrivals_per_second * times,
        arrival_variability=1.0,
    )
