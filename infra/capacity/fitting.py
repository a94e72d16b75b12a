"""The fewest stages that hold a model, and how they share its layers."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from infra.capacity.placement import balanced_split
from infra.capacity.roofline import sequences_held, stage_bytes

if TYPE_CHECKING:
    from infra.capacity.placement import ModelShape
    from infra.capacity.roofline import Device, Load


def fewest_stages_split(
    shape: ModelShape, load: Load, device: Device, *, sequences: int
) -> tuple[int, ...] | None:
    """Return the best cuts into the fewest stages that hold so many sequences.

    They are the balanced ones if those fit. Otherwise the slowest stage is as fast as memory
    allows: the first stage keeps the embedding table as well, which no step reads.

    Args:
        shape: The model.
        load: Dtype and context.
        device: Of every stage.
        sequences: That every stage must have room for at once.

    Returns:
        The cuts; empty for one stage, None when not even one layer a node fits.
    """
    if sequences_held(shape, (), load, device) >= sequences:
        return ()
    if shape.layers == 1:
        return None
    first, middle, last = _most_layers(shape, load, device, sequences)
    if first < 1 or last < 1:
        return None
    between = max(shape.layers - first - last, 0)
    stages = 2 + -(-between // middle)
    cuts = balanced_split(shape, stages)
    if sequences_held(shape, cuts, load, device) >= sequences:
        return cuts
    return _filled(shape, (first, *[middle] * (stages - 2), last))


def _most_layers(
    shape: ModelShape, load: Load, device: Device, sequences: int
) -> tuple[int, int, int]:
    """Return how many layers fit into the first, a middle and the last stage; 0 or less is none."""

    def bytes_of(first_layer: int, end_layer: int) -> int:
        return stage_bytes(shape, (first_layer, end_layer), load, slots=sequences)

    last = shape.layers
    layer = bytes_of(0, 1) - bytes_of(0, 0)
    first, middle, end = (
        (device.usable_bytes - bytes_of(edge, edge)) // layer for edge in (0, 1, last)
    )
    return first, middle, end


def _filled(shape: ModelShape, most: tuple[int, ...]) -> tuple[int, ...]:
    """Give each layer in turn to the stage that reads least of those with room for it."""
    layers = [1] * len(most)
    head = shape.lm_head_parameters

    def reads(stage: int) -> int:
        return layers[stage] * shape.layer_parameters + (head if stage == len(most) - 1 else 0)

    for _ in range(shape.layers - len(most)):
        layers[min((s for s in range(len(most)) if layers[s] < most[s]), key=reads)] += 1
    return tuple(accumulate(layers[:-1]))
