"""The four phases of a deployment, each with as many nodes as its load needs (guide §5.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import demand
from infra.capacity.hardware import demo_capacity, gpu_node
from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from infra.capacity.nodes import pipeline_queries_per_hour, pipelines_needed
from infra.declaration import ManagedServices, NodeGroup, Phase, PhaseConfig, ServiceTarget
from infra.domain import Interval
from infra.errors import ConfigError
from infra.machines import Cloud, machine_named, region_named
from infra.purchase import Purchase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.tenants import Tenant

SPARE_PIPELINES = 1

HIGH_AVAILABILITY = 0.999  # from here on no role may be a single point of failure


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseWishes:
    """What a person chooses; None leaves it to the phase.

    Attributes:
        regions: The cloud's names of them.
        machine: Instance type of every node.
        purchase: How the instances are bought.
        pipelines: All regions together, spare included; without those of tenants.
        tenants: Of the enterprise phase.
    """

    regions: tuple[str, ...] | None = None
    machine: str | None = None
    purchase: Purchase | None = None
    pipelines: int | None = None
    tenants: tuple[Tenant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """A column of the guide's table of phases, v3.0 of 2025-08-21, §4.1, 4.4 and 5.1.

    The demo's availability is its share of answers that succeed; the guide gives its response
    time no percentile, so the same share stands for it. The guide names continents and no region
    for the demo; each is the cloud's usual one there. Purchase is what the guide recommends, §5.1.
    """

    cloud: Cloud
    regions: tuple[str, ...]
    zones_per_region: int
    machine: str
    disk_gib: int
    purchase: Purchase
    services: ManagedServices
    target: ServiceTarget


def _target(
    peaks: tuple[float, float], response: tuple[float, float], availability: float
) -> ServiceTarget:
    return ServiceTarget(
        peak_queries_per_hour=peaks[0],
        highest_peak_queries_per_hour=peaks[1],
        response_seconds=response[0],
        response_percentile=response[1],
        availability=availability,
    )


# A root disk holds the system, drivers and releases; weights lie on the machine's local disk.
_ASSUMED_AWS_DISK_GIB = 100
_CACHE_NODE = "cache.m6g.large"
# Two sets of managed rules, and one that limits the rate of an address.
_GUARDED = ManagedServices(
    nat_gateways=2,
    load_balancer=True,
    waf_rules=3,
    database="db.t3.large",
    cache=_CACHE_NODE,
    cache_nodes=2,
)

_PROMISES: Mapping[Phase, _Promise] = {
    Phase.DEMO: _Promise(
        cloud="gcp",
        regions=("us-central1",),
        zones_per_region=1,
        machine="n1-standard-4",
        disk_gib=50,
        purchase=Purchase.ON_DEMAND,
        services=ManagedServices(nat_gateways=1),
        target=_target((544, 544), (15, 0.95), 0.95),
    ),
    Phase.MVP: _Promise(
        cloud="aws",
        regions=("us-east-1",),
        zones_per_region=1,
        machine="g4dn.xlarge",
        disk_gib=_ASSUMED_AWS_DISK_GIB,
        purchase=Purchase.RESERVED_1Y_NO,
        services=ManagedServices(nat_gateways=1),
        target=_target((1_500, 2_500), (8, 0.95), 0.99),
    ),
    Phase.PRODUCTION: _Promise(
        cloud="aws",
        regions=("us-east-1",),
        zones_per_region=2,
        machine="g4dn.xlarge",
        disk_gib=_ASSUMED_AWS_DISK_GIB,
        purchase=Purchase.RESERVED_1Y_NO,
        services=_GUARDED,
        target=_target((5_000, 8_000), (5, 0.95), 0.999),
    ),
    Phase.ENTERPRISE: _Promise(
        cloud="aws",
        regions=("us-east-1", "eu-west-1", "ap-southeast-1"),
        zones_per_region=2,
        machine="g4dn.xlarge",
        disk_gib=_ASSUMED_AWS_DISK_GIB,
        purchase=Purchase.RESERVED_3Y_NO,
        services=replace(_GUARDED, cache=None, cache_nodes=0, cdn=True, support=True),
        target=_target((20_000, 50_000), (3, 0.99), 0.9999),
    ),
}


def phase_config(
    phase: Phase,
    metrics: NetworkMetrics,
    assumptions: Assumptions,
    wishes: PhaseWishes = PhaseWishes(),
) -> PhaseConfig:
    """Return the nodes a phase needs, and what they promise.

    The unit of capacity is a pipeline, one embedding and one transformer node: every answer
    passes through both, so the guide pairs them in every phase. A phase gets

        ceil(peak x redundancy x growth / pipeline's queries an hour) + 1 spare

    pipelines, where the peak is the one the phase begins with (the low end of the guide's range):
    redundancy and growth are there to reach the high end, and the spare lets one pipeline fail or
    be replaced. No region goes without a pipeline. With the guide's figures that is 2, 4 and 12
    pipelines; twelve answer 49,959 queries an hour, which is below the 50,000 the guide promises
    at the end of its last phase. Where no role may fail alone, autoscaling moves the pipelines
    between what today's peak needs and what this formula gives at the end of the phase.

    The guide's ranges belong to its own network and assumptions. With others they are scaled by
    the peak of the demand over the guide's, so more users or more questions mean more nodes.

    Tenants with pipelines of their own have them beside all this: as many as they say, in the
    regions in their order, and never more or fewer with load.

    The demo is given, not computed: three machines, without spare, whose load is what they carry
    (§4.1). Of the other roles there are as many as regions and availability ask for.

    Departs from guide §2.4: it divides whole nodes 30/70 by work (3 + 6 for 8), which leaves
    transformer nodes without a partner, and rounds up after every factor.

    Raises:
        ConfigError: A wish names no region or machine of the phase's cloud, or the region twice,
            or fewer pipelines than regions, or the phase has no tenants.
    """
    promise = _wished(_PROMISES[phase], wishes)
    if phase is Phase.DEMO:
        capacity = demo_capacity(assumptions).queries_per_hour
        target = _with_peaks(promise.target, capacity, capacity)
        pipelines = _Pipelines(1, 1, 1)
    else:
        rate = pipeline_queries_per_hour(gpu_node(assumptions).queries_per_hour, assumptions)
        target = _scaled(promise.target, _relative_demand(metrics, assumptions))
        pipelines = _pipelines(promise, target, rate, assumptions)
        if wishes.pipelines is not None:
            pipelines = _pinned(wishes.pipelines, pipelines, promise)
        capacity = pipelines.count * rate
    return PhaseConfig(
        phase=phase,
        cloud=promise.cloud,
        regions=promise.regions,
        zones_per_region=promise.zones_per_region,
        groups=(*_groups(phase, promise, pipelines), *_own(promise, wishes.tenants)),
        services=promise.services,
        purchase=promise.purchase,
        target=target,
        capacity_queries_per_hour=capacity,
        tenants=wishes.tenants,
    )


def cloud_of(phase: Phase) -> Cloud:
    """Return the cloud that a phase runs on, when it does not run on one machine."""
    return _PROMISES[phase].cloud


def _wished(promise: _Promise, wishes: PhaseWishes) -> _Promise:
    regions = wishes.regions or promise.regions
    for region in regions:
        region_named(region, promise.cloud)
    if len(set(regions)) != len(regions):
        raise ConfigError(
            f"regions {', '.join(regions)}: one is named twice",
            hint="Name each region once, for example --region us-east-1,eu-west-1.",
        )
    machine = machine_named(wishes.machine or promise.machine, promise.cloud)
    return replace(
        promise,
        regions=regions,
        machine=machine.name,
        purchase=wishes.purchase or promise.purchase,
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


@dataclass(frozen=True, slots=True)
class _Pipelines:
    count: int
    minimum: int
    maximum: int


def _pipelines(
    promise: _Promise, target: ServiceTarget, rate: float, assumptions: Assumptions
) -> _Pipelines:
    least = len(promise.regions)
    ample = replace(assumptions, redundancy=1, growth=1)

    def with_spare(peak: float, margins: Assumptions) -> int:
        return max(pipelines_needed(peak, rate, margins), least) + SPARE_PIPELINES

    count = with_spare(target.peak_queries_per_hour, assumptions)
    if target.availability < HIGH_AVAILABILITY:
        return _Pipelines(count, count, count)
    return _Pipelines(
        count,
        with_spare(target.peak_queries_per_hour, ample),
        max(count, with_spare(target.highest_peak_queries_per_hour, assumptions)),
    )


def _pinned(asked: int, computed: _Pipelines, promise: _Promise) -> _Pipelines:
    Interval(len(promise.regions), 100_000).check("pipelines", asked)
    if computed.minimum == computed.maximum:
        return _Pipelines(asked, asked, asked)
    return _Pipelines(asked, min(computed.minimum, asked), max(computed.maximum, asked))


def _groups(phase: Phase, promise: _Promise, pipelines: _Pipelines) -> tuple[NodeGroup, ...]:
    services = _services(phase, promise)
    return tuple(
        group
        for index in range(len(promise.regions))
        for role in ("orchestrator", "embedding", "transformer", "oracle", "monitoring", "cache")
        if (group := _group(role, services.get(role, pipelines), index, promise)).maximum
    )


def _own(promise: _Promise, tenants: tuple[Tenant, ...]) -> Iterator[NodeGroup]:
    """Return the nodes that are a single tenant's: pairs, as everybody's are."""
    for tenant in tenants:
        pipelines = _Pipelines(tenant.pipelines, tenant.pipelines, tenant.pipelines)
        for index in range(len(promise.regions)):
            for role in ("embedding", "transformer"):
                group = _group(role, pipelines, index, promise)
                if group.maximum:
                    yield replace(group, tenant=tenant.name)


def _group(role: str, nodes: _Pipelines, index: int, promise: _Promise) -> NodeGroup:
    managed = role == "cache"  # a primary and its replica stay together

    def here(total: int) -> int:
        each, more = divmod(total, 1 if managed else len(promise.regions))
        return (each if index == 0 or not managed else 0) + (index < more)

    return NodeGroup(
        role=role,
        region=promise.regions[index],
        count=here(nodes.count),
        machine=_CACHE_NODE if managed else promise.machine,
        disk_gib=0 if managed else promise.disk_gib,
        minimum=here(nodes.minimum),
        maximum=here(nodes.maximum),
    )


def _services(phase: Phase, promise: _Promise) -> dict[str, _Pipelines]:
    """Return the roles whose number follows from regions and availability, not from load."""
    regions = len(promise.regions)
    spare = 1 if promise.target.availability >= HIGH_AVAILABILITY else 0
    counts = {
        "orchestrator": max(regions, 1 + spare),  # regions stand in for each other
        "oracle": 0 if phase is Phase.DEMO else regions + spare,  # its answers are preloaded, §4.3
        "monitoring": spare * min(regions, 2),  # across regions, each watches the other
        "cache": 2 if regions > 1 else 0,  # a primary and its replica
    }
    return {role: _Pipelines(count, count, count) for role, count in counts.items()}
