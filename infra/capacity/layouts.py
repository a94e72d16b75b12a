"""A model on some nodes: what each of them holds, and how fast they are together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.capacity.placement import (
    ASSUMED_RUNTIME_BYTES,
    DTYPE_BYTES,
    stage_ranges,
    stage_read_parameters,
    stage_weight_bytes,
)
from infra.domain import Interval, unknown
from infra.errors import ConfigError
from infra.units import GIB, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from infra.capacity.placement import ModelShape
    from infra.machines import Machine

# Memory that is left to weights and cache; the rest is the system's and the allocator's.
ASSUMED_USABLE_SHARE = 0.9
# From one stage to the next. Measured between two processes of one machine, mutual TLS in Python:
# 2.6 ms for the two hops of a token (bench, 2026-11-24). A network adds its own.
ASSUMED_HOP_SECONDS = 0.0013

_SEQUENCES = Interval(1, 100_000)
_NODES = Interval(2, 64)


class Kind(StrEnum):
    """How the nodes of a layout share the work."""

    REPLICAS = "replicas"
    BALANCED = "balanced"
    GUIDE = "guide"
    PINNED = "pinned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is asked of the nodes.

    Attributes:
        context_tokens: Prompt and answer of a sequence together; room is kept for all of them,
            and half of them are read on average.
        sequences: Wanted at once on all nodes together.
        dtype: Of weights and cache; the machine's own when None.
        cuts: A split to compare with, as `parse_split` returns it; none when None.
        nodes: Machines that every layout uses.

    Raises:
        ConfigError: A number is out of range, or the dtype unknown.
    """

    context_tokens: int = 4_096
    sequences: int = 16
    dtype: str | None = None
    cuts: tuple[int, ...] | None = None
    nodes: int = 2

    def __post_init__(self) -> None:
        Interval(1, 10_000_000).check("context_tokens", self.context_tokens)
        _SEQUENCES.check("sequences", self.sequences)
        _NODES.check("nodes", self.nodes)
        if self.dtype is not None and self.dtype not in DTYPE_BYTES:
            raise unknown("dtype", self.dtype, DTYPE_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One node's part of a model.

    Attributes:
        read_parameters: Read for every token of a batch together.
        kv_bytes_per_token: Of one sequence, in this stage's layers.
        room: Sequences whose cache fits beside the weights; 0 when not even the weights do.
    """

    first_layer: int
    end_layer: int
    weight_bytes: int
    read_parameters: int
    kv_bytes_per_token: int
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to use the nodes.

    Attributes:
        kind: How.
        copies: Of the model, each on nodes of its own.
        stages: Of one copy; a single one when it is whole.
        sequences: Held at once by all nodes: as many as wanted, or as fit; 0 when it does not fit.
        memory_bytes: Of the fullest node, runtime included.
        token_seconds: From one token of a lone sequence to the next; infinite when it cannot run.
        tokens_per_second: Of all nodes with all their sequences.
        usd_per_million_tokens: At that pace; None without a price, or when it cannot run.
    """

    kind: Kind
    copies: int
    stages: tuple[Stage, ...]
    sequences: int
    memory_bytes: int
    token_seconds: float
    tokens_per_second: float
    usd_per_million_tokens: Decimal | None

    @property
    def nodes(self) -> int:
        """Machines it uses."""
        return self.copies * len(self.stages)

    @property
    def fits(self) -> bool:
        """Whether at least one sequence can be served."""
        return self.sequences > 0


def machine_dtype(machine: Machine) -> str:
    """Return the format a machine computes in: 16 bits where it has them, else float32."""
    if machine.gpu is None:
        return "float32"
    return "bfloat16" if machine.gpu.bfloat16 else "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A model on a kind of machine, and what is asked of it."""

    shape: ModelShape
    machine: Machine
    dtype: str
    context_tokens: int
    sequences: int
    usable_bytes: int
    bytes_per_second: float
    flops: float

    @classmethod
    def of(cls, shape: ModelShape, machine: Machine, work: Workload) -> Node:
        """Return it.

        Raises:
            ConfigError: The machine cannot compute in the dtype.
        """
        gpu, dtype = machine.gpu, work.dtype or machine_dtype(machine)
        if gpu is not None and dtype == "bfloat16" and not gpu.bfloat16:
            raise ConfigError(
                f"a {gpu.name} has no bfloat16", hint="Use --dtype float16 or float32."
            )
        memory = gpu.memory_gib if gpu else machine.memory_gib
        bandwidth = gpu.memory_gb_per_second if gpu else machine.memory_gb_per_second
        teraflops = machine.cpu_teraflops
        if gpu is not None:
            teraflops = gpu.teraflops_32bit if dtype == "float32" else gpu.teraflops_16bit
        return cls(
            shape=shape,
            machine=machine,
            dtype=dtype,
            context_tokens=work.context_tokens,
            sequences=work.sequences,
            usable_bytes=int(memory * GIB * ASSUMED_USABLE_SHARE),
            bytes_per_second=bandwidth * 1e9,
            flops=teraflops * 1e12,
        )

    def stages(self, cuts: tuple[int, ...]) -> tuple[Stage, ...]:
        """Return the stages that the cuts make, each with the room it leaves on its node."""
        reads = stage_read_parameters(self.shape, cuts)
        ranges = stage_ranges(cuts, self.shape.layers)
        return tuple(
            self._stage(first, end, read) for (first, end), read in zip(ranges, reads, strict=True)
        )

    def _stage(self, first: int, end: int, read: int) -> Stage:
        size = DTYPE_BYTES[self.dtype]
        weights = stage_weight_bytes(self.shape, first, end, dtype_bytes=size)
        kv = (end - first) * self.shape.kv_elements_per_token * size
        left = self.usable_bytes - ASSUMED_RUNTIME_BYTES - weights
        return Stage(
            first_layer=first,
            end_layer=end,
            weight_bytes=weights,
            read_parameters=read,
            kv_bytes_per_token=kv,
            room=max(0, left // (kv * self.context_tokens)),
        )

    def step_seconds(self, stage: Stage, sequences: float) -> float:
        """Return how long a stage works on one token of each of so many sequences."""
        weights = stage.read_parameters * DTYPE_BYTES[self.dtype]
        cache = sequences * stage.kv_bytes_per_token * self.context_tokens / 2
        computed = 2 * stage.read_parameters * sequences
        return max((weights + cache) / self.bytes_per_second, computed / self.flops)


def layout(node: Node, kind: Kind, cuts: tuple[int, ...], nodes: int) -> Layout:
    """Return what so many nodes do with these cuts; as many copies as the nodes are enough for."""
    stages = node.stages(cuts)
    room = min(stage.room for stage in stages)
    copies = nodes // len(stages)
    each = min(math.ceil(node.sequences / copies), room)
    held = min(each * copies, node.sequences)
    return Layout(
        kind=kind,
        copies=copies,
        stages=stages,
        sequences=held,
        memory_bytes=max(_memory_bytes(node, stage, each) for stage in stages),
        token_seconds=_pass_seconds(node, stages) if room else math.inf,
        tokens_per_second=_pace(node, stages, held / copies) * copies if room else 0.0,
        usd_per_million_tokens=None,
    )


def _memory_bytes(node: Node, stage: Stage, sequences: int) -> int:
    cache = sequences * stage.kv_bytes_per_token * node.context_tokens
    return stage.weight_bytes + cache + ASSUMED_RUNTIME_BYTES


def _pass_seconds(node: Node, stages: tuple[Stage, ...]) -> float:
    """Return a token's way through all stages and its id's way back to the first."""
    hops = len(stages) if len(stages) > 1 else 0
    return sum(node.step_seconds(stage, 1) for stage in stages) + hops * ASSUMED_HOP_SECONDS


def _pace(node: Node, stages: tuple[Stage, ...], sequences: float) -> float:
    """Return the tokens a second of one copy; with fewer sequences than stages some idle."""
    if sequences < len(stages):
        return sequences / _pass_seconds(node, stages)
    group = sequences / len(stages)
    slowest = max(node.step_seconds(stage, group) for stage in stages)
    # A group cannot start its next token before the last one has gone all the way round.
    round_trip = sum(node.step_seconds(stage, group) for stage in stages)
    round_trip += (len(stages) if len(stages) > 1 else 0) * ASSUMED_HOP_SECONDS
    return min(group / slowest, sequences / round_trip)


def priced(layout: Layout, usd_per_hour: Decimal | None) -> Layout:
    """Return the layout with its price by the token."""
    if usd_per_hour is None or not layout.fits:
        return layout
    tokens_per_hour = Decimal(layout.tokens_per_second) * SECONDS_PER_HOUR
    usd = layout.nodes * usd_per_hour / tokens_per_hour * 1_000_000
    return replace(layout, usd_per_million_tokens=usd)
