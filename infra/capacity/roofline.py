"""How long a machine works on one step of a stage, and how many sequences it has room for.

A step reads the stage's weights and caches once and multiplies with them; it takes as long as the
slower of both. Figures are ceilings from peak rates: right to compare layouts with, too good to
promise. Good kernels reach 60 to 90 % of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.placement import (
    DTYPE_BYTES,
    stage_memory_bytes,
    stage_ranges,
    stage_read_parameters,
)
from infra.domain import Interval, unknown
from infra.units import GIB

if TYPE_CHECKING:
    from infra.capacity.placement import ModelShape
    from infra.machines import Machine

# The rest is the driver's and the allocator's: a T4 shows 15,102 of its 16,384 MiB (92 %), and
# serving engines take 90 % by default.
ASSUMED_USABLE_SHARE = 0.9
# A hidden state to the next node and a token back: 0.27 ms by gRPC with TLS on one machine
# (measured 2026-11-23, 2 vCPUs), and 0.07 to 0.26 ms for the network of a zone.
ASSUMED_HOP_SECONDS = 0.0005

_SEQUENCES = Interval(1, 65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What every layout is asked to carry.

    Attributes:
        dtype: Of weights, caches and arithmetic.
        context_tokens: Prompt and answer of each sequence; its cache is taken as full.
        sequences: Wanted at once, over all nodes together.

    Raises:
        ConfigError: The dtype is unknown, or a number is outside its domain.
    """

    dtype: str
    context_tokens: int
    sequences: int

    def __post_init__(self) -> None:
        if self.dtype not in DTYPE_BYTES:
            raise unknown("dtype", self.dtype, DTYPE_BYTES)
        Interval(1, 1_000_000_000).check("context", self.context_tokens)
        _SEQUENCES.check("sequences", self.sequences)

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one element."""
        return DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What computes in a machine: its GPU, or else its CPUs.

    Attributes:
        memory_bytes: All of its memory.
        usable_bytes: What weights, caches and the runtime may take of it.
        bytes_per_second: Peak of its memory.
        flops_per_second: Peak of its arithmetic in the dtype of the load.
    """

    name: str
    memory_bytes: int
    usable_bytes: int
    bytes_per_second: float
    flops_per_second: float


def best_dtype(machine: Machine) -> str:
    """Return 16 bits as the GPU has them; float32 on CPUs, where no cloud promises more."""
    if machine.gpu is None:
        return "float32"
    return "bfloat16" if machine.gpu.bfloat16 else "float16"


def device_of(machine: Machine, dtype: str) -> Device:
    """Return what a machine computes with.

    Args:
        machine: The instance type.
        dtype: A format its GPU has no units for is computed at the rate of float32, as on CPUs.
    """
    gpu = machine.gpu
    if gpu is None:
        return _device(
            f"{machine.vcpus} vCPUs",
            machine.memory_gib,
            machine.memory_gb_per_second,
            machine.cpu_tflops,
        )
    wide = dtype == "float32" or (dtype == "bfloat16" and not gpu.bfloat16)
    tflops = gpu.tflops_32bit if wide else gpu.tflops_16bit
    return _device(gpu.name, gpu.memory_gib, gpu.memory_gb_per_second, tflops)


def _device(name: str, gib: float, gb_per_second: float, tflops: float) -> Device:
    memory = int(gib * GIB)
    return Device(
        name=name,
        memory_bytes=memory,
        usable_bytes=int(memory * ASSUMED_USABLE_SHARE),
        bytes_per_second=gb_per_second * 1e9,
        flops_per_second=tflops * 1e12,
    )


def step_seconds(
    shape: ModelShape, cuts: tuple[int, ...], load: Load, device: Device, *, batch: float
) -> tuple[float, ...]:
    """Return how long each stage works on one token of each sequence of a batch.

    Args:
        shape: The model.
        cuts: The first layer of each stage but the first.
        load: Dtype and context; the attention of a token goes over the whole of it.
        device: Of every stage.
        batch: Sequences of the step; a mean, so not always whole.
    """
    reads = stage_read_parameters(shape, cuts)
    sizes = [end - first for first, end in stage_ranges(cuts, shape.layers)]
    seconds = []
    for parameters, layers in zip(reads, sizes, strict=True):
        tokens = batch * layers * load.context_tokens
        moved = (parameters + tokens * shape.kv_elements_per_token) * load.dtype_bytes
        # Each query head multiplies with all keys, then with all values.
        flops = 2 * batch * parameters + 4 * tokens * shape.heads * shape.head_dim
        seconds.append(max(moved / device.bytes_per_second, flops / device.flops_per_second))
    return tuple(seconds)


def stage_bytes(shape: ModelShape, part: tuple[int, int], load: Load, *, slots: int) -> int:
    """Return the memory that a stage takes with room for so many sequences.

    Args:
        shape: The model.
        part: The stage's first layer and the one after its last.
        load: Dtype and context.
        slots: Sequences held at once.
    """
    return stage_memory_bytes(
        shape,
        *part,
        dtype_bytes=load.dtype_bytes,
        slots=slots,
        context_tokens=load.context_tokens,
    )


def sequences_held(shape: ModelShape, cuts: tuple[int, ...], load: Load, device: Device) -> int:
    """Return how many sequences have room in every stage; 0 when a stage does not fit."""
    held = []
    for part in stage_ranges(cuts, shape.layers):
        empty = stage_bytes(shape, part, load, slots=0)
        each = stage_bytes(shape, part, load, slots=1) - empty
        held.append(max(device.usable_bytes - empty, 0) // each)
    return min(held)
