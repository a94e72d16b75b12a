"""The four phases of a deployment, each with as many nodes as its load needs (guide §5.1)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, cast

from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import demand
from infra.capacity.hardware import demo_capacity, gpu_node
from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from infra.capacity.nodes import pipeline_queries_per_hour, pipelines_needed
from infra.domain import AMOUNT, Interval, typed, unknown
from infra.errors import ConfigError
from infra.roles import NodeCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
SPARE_PIPELINES = 1

_HIGH_AVAILABILITY = 0.999  # from here on no role may be a single point of failure
_SOURCE = "the phase configuration"


class Phase(StrEnum):
    """How far the deployment has come."""

    DEMO = "demo"
    MVP = "mvp"
    PRODUCTION = "production"
    ENTERPRISE = "enterprise"


Cloud = Literal["gcp", "aws"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTarget:
    """What a phase promises.

    Attributes:
        peak_queries_per_hour: Busiest hour when the phase begins; what the fleet is sized for.
        highest_peak_queries_per_hour: Busiest hour when it ends and the next one begins.
        response_seconds: Within which the share `response_percentile` of answers is complete.
        response_percentile: 0 to 1.
        availability: Share of time, or for the demo of answers, that succeeds; 0 to 1.
    """

    peak_queries_per_hour: float
    highest_peak_queries_per_hour: float
    response_seconds: float
    response_percentile: float
    availability: float

    def __post_init__(self) -> None:
        AMOUNT.check("peak_queries_per_hour", self.peak_queries_per_hour)
        AMOUNT.check("highest_peak_queries_per_hour", self.highest_peak_queries_per_hour)
        Interval(0.001, 86_400).check("response_seconds", self.response_seconds)
        Interval(0, 1).check("response_percentile", self.response_percentile)
        Interval(0, 1).check("availability", self.availability)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConfig:
    """What should exist for a phase; everything that deploys or prices starts here.

    Attributes:
        cloud: Where the guide puts the phase; the local target runs the same nodes as processes.
        regions: The cloud's names of them.
        counts: Nodes by role, all regions together.
        target: What the phase promises.
        capacity_queries_per_hour: What all pipelines answer together at full load, spare included.
    """

    phase: Phase
    cloud: Cloud
    regions: tuple[str, ...]
    counts: NodeCounts
    target: ServiceTarget
    capacity_queries_per_hour: float
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        AMOUNT.check("capacity_queries_per_hour", self.capacity_queries_per_hour)

    def to_json(self) -> str:
        """Return the configuration as one JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> PhaseConfig:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: Not JSON, of another schema version, or a key is missing, unknown or wrong.
        """
        data = _json_object(text)
        version = typed(data, "schema_version", int, source=_SOURCE)
        if version != SCHEMA_VERSION:
            raise ConfigError(
                f"{_SOURCE}: schema version {version} is not {SCHEMA_VERSION}, the one known here",
                hint="Deploy again with this version of qinfra.",
            )
        _only_fields_of(cls, data)
        return cls(
            phase=phase_named(typed(data, "phase", str, source=_SOURCE)),
            cloud=_cloud(typed(data, "cloud", str, source=_SOURCE)),
            regions=_regions(typed(data, "regions", list, source=_SOURCE)),
            counts=_counts(typed(data, "counts", dict, source=_SOURCE)),
            target=_target(typed(data, "target", dict, source=_SOURCE)),
            capacity_queries_per_hour=typed(
                data, "capacity_queries_per_hour", float, source=_SOURCE
            ),
        )


def phase_named(name: str) -> Phase:
    """Return the phase of this name.

    Raises:
        ConfigError: There is none; the nearest and all phases are named.
    """
    try:
        return Phase(name)
    except ValueError:
        raise unknown("phase", name, Phase) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """A column of the guide's table of phases, v3.0 of 2025-08-21, §4.4 and 5.1.

    The demo's availability is its share of answers that succeed; the guide gives its response
    time no percentile, so the same share stands for it.
    """

    cloud: Cloud
    regions: tuple[str, ...]
    target: ServiceTarget


def _promise(
    cloud: Cloud,
    regions: tuple[str, ...],
    peaks: tuple[float, float],
    response: tuple[float, float],
    availability: float,
) -> _Promise:
    target = ServiceTarget(
        peak_queries_per_hour=peaks[0],
        highest_peak_queries_per_hour=peaks[1],
        response_seconds=response[0],
        response_percentile=response[1],
        availability=availability,
    )
    return _Promise(cloud=cloud, regions=regions, target=target)


# The guide names continents and no region for the demo; each is the cloud's usual one there.
_PROMISES: Mapping[Phase, _Promise] = {
    Phase.DEMO: _promise("gcp", ("us-central1",), (544, 544), (15, 0.95), 0.95),
    Phase.MVP: _promise("aws", ("us-east-1",), (1_500, 2_500), (8, 0.95), 0.99),
    Phase.PRODUCTION: _promise("aws", ("us-east-1",), (5_000, 8_000), (5, 0.95), 0.999),
    Phase.ENTERPRISE: _promise(
        "aws", ("us-east-1", "eu-west-1", "ap-northeast-1"), (20_000, 50_000), (3, 0.99), 0.9999
    ),
}


def phase_config(phase: Phase, metrics: NetworkMetrics, assumptions: Assumptions) -> PhaseConfig:
    """Return the nodes a phase needs, and what they promise.

    The unit of capacity is a pipeline, one embedding and one transformer node: every answer
    passes through both, so the guide pairs them in every phase. A phase gets

        ceil(peak x redundancy x growth / pipeline's queries an hour) + 1 spare

    pipelines, where the peak is the one the phase begins with (the low end of the guide's range):
    redundancy and growth are there to reach the high end, and the spare lets one pipeline fail or
    be replaced. No region goes without a pipeline. With the guide's figures that is 2, 4 and 12
    pipelines; twelve answer 49,959 queries an hour, which is below the 50,000 the guide promises
    at the end of its last phase.

    The guide's ranges belong to its own network and assumptions. With others they are scaled by
    the peak of the demand over the guide's, so more users or more questions mean more nodes.

    The demo is given, not computed: three machines, without spare, whose load is what they carry
    (§4.1). Of the other roles there are as many as regions and availability ask for.

    Departs from guide §2.4: it divides whole nodes 30/70 by work (3 + 6 for 8), which leaves
    transformer nodes without a partner, and rounds up after every factor.
    """
    promise = _PROMISES[phase]
    if phase is Phase.DEMO:
        pipelines, capacity = 1, demo_capacity(assumptions).queries_per_hour
        target = _with_peaks(promise.target, capacity, capacity)
    else:
        target = _scaled(promise.target, _relative_demand(metrics, assumptions))
        rate = pipeline_queries_per_hour(gpu_node(assumptions).queries_per_hour, assumptions)
        needed = pipelines_needed(target.peak_queries_per_hour, rate, assumptions)
        pipelines = max(needed, len(promise.regions)) + SPARE_PIPELINES
        capacity = pipelines * rate
    return PhaseConfig(
        phase=phase,
        cloud=promise.cloud,
        regions=promise.regions,
        counts=_with_services(phase, pipelines),
        target=target,
        capacity_queries_per_hour=capacity,
    )


def _relative_demand(metrics: NetworkMetrics, assumptions: Assumptions) -> float:
    of_the_guide = demand(GUIDE_NETWORK, Assumptions()).peak_queries_per_hour
    return demand(metrics, assumptions).peak_queries_per_hour / of_the_guide


def _scaled(target: ServiceTarget, factor: float) -> ServiceTarget:
    return _with_peaks(
        target,
        target.peak_queries_per_hour * factor,
        target.highest_peak_queries_per_hour * factor,
    )


def _with_peaks(target: ServiceTarget, first: float, highest: float) -> ServiceTarget:
    return replace(target, peak_queries_per_hour=first, highest_peak_queries_per_hour=highest)


def _with_services(phase: Phase, pipelines: int) -> NodeCounts:
    """Add the roles whose number follows from regions and availability, not from load."""
    promise = _PROMISES[phase]
    regions = len(promise.regions)
    available = promise.target.availability >= _HIGH_AVAILABILITY
    spare = 1 if available else 0
    return NodeCounts(
        orchestrator=max(regions, 1 + spare),  # regions stand in for each other
        embedding=pipelines,
        transformer=pipelines,
        oracle=0 if phase is Phase.DEMO else regions + spare,  # demo answers are preloaded, §4.3
        monitoring=spare * min(regions, 2),  # across regions, each watches the other
        cache=2 if regions > 1 else 0,  # a primary and its replica
    )


def _json_object(text: str) -> dict[str, object]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{_SOURCE}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{_SOURCE}: not a JSON object")
    return data


def _only_fields_of(
    kind: type[PhaseConfig | NodeCounts | ServiceTarget], data: Mapping[str, object]
) -> None:
    known = {item.name for item in fields(kind)}
    for name in data:
        if name not in known:
            raise unknown(f"{_SOURCE}: key", name, known)


def _cloud(name: str) -> Cloud:
    if name not in ("gcp", "aws"):
        raise unknown(f"{_SOURCE}: cloud", name, ("gcp", "aws"))
    return cast("Cloud", name)


def _regions(names: list[object]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str):
            raise ConfigError(f"{_SOURCE}: 'regions' holds {name!r}, not str")
    return tuple(cast("list[str]", names))


def _counts(data: Mapping[str, object]) -> NodeCounts:
    _only_fields_of(NodeCounts, data)
    roles = (item.name for item in fields(NodeCounts))
    return NodeCounts(**{role: typed(data, role, int, source=_SOURCE) for role in roles})


def _target(data: Mapping[str, object]) -> ServiceTarget:
    _only_fields_of(ServiceTarget, data)
    names = (item.name for item in fields(ServiceTarget))
    return ServiceTarget(**{name: typed(data, name, float, source=_SOURCE) for name in names})
