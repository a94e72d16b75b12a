"""The simulation's pace by fleet size and load, and how far the closed forms are from it.

`python -m bench.simulation` prints the figures as tables; the simulation uses one core.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time

from infra.capacity.queueing import Sojourn, Station, tandem, waiting
from infra.capacity.simulation import simulate_stations

SERVERS = (1, 4, 8, 24, 100, 1_000, 10_000)
LOADS = (0.5, 0.8, 0.95)
PACE_REQUESTS = 300_000
ROUNDS = 3
# Theory is exact for these; beyond, waits at low load are too rare to measure within percents.
EXACT = ((1, 0.3), (1, 0.6), (1, 0.8), (2, 0.5), (2, 0.8), (4, 0.7), (8, 0.8), (24, 0.85))
# One run of a million is good to 3 % at the heaviest of them; sixteen are to about 1 %.
EXACT_REQUESTS = 1_000_000
EXACT_RUNS = 16
T_15 = 2.131  # Student's t for sixteen runs, two-sided 95 %
# Squared coefficients of variation for which theory is an approximation.
APPROXIMATE = (0.0, 0.25, 2.0, 4.0)
APPROXIMATE_LOADS = (0.5, 0.9)
APPROXIMATE_SERVERS = 8
APPROXIMATE_REQUESTS = 2_000_000
# What the first stage takes of the work: the guide's split, and the balanced one.
SPLITS = (0.3, 0.5)


def measure() -> dict[str, float]:
    """Return requests a second, and errors of the closed forms in percent of the simulation."""
    pace = _pace()
    exact = _exact()
    errors = [abs(value) for name, value in exact.items() if "plus_minus" not in name]
    return {
        **pace,
        "slowest_requests_per_second": min(pace.values()),
        **exact,
        "worst_mmc_wait_error_percent": max(errors),
        **_approximate(),
    }


def _pace() -> dict[str, float]:
    """Time the tandem: the medians of three runs each."""
    figures = {}
    for servers in SERVERS:
        for load in LOADS:
            stations = _tandem(servers, load)
            seconds = statistics.median(_seconds(stations) for _ in range(ROUNDS))
            figures[f"requests_per_second, {servers} servers, load {load:g}"] = (
                PACE_REQUESTS / seconds
            )
    return figures


def _exact() -> dict[str, float]:
    """Compare waits with Erlang C, and say how sure the comparison is (95 %)."""
    figures: dict[str, float] = {}
    for row, (servers, load) in enumerate(EXACT):
        stations = _tandem(servers, load)
        seeds = range(row * EXACT_RUNS, (row + 1) * EXACT_RUNS)
        runs = [simulate_stations(stations, requests=EXACT_REQUESTS, seed=seed) for seed in seeds]
        for stage, station in enumerate(stations):
            waits = [run.wait_seconds[stage] for run in runs]
            mean, where = statistics.mean(waits), f"{servers} servers, load {load:g}, {stage + 1}."
            spread = T_15 * statistics.stdev(waits) / math.sqrt(EXACT_RUNS)
            figures[f"mmc_wait_error_percent, {where}"] = _error(
                waiting(station).mean_seconds, mean
            )
            figures[f"mmc_wait_error_plus_minus, {where}"] = 100 * spread / mean
    return figures


def _approximate() -> dict[str, float]:
    """Report, not promise: where service is not exponential, theory only comes close."""
    figures: dict[str, float] = {}
    cases = itertools.product(SPLITS, APPROXIMATE, APPROXIMATE_LOADS)
    for seed, (split, variability, load) in enumerate(cases):
        stations = _tandem(APPROXIMATE_SERVERS, load, variability, split)
        run = simulate_stations(stations, requests=APPROXIMATE_REQUESTS, seed=seed)
        theory = Sojourn(stations=stations)
        where = f"split {split:g}, scv {variability:g}, load {load:g}"
        waits = sum(waiting(station).mean_seconds for station in stations)
        p95, p99 = (theory.quantile_seconds(share) for share in (0.95, 0.99))
        figures |= {
            f"wait_error_percent, {where}": _error(waits, sum(run.wait_seconds)),
            f"mean_error_percent, {where}": _error(theory.mean_seconds, run.mean_seconds),
            f"p95_error_percent, {where}": _error(p95, run.p95_seconds),
            f"p99_error_percent, {where}": _error(p99, run.p99_seconds),
        }
    return figures


def _tandem(
    servers: int, load: float, variability: float = 1.0, split: float = 0.5
) -> tuple[Station, ...]:
    """Return two stations, the busier of them at this load."""
    return tandem(
        [
            Station(
                name=name,
                arrivals_per_second=load * servers / max(split, 1 - split),
                servers=servers,
                service_seconds=share,
                variability=variability,
            )
            for name, share in (("embedding", split), ("transformer", 1 - split))
        ]
    )


def _seconds(stations: tuple[Station, ...]) -> float:
    started = time.perf_counter()
    simulate_stations(stations, requests=PACE_REQUESTS, seed=0)
    return time.perf_counter() - started


def _error(theory: float, simulated: float) -> float:
    return 100 * (theory / simulated - 1)


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:<64} {value:>14,.2f}")
