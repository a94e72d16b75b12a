"""How much memory a fleet will take, and whether this machine has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.capacity.placement import (
    ASSUMED_ORCHESTRATOR_BYTES,
    DTYPE_BYTES,
    ModelShape,
    stage_memory_bytes,
)
from infra.errors import PreflightError
from infra.roles import NodeRole
from infra.units import GIB

if TYPE_CHECKING:
    from infra.fleet import PlannedNode

_CGROUP = Path("/sys/fs/cgroup")
_SMALLEST_FLEET = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What decides a stage's size beside its layers.

    Args:
        dtype: Of weights and cache.
        slots: Sequences held at once.
        context_tokens: Room for each of them.
    """

    dtype: str
    slots: int
    context_tokens: int


def node_bytes(node: PlannedNode, shape: ModelShape, footprint: Footprint) -> int:
    """Estimate the resident bytes of one agent."""
    if node.role is NodeRole.ORCHESTRATOR:
        return ASSUMED_ORCHESTRATOR_BYTES
    return stage_memory_bytes(
        shape,
        node.first_layer,
        node.end_layer,
        dtype_bytes=DTYPE_BYTES[footprint.dtype],
        slots=footprint.slots,
        context_tokens=footprint.context_tokens,
    )


def check_memory(
    nodes: tuple[PlannedNode, ...],
    shape: ModelShape,
    footprint: Footprint,
    *,
    available_bytes: int,
) -> int:
    """Return the bytes the agents will take together.

    Raises:
        PreflightError: More than there are; with the figures, and what would fit.
    """
    needed = sum(node_bytes(node, shape, footprint) for node in nodes)
    if needed <= available_bytes:
        return needed
    raise PreflightError(
        f"{len(nodes)} agents of model '{shape.id}' need about {_gib(needed)}, "
        f"{_gib(available_bytes)} is available",
        hint=_what_would_fit(nodes, shape, footprint, available_bytes),
    )


def available_bytes(*, own_bytes: int = 0) -> int:
    """Return what new processes can take of this machine, or of the container around them.

    Args:
        own_bytes: Held by agents that are stopped before the new ones start.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    limited = container_bytes(_CGROUP)
    return (free if limited is None else min(free, limited)) + own_bytes


def container_bytes(cgroup: Path) -> int | None:
    """Return what a cgroup (version 2) still allows; None when it sets no limit."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        stat = (cgroup / "memory.stat").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    # Pages of files count as used, but are given up on demand.
    given_up = sum(int(x.split()[1]) for x in stat.splitlines() if x.startswith("inactive_file "))
    return max(int(limit) - used + given_up, 0)


def resident_bytes(pids: tuple[int, ...]) -> int:
    """Return the memory that processes hold; those that are gone hold none."""
    import psutil

    total = 0
    for pid in pids:
        try:
            total += int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            continue
    return total


def _what_would_fit(
    nodes: tuple[PlannedNode, ...], shape: ModelShape, footprint: Footprint, available: int
) -> str:
    largest_first = sorted((node_bytes(n, shape, footprint) for n in nodes), reverse=True)
    smallest = sum(largest_first[:_SMALLEST_FLEET])
    if len(nodes) > _SMALLEST_FLEET and smallest <= available:
        return f"Run fewer agents, for example with --max-processes {_SMALLEST_FLEET}."
    return "Close other programs, use a smaller model, or set model.slots or model.context_tokens."


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"
