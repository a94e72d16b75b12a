"""Whether a model is better served whole on every node or split over several, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.layouts import Kind, Layout, Node, Workload, layout, priced
from infra.capacity.placement import (
    ASSUMED_RUNTIME_BYTES,
    DTYPE_BYTES,
    balanced_split,
    guide_split,
    stage_weight_bytes,
)
from infra.units import GIB

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.capacity.placement import ModelShape
    from infra.machines import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The layouts of one machine type, and which to take.

    Attributes:
        dtype: What was computed with.
        usable_bytes: Of a node, for weights, cache and runtime.
        layouts: Replicas first; all of them use the same number of nodes.
        recommended: One of them; None when none of them fits.
        least_stages: The fewest nodes that hold one copy; None when not even one layer each does.
        reason: Why, in a sentence with its figures.
    """

    machine: str
    dtype: str
    usable_bytes: int
    layouts: tuple[Layout, ...]
    recommended: Layout | None
    least_stages: int | None
    reason: str


def topology_advice(
    shape: ModelShape, machine: Machine, work: Workload, usd_per_hour: Decimal | None = None
) -> Advice:
    """Compare whole replicas with pipelines on the same number of nodes, and recommend one.

    A step of a stage takes as long as reading its weights and its sequences' caches, or computing
    with them, whichever is longer. A pipeline keeps as many groups of sequences under way as it
    has stages, so its slowest stage sets the pace; replicas each keep their own. All of it are
    peak figures of the machine: bounds to compare layouts with, not forecasts.

    Args:
        shape: The model.
        machine: Every node is one.
        work: What is asked of them.
        usd_per_hour: Of one machine.

    Raises:
        ConfigError: The machine cannot compute in the dtype.
    """
    node = Node.of(shape, machine, work)
    least = _least_stages(node)
    nodes = work.nodes
    if least is not None and least > nodes:
        nodes = least
    layouts = tuple(
        priced(layout(node, kind, cuts, nodes), usd_per_hour)
        for kind, cuts in _candidates(shape, work, nodes, least)
    )
    best = max(filter(_fits, layouts), key=_tokens_per_second, default=None)
    return Advice(
        machine=machine.name,
        dtype=node.dtype,
        usable_bytes=node.usable_bytes,
        layouts=layouts,
        recommended=best,
        least_stages=least,
        reason=_reason(node, layouts, best, least),
    )


def _candidates(
    shape: ModelShape, work: Workload, nodes: int, least: int | None
) -> list[tuple[Kind, tuple[int, ...]]]:
    found: list[tuple[Kind, tuple[int, ...]]] = [(Kind.REPLICAS, ())]
    lengths = {stages for stages in (least, nodes) if stages and 1 < stages <= shape.layers}
    found += [(Kind.BALANCED, balanced_split(shape, stages)) for stages in sorted(lengths)]
    if nodes == 2 and shape.layers > 1:
        found.append((Kind.GUIDE, guide_split(shape)))
    if work.cuts is not None and len(work.cuts) == nodes - 1:
        found.append((Kind.PINNED, work.cuts))
    return found


def _least_stages(node: Node) -> int | None:
    """Return the fewest stages of a balanced split that all fit; their weights bound the search."""
    shape, left = node.shape, node.usable_bytes - ASSUMED_RUNTIME_BYTES
    weights = stage_weight_bytes(shape, 0, shape.layers, dtype_bytes=DTYPE_BYTES[node.dtype])
    first = max(1, weights // left) if left > 0 else shape.layers + 1
    for stages in range(first, shape.layers + 1):
        if all(stage.room for stage in node.stages(balanced_split(shape, stages))):
            return stages
    return None


def _fits(layout: Layout) -> bool:
    return layout.fits


def _tokens_per_second(layout: Layout) -> float:
    return layout.tokens_per_second


def _reason(node: Node, layouts: tuple[Layout, ...], best: Layout | None, least: int | None) -> str:
    whole, others = layouts[0], [layout for layout in layouts[1:] if layout.fits]
    machine, usable = node.machine.name, node.usable_bytes / GIB
    weights = whole.stages[0].weight_bytes / GIB
    if best is None:
        holds = "no number of them does" if least is None else f"it takes {least}"
        return (
            f"{weights:,.1f} GiB of weights and a cache of {node.context_tokens:,} tokens do not "
            f"fit the {usable:.1f} GiB of {whole.nodes} {machine}: {holds}"
        )
    if not whole.fits:
        return (
            f"{weights:,.1f} GiB of weights and a cache do not fit the {usable:.1f} GiB of one "
            f"{machine}; {least} are the fewest that hold it"
        )
    if not others:
        return f"it fits one {machine}, and {whole.nodes} stages do not"
    other = max(others, key=_tokens_per_second)
    if best is whole:
        times = whole.tokens_per_second / other.tokens_per_second
        return (
            f"it fits one {machine} ({weights:.1f} of {usable:.1f} GiB): {whole.nodes} whole "
            f"copies give {times:.2f} x the tokens of a pipeline on as many nodes, and a token "
            f"waits for no hop: {whole.token_seconds * 1000:.1f} ms instead of "
            f"{other.token_seconds * 1000:.1f}"
        )
    times = best.tokens_per_second / whole.tokens_per_second
    return (
        f"whole it leaves room for {whole.sequences} sequences on {whole.nodes} nodes, split for "
        f"{best.sequences}: {times:.2f} x the tokens"
    )
