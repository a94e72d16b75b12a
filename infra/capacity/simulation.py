"""The same tandem of stations, simulated event by event, to check the closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heapreplace
from typing import TYPE_CHECKING

from infra.arrays import numpy_module
from infra.capacity.response import fleet_stations
from infra.domain import Interval
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from infra.capacity.assumptions import Assumptions
    from infra.capacity.queueing import Station
    from infra.declaration import PhaseConfig

    Seconds = NDArray[np.float64]

_REQUESTS = Interval(1_000, 20_000_000)  # each takes about 130 bytes: 2.5 GiB at most
_WARM_UP = 0.1  # share of the requests that find the fleet emptier than it is in the long run
_BATCHES = 20
_T_19 = 2.093  # Student's t for 20 batches, two-sided 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedResponse:
    """What a run measured after its warm-up.

    Attributes:
        half_width_seconds: Of the mean's 95 % confidence interval, from twenty batch means.
        wait_seconds: Mean wait at each station, in the order an answer passes them.
        utilisation: Busy share of each station's servers over the whole run.
    """

    requests: int
    seed: int
    mean_seconds: float
    half_width_seconds: float
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    wait_seconds: tuple[float, ...]
    utilisation: tuple[float, ...]


def simulate(
    config: PhaseConfig,
    assumptions: Assumptions,
    *,
    requests: int = 1_000_000,
    seed: int = 0,
    peak_queries_per_hour: float | None = None,
) -> SimulatedResponse:
    """Simulate the busiest region of a phase at its peak.

    Args:
        config: The fleet.
        assumptions: What its times are computed from.
        requests: Questions that arrive; 1,000 to 20 million.
        seed: The same seed gives the same figures.
        peak_queries_per_hour: Of all regions together; the promise's own when None.

    Raises:
        ConfigError: The load is 0, more than the fleet can do, or the requests are out of range.
    """
    load = config.target.peak_queries_per_hour
    load = load if peak_queries_per_hour is None else peak_queries_per_hour
    _, stations = fleet_stations(config, assumptions, load)
    return simulate_stations(stations, requests=requests, seed=seed)


def simulate_stations(
    stations: Sequence[Station], *, requests: int, seed: int
) -> SimulatedResponse:
    """Simulate stations in a row that are fed by one Poisson stream.

    A station hands each arrival, first come first served, to the server that is free first. That
    recursion (Kiefer and Wolfowitz 1955) is the event-driven run itself, without an event list:
    only the order of departures has to be sorted between stations.

    Raises:
        ConfigError: A station cannot keep up, nothing arrives, or the requests are out of range.
    """
    _REQUESTS.check("requests", requests)
    Interval(0, 2**63 - 1).check("seed", seed)
    _check(stations)
    numpy = numpy_module()
    random = numpy.random.default_rng(seed)
    rate = stations[0].arrivals_per_second
    arrived = numpy.cumsum(random.exponential(1 / rate, requests))
    through = arrived
    origin = numpy.arange(requests)
    skipped = int(requests * _WARM_UP)
    waits, busy = [], []
    for station in stations:
        order = numpy.argsort(through, kind="stable")
        through, origin = through[order], origin[order]
        service = _services(station, requests, random)
        started = _started(station.servers, through, service)
        waits.append(float((started - through)[skipped:].mean()))
        through = started + service
        busy.append(float(service.sum() / station.servers / through.max()))
    total = numpy.empty(requests)
    total[origin] = through
    measured = (total - arrived)[skipped:]
    p50, p95, p99 = (float(value) for value in numpy.quantile(measured, (0.5, 0.95, 0.99)))
    return SimulatedResponse(
        requests=requests,
        seed=seed,
        mean_seconds=float(measured.mean()),
        half_width_seconds=_half_width(measured),
        p50_seconds=p50,
        p95_seconds=p95,
        p99_seconds=p99,
        wait_seconds=tuple(waits),
        utilisation=tuple(busy),
    )


def _check(stations: Sequence[Station]) -> None:
    for station in stations:
        if not station.arrivals_per_second:
            raise ConfigError("nothing arrives: a simulation needs a load above 0")
        if not station.stable:
            raise ConfigError(
                f"the {station.name} station is asked for {station.utilisation:.0%} of its time: "
                "its queue would grow for ever",
                hint="Simulate a lower load or more nodes.",
            )


def _services(station: Station, requests: int, random: np.random.Generator) -> Seconds:
    numpy = numpy_module()
    mean, spread = station.service_seconds, station.variability
    drawn: Seconds
    if spread == 0:
        drawn = numpy.full(requests, mean)
    elif spread == 1:
        drawn = random.exponential(mean, requests)
    else:
        drawn = random.gamma(1 / spread, mean * spread, requests)
    return drawn


def _started(servers: int, arrivals: Seconds, services: Seconds) -> Seconds:
    """Return when each arrival's service begins; arrivals ascend."""
    numpy = numpy_module()
    free_at = [0.0] * servers  # a heap: the server that is free first is at its top
    started = [0.0] * len(arrivals)
    for index, (arrival, service) in enumerate(
        zip(arrivals.tolist(), services.tolist(), strict=True)
    ):
        free = free_at[0]
        start = free if free > arrival else arrival
        started[index] = start
        heapreplace(free_at, start + service)
    result: Seconds = numpy.array(started)
    return result


def _half_width(measured: Seconds) -> float:
    size = len(measured) // _BATCHES
    means = measured[: size * _BATCHES].reshape(_BATCHES, size).mean(axis=1)
    return _T_19 * float(means.std(ddof=1)) / math.sqrt(_BATCHES)
