"""Ways to lay a model out over nodes: whole replicas, or pipelines of stages."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.capacity.placement import pipelined_gain, stage_ranges, stage_weight_bytes
from infra.capacity.roofline import (
    ASSUMED_HOP_SECONDS,
    sequences_held,
    stage_bytes,
    step_seconds,
)
from infra.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.capacity.placement import ModelShape
    from infra.capacity.roofline import Device, Load

_CENT_PARTS = Decimal("0.0001")
_DIGITS = 9  # rates that differ less are equal


class LayoutKind(StrEnum):
    """What decides who holds which layers; of equally good layouts the first kind is taken."""

    REPLICAS = "replicas"
    BALANCED = "balanced"
    FITTED = "fitted"
    GUIDE = "guide"
    PINNED = "pinned"

    @property
    def rank(self) -> int:
        """Its place among the kinds."""
        return list(LayoutKind).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model on nodes of one kind."""

    shape: ModelShape
    device: Device
    load: Load
    usd_per_hour: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A model over some nodes, all of one kind.

    Attributes:
        cuts: The first layer of each stage but the first; empty for whole replicas.
        layers: Of each stage.
        weight_bytes: On the node of each stage; one figure for replicas, which are alike.
        memory_bytes: Weights, runtime and the caches of the sequences held, or of one sequence
            where none fits.
        sequences: That all nodes together have room for, at most those wanted; 0: it does not fit.
        gain: Times the tokens of one node, all kept busy, from weights alone.
        token_seconds: Of one sequence alone: all stages and the hops; None if it does not fit.
        tokens_per_second: Of all nodes together with these sequences.
        usd_per_million_tokens: At that rate, to a hundredth of a cent; None without a price.
    """

    kind: LayoutKind
    nodes: int
    cuts: tuple[int, ...]
    layers: tuple[int, ...]
    weight_bytes: tuple[int, ...]
    memory_bytes: tuple[int, ...]
    sequences: int
    gain: float
    token_seconds: float | None
    tokens_per_second: float | None
    usd_per_million_tokens: Decimal | None

    @property
    def fits(self) -> bool:
        """Whether at least one sequence has room."""
        return self.sequences > 0

    @property
    def tokens_per_second_per_node(self) -> float:
        """The rate, shared by the nodes; 0 if it does not fit."""
        return (self.tokens_per_second or 0) / self.nodes


def replicas(case: Case, nodes: int) -> Layout:
    """Return nodes that each hold the whole model and answer on their own."""
    return _layout(case, LayoutKind.REPLICAS, cuts=(), copies=nodes)


def pipeline(case: Case, cuts: tuple[int, ...], kind: LayoutKind) -> Layout:
    """Return one pipeline with a node for each stage."""
    return _layout(case, kind, cuts=cuts, copies=1)


def best_of(layouts: Iterable[Layout]) -> Layout | None:
    """Return the layout that fits with the most tokens for each node.

    Of equals the one with the fewest nodes, replicas first; None when none fits.
    """
    return max(
        (layout for layout in layouts if layout.fits),
        key=lambda x: (round(x.tokens_per_second_per_node, _DIGITS), -x.nodes, -x.kind.rank),
        default=None,
    )


def _layout(case: Case, kind: LayoutKind, *, cuts: tuple[int, ...], copies: int) -> Layout:
    shape, load = case.shape, case.load
    parts = stage_ranges(cuts, shape.layers)
    nodes = copies * len(parts)
    held = sequences_held(shape, cuts, load, case.device)
    sequences = min(load.sequences, copies * held)
    slots = max(-(-sequences // copies), 1)
    rate = _tokens_per_second(case, cuts, copies, sequences) if sequences else None
    return Layout(
        kind=kind,
        nodes=nodes,
        cuts=cuts,
        layers=tuple(end - first for first, end in parts),
        weight_bytes=tuple(
            stage_weight_bytes(shape, *part, dtype_bytes=load.dtype_bytes) for part in parts
        ),
        memory_bytes=tuple(stage_bytes(shape, part, load, slots=slots) for part in parts),
        sequences=sequences,
        gain=copies * pipelined_gain(shape, cuts),
        token_seconds=_pass_seconds(case, cuts, batch=1) if sequences else None,
        tokens_per_second=rate,
        usd_per_million_tokens=_usd_per_million_tokens(case, nodes, rate),
    )


def _pass_seconds(case: Case, cuts: tuple[int, ...], *, batch: float) -> float:
    """Return how long one step takes through all stages and back to the first."""
    steps = step_seconds(case.shape, cuts, case.load, case.device, batch=batch)
    return sum(steps) + len(cuts) * ASSUMED_HOP_SECONDS


def _tokens_per_second(case: Case, cuts: tuple[int, ...], copies: int, sequences: int) -> float:
    """Return the tokens of all copies, their sequences spread evenly, as they are over time.

    A pipeline cuts its sequences into as many micro-batches as it has stages. The next token of
    each waits until the slowest stage has worked on all of them, and for its own way through.
    """
    each = max(sequences / copies, 1)
    micro_batches = min(each, len(cuts) + 1)
    batch = each / micro_batches
    steps = step_seconds(case.shape, cuts, case.load, case.device, batch=batch)
    cycle = max(micro_batches * max(steps), _pass_seconds(case, cuts, batch=batch))
    return sequences / cycle


def _usd_per_million_tokens(case: Case, nodes: int, rate: float | None) -> Decimal | None:
    if case.usd_per_hour is None or rate is None:
        return None
    millions_per_hour = Decimal(rate) * SECONDS_PER_HOUR / 1_000_000
    return (nodes * case.usd_per_hour / millions_per_hour).quantize(_CENT_PARTS)
