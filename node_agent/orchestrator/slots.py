"""Which pipeline takes the next task: pure choices over what every node is busy with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import Announcement, NodeKey

Load: TypeAlias = "Mapping[NodeKey, int]"
"""Tasks given to each node and not yet ended; absent means none."""

_RETRY_AFTER_SECONDS = (1, 60)


def free_slots(pipeline: Pipeline, load: Load) -> int:
    """Return how many more tasks fit; a node in several pipelines counts in each."""
    return max(0, min(node.slots - load.get(node.key, 0) for node in pipeline.stages))


def choose(
    pipelines: Sequence[Pipeline], load: Load, avoid: AbstractSet[str] = frozenset()
) -> Pipeline | None:
    """Return the least loaded pipeline with a free slot; None when all are full.

    Args:
        pipelines: In order of preference among equals.
        load: What the nodes are busy with.
        avoid: Ids of pipelines taken only when no other is free.
    """
    free = [pipeline for pipeline in pipelines if free_slots(pipeline, load) > 0]
    return min(
        free, key=lambda pipeline: (pipeline.id in avoid, _fill(pipeline, load)), default=None
    )


def retry_after_seconds(*, waiting: int, slots: int, service_seconds: float) -> int:
    """Return when a new task is likely to find a place, from 1 to 60 seconds.

    Args:
        waiting: Tasks ahead of it.
        slots: Tasks that run at once.
        service_seconds: What a task takes on average.
    """
    low, high = _RETRY_AFTER_SECONDS
    return max(low, min(high, math.ceil((waiting + 1) * service_seconds / max(1, slots))))


def total_slots(pipelines: Sequence[Pipeline]) -> int:
    """Return how many tasks can run at once: what the narrowest level of the fleet lets through."""
    levels: dict[tuple[int, int], dict[NodeKey, int]] = {}
    for pipeline in pipelines:
        for node in pipeline.stages:
            levels.setdefault((node.first_layer, node.end_layer), {})[node.key] = node.slots
    return min((sum(level.values()) for level in levels.values()), default=0)


def queue_depth_per_slot(*, waiting: int, slots: int, orchestrators: int = 1) -> float | None:
    """Return what groups of machines grow by: requests in line per slot of ready pipelines.

    Without a slot, those in line count as if there were one. With nobody in line either there is
    no such figure: requests are refused then and their number is not known, so that a zero would
    shrink a group that lost its machines.

    Args:
        waiting: Requests in this orchestrator's line.
        slots: Tasks that can run at once.
        orchestrators: How many share the slots, each with a line of its own; the figure is for an
            average over them.
    """
    if not slots and not waiting:
        return None
    return waiting * orchestrators / max(1, slots)


def _fill(pipeline: Pipeline, load: Load) -> tuple[float, float]:
    shares = [_share(node, load) for node in pipeline.stages]
    return max(shares), sum(shares)


def _share(node: Announcement, load: Load) -> float:
    return load.get(node.key, 0) / node.slots
