"""A phase with everything the model can say about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from infra.capacity.response import ResponseForecast, response_forecast
from infra.capacity.slo import SloAnswer, smallest_fleet
from infra.declaration import Phase, PhaseConfig
from infra.phases import HIGH_AVAILABILITY, SPARE_PIPELINES, PhaseWishes, phase_config

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions
    from infra.capacity.network import NetworkMetrics
    from infra.capacity.simulation import SimulatedResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to find out about a phase.

    Attributes:
        peak_queries_per_hour: Load to judge it by; the promise's own when None.
        smallest: Whether to look for the smallest fleet that keeps the promise.
        simulated_requests: Of a simulation; none when None.
    """

    wishes: PhaseWishes = field(default_factory=PhaseWishes)
    peak_queries_per_hour: float | None = None
    smallest: bool = False
    simulated_requests: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCapacity:
    """A phase, and how it will answer; what was not asked for is None."""

    config: PhaseConfig
    forecast: ResponseForecast
    smallest: SloAnswer | None = None
    simulated: SimulatedResponse | None = None


def assess(
    phase: Phase,
    metrics: NetworkMetrics,
    assumptions: Assumptions,
    asked: Asked = Asked(),
) -> PhaseCapacity:
    """Return the phase's fleet, its response times, and what else was asked.

    Raises:
        ConfigError: A wish, the load or the simulation's size cannot be.
    """
    config = phase_config(phase, metrics, assumptions, asked.wishes)
    if asked.peak_queries_per_hour is not None:
        target = replace(config.target, peak_queries_per_hour=asked.peak_queries_per_hour)
        config = replace(config, target=target)
    return PhaseCapacity(
        config=config,
        forecast=response_forecast(config, assumptions),
        smallest=_smallest(config, metrics, assumptions, asked) if asked.smallest else None,
        simulated=_simulated(config, assumptions, asked),
    )


def _smallest(
    config: PhaseConfig, metrics: NetworkMetrics, assumptions: Assumptions, asked: Asked
) -> SloAnswer:
    def declare(pipelines: int, inside: Assumptions) -> PhaseConfig:
        if config.phase is Phase.DEMO:  # three machines, whatever is asked
            return config
        wishes = replace(asked.wishes, pipelines=pipelines)
        return replace(phase_config(config.phase, metrics, inside, wishes), target=config.target)

    spare = SPARE_PIPELINES if config.target.availability >= HIGH_AVAILABILITY else 0
    return smallest_fleet(declare, assumptions, spare=spare)


def _simulated(
    config: PhaseConfig, assumptions: Assumptions, asked: Asked
) -> SimulatedResponse | None:
    if asked.simulated_requests is None:
        return None
    from infra.capacity.simulation import simulate

    return simulate(config, assumptions, requests=asked.simulated_requests, seed=asked.seed)
