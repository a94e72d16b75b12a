"""How long answers take in a phase's fleet, and whether that keeps its promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.hardware import demo_capacity, gpu_node
from infra.capacity.queueing import Sojourn, Station, tandem, waiting
from infra.declaration import Phase
from infra.domain import AMOUNT
from infra.errors import ConfigError
from infra.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.capacity.assumptions import Assumptions
    from infra.declaration import PhaseConfig, ServiceTarget

_PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationForecast:
    """One station of the slowest region.

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
        region: The one that answers last; the others are at least as fast.
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
    """Return the slowest region and its stations in the order an answer passes them.

    Questions are routed by the pipelines each region has; within a region any embedding node works
    with any transformer node. A worker does both stages' work at one station. Regions so routed are
    equally busy, but the smaller of them waits longer, for it has fewer servers to share a burst.

    The stages' times add up to the guide's inference time over its efficiency, shared as the
    assumptions share the work: a pair of GPU nodes then answers what `pipeline_queries_per_hour`
    says. The demo's two machines work on one answer each. As the pipeline they are, they answer
    389 an hour with the guide's figures; its 544 counts each as answering alone.

    Args:
        config: Its nodes.
        assumptions: Times, slots, shares and variability.
        queries_per_hour: Of all regions together.

    Raises:
        ConfigError: The load is NaN or negative, no region has a pipeline, or one has workers
            beside pairs.
    """
    AMOUNT.check("queries_per_hour", queries_per_hour)
    regions = _stations(config, assumptions, queries_per_hour)
    return max(regions.items(), key=lambda item: _slowness(item[1]))


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
    regions = _stations(config, assumptions, 1.0)
    return 1.0 / max(station.utilisation for row in regions.values() for station in row)


def _stations(
    config: PhaseConfig, assumptions: Assumptions, queries_per_hour: float
) -> dict[str, tuple[Station, ...]]:
    """Return the stations of every region that has a pipeline."""
    nodes = {region: _nodes(config, region) for region in config.regions}
    pipelines = {region: min(here.values()) for region, here in nodes.items() if here}
    total = sum(pipelines.values())
    if not total:
        raise ConfigError(
            f"{config.phase} has 0 pipelines: a forecast needs an embedding and a transformer node "
            "in one region, or a worker"
        )
    seconds, slots = _work(config.phase, assumptions)
    work = {
        "embedding": seconds * assumptions.embedding_share,
        "transformer": seconds * assumptions.transformer_share,
        "worker": seconds,
    }
    return {
        region: tandem(
            [
                Station(
                    name=name,
                    arrivals_per_second=queries_per_hour * count / total / SECONDS_PER_HOUR,
                    servers=servers * slots,
                    service_seconds=work[name],
                    variability=assumptions.service_variability,
                )
                for name, servers in nodes[region].items()
            ]
        )
        for region, count in pipelines.items()
        if count
    }


def _nodes(config: PhaseConfig, region: str) -> dict[str, int]:
    """Return the nodes of each station, in the order an answer passes them; none without any.

    Those of a single tenant answer nobody else's questions.
    """
    counts = dict.fromkeys(("embedding", "transformer", "worker"), 0)
    for group in config.groups:
        if group.region == region and group.role in counts and not group.tenant:
            counts[group.role] += group.count
    workers = counts.pop("worker")
    if workers and any(counts.values()):
        raise ConfigError(
            f"{region} has {workers} workers beside {counts['embedding']} embedding and "
            f"{counts['transformer']} transformer nodes: a forecast knows one kind in a region"
        )
    if workers:
        return {"worker": workers}
    return counts if any(counts.values()) else {}


def _slowness(stations: tuple[Station, ...]) -> tuple[float, float, int]:
    """Order regions by mean response; those that cannot keep up come last, the busiest at the end.

    Where waits are too rare to tell, the one with the fewest servers is the slowest.
    """
    utilisation = max(station.utilisation for station in stations)
    mean = Sojourn(stations=stations).mean_seconds if utilisation < 1 else math.inf
    fewest = min(station.servers for station in stations)
    return mean, round(utilisation, 9), -fewest


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
    saturation = saturation_queries_per_hour(config, assumptions)

    def seconds_at(load: float) -> float:
        _, stations = fleet_stations(config, assumptions, load)
        return _quantiles(stations, (target.response_percentile,))[0]

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
