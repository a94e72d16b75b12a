"""What crosses which border in a month, from the promise's peak."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions
    from infra.declaration import PhaseConfig

_KIB_PER_GIB = Decimal(2**20)
# A load balancer's capacity unit: 25 new connections a second, 3,000 open ones or 1 GB an hour.
_NEW_CONNECTIONS = Decimal(25)
_OPEN_CONNECTIONS = Decimal(3_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A month of all regions together; clouds count a GB as 2^30 bytes.

    Attributes:
        queries: Asked in the month.
        out_gb: Answers to the internet.
        cross_zone_gb: Activations that cross zones, one way.
        cross_region_gb: Activations that cross regions.
        log_gb: Written by all nodes.
        capacity_units: Of one load balancer that served all regions, on average.
        regions: Over which all of it is spread evenly.
    """

    queries: Decimal
    out_gb: Decimal
    cross_zone_gb: Decimal
    cross_region_gb: Decimal
    log_gb: Decimal
    capacity_units: Decimal
    regions: int


def traffic(config: PhaseConfig, assumptions: Assumptions) -> Traffic:
    """Return a month's traffic: the average hour is the peak over the peak's multiplier."""
    hourly = _exact(config.target.peak_queries_per_hour) / _exact(assumptions.peak_multiplier)
    queries = hourly * HOURS_PER_MONTH
    activations = queries * _exact(assumptions.activation_kib_per_query) / _KIB_PER_GIB
    bytes_a_query = _exact(assumptions.request_kib) + _exact(assumptions.response_kib)
    zones = _exact(assumptions.cross_zone_share) if config.zones_per_region > 1 else Decimal(0)
    regions = _exact(assumptions.cross_region_share) if len(config.regions) > 1 else Decimal(0)
    return Traffic(
        queries=queries,
        out_gb=queries * _exact(assumptions.response_kib) / _KIB_PER_GIB,
        cross_zone_gb=activations * zones,
        cross_region_gb=activations * regions,
        log_gb=queries * _exact(assumptions.log_kib_per_query) / _KIB_PER_GIB,
        capacity_units=max(
            hourly / SECONDS_PER_HOUR / _NEW_CONNECTIONS,
            hourly * _exact(assumptions.inference_seconds) / SECONDS_PER_HOUR / _OPEN_CONNECTIONS,
            hourly * bytes_a_query / _KIB_PER_GIB,
        ),
        regions=len(config.regions),
    )


def _exact(value: float) -> Decimal:
    """As it is written, not as binary holds it."""
    return Decimal(str(value))
