from __future__ import annotations

from collections import deque
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.queueing import Sojourn, Station, tandem, waiting
from infra.capacity.response import response_forecast
from infra.capacity.simulation import _started, simulate, simulate_stations
from infra.declaration import Phase
from infra.errors import ConfigError
from infra.phases import phase_config

numpy = pytest.importorskip("numpy")


def station(servers: int, utilisation: float, variability: float = 1) -> Station:
    return Station(
        name="s",
        arrivals_per_second=utilisation * servers,
        servers=servers,
        service_seconds=1,
        variability=variability,
    )


# As many runs as bring their mean's standard deviation to about 1 %, so that no seed has to be
# lucky; 8 and 24 servers need more than a test may take, and are in bench/simulation.py.
@pytest.mark.parametrize(
    ("servers", "utilisation", "runs"), [(1, 0.3, 1), (1, 0.6, 1), (2, 0.5, 2), (4, 0.7, 2)]
)
def test_waits_agree_with_theory_within_three_percent(
    servers: int, utilisation: float, runs: int
) -> None:
    one = station(servers, utilisation)
    done = [simulate_stations([one, one], requests=600_000, seed=seed) for seed in range(runs)]
    for stage in (0, 1):
        wait = sum(run.wait_seconds[stage] for run in done) / runs
        assert wait == pytest.approx(waiting(one).mean_seconds, rel=0.03)
        for run in done:
            assert run.utilisation[stage] == pytest.approx(utilisation, rel=0.01)


@given(
    servers=st.integers(1, 30),
    requests=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), min_size=1, max_size=120),
)
def test_servers_are_handed_out_as_an_event_list_does(
    servers: int, requests: list[tuple[int, int]]
) -> None:
    arrivals = list(accumulate(float(gap) for gap, _ in requests))
    services = [float(service) for _, service in requests]
    started = _started(servers, numpy.array(arrivals), numpy.array(services))
    assert started.tolist() == by_event_list(servers, arrivals, services)


def by_event_list(servers: int, arrivals: list[float], services: list[float]) -> list[float]:
    """Simulate the textbook's way: a clock, a line of people, and servers that become idle."""
    events = [(time, 1, index) for index, time in enumerate(arrivals)]  # departures, 0, go first
    heapify(events)
    line: deque[int] = deque()
    idle, started = servers, [-1.0] * len(arrivals)
    while events:
        now, kind, index = heappop(events)
        if kind:
            line.append(index)
        else:
            idle += 1
        while idle and line:
            following = line.popleft()
            idle -= 1
            started[following] = now
            heappush(events, (now + services[following], 0, following))
    return started


def test_percentiles_of_an_exponential_tandem_agree_with_theory() -> None:
    both = tandem([station(4, 0.7), replace(station(6, 0.0), arrivals_per_second=2.8)])
    run = simulate_stations(both, requests=600_000, seed=5)
    theory = Sojourn(stations=both)
    for share, measured in (
        (0.5, run.p50_seconds),
        (0.95, run.p95_seconds),
        (0.99, run.p99_seconds),
    ):
        assert measured == pytest.approx(theory.quantile_seconds(share), rel=0.02)
    assert abs(run.mean_seconds - theory.mean_seconds) < 2 * run.half_width_seconds


@pytest.mark.parametrize("variability", [0.0, 0.25, 4.0])
def test_a_single_server_agrees_with_pollaczek_and_khinchine(variability: float) -> None:
    one = station(1, 0.5, variability)
    run = simulate_stations([one], requests=600_000, seed=3)
    assert run.wait_seconds[0] == pytest.approx(waiting(one).mean_seconds, rel=0.05)


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    config = phase_config(Phase.MVP, GUIDE_NETWORK, Assumptions())
    first, again, other = (
        simulate(config, Assumptions(), requests=20_000, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.mean_seconds != other.mean_seconds


def test_a_phase_is_simulated_as_it_is_forecast() -> None:
    config = phase_config(Phase.MVP, GUIDE_NETWORK, Assumptions())
    forecast = response_forecast(config, Assumptions())
    run = simulate(config, Assumptions(), requests=400_000, seed=1)
    assert run.p95_seconds == pytest.approx(forecast.p95_seconds, rel=0.02)
    assert run.utilisation[1] == pytest.approx(forecast.utilisation, rel=0.02)


@pytest.mark.parametrize(
    ("stations", "requests", "reason"),
    [
        ([station(2, 1.0)], 10_000, "asked for 100% of its time"),
        ([station(2, 0.0)], 10_000, "nothing arrives"),
        ([station(2, 0.5)], 10, "requests is 10"),
    ],
)
def test_a_run_that_cannot_end_is_refused(
    stations: list[Station], requests: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        simulate_stations(stations, requests=requests, seed=0)
