"""The KV cache of a stage: one slot per sequence, preallocated, written in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from node_agent.errors import SlotsExhausted

if TYPE_CHECKING:
    from torch import Tensor


class KvCache:
    """Keys and values of every layer of the stage.

    Memory is reserved once and touched only as far as sequences reach.

    Args:
        layers: Layers of this stage.
        slots: Sequences held at once.
        kv_heads: Key and value heads.
        context_tokens: Longest sequence.
        head_dim: Width of a head.
        dtype: Of keys and values.
    """

    def __init__(
        self,
        *,
        layers: int,
        slots: int,
        kv_heads: int,
        context_tokens: int,
        head_dim: int,
        dtype: torch.dtype,
    ) -> None:
        shape = (slots, kv_heads, context_tokens, head_dim)
        self.keys = [torch.empty(shape, dtype=dtype) for _ in range(layers)]
        self.values = [torch.empty(shape, dtype=dtype) for _ in range(layers)]
        self._free = list(reversed(range(slots)))
        self.slots = slots

    @property
    def free_slots(self) -> int:
        """Slots no sequence holds."""
        return len(self._free)

    def acquire(self) -> int:
        """Take a slot.

        Raises:
            SlotsExhausted: Every slot is taken.
        """
        if not self._free:
            raise SlotsExhausted(f"all {self.slots} sequence slots are taken")
        return self._free.pop()

    def release(self, slot: int) -> None:
        """Give a slot back; what it held is overwritten by its next sequence."""
        self._free.append(slot)

    def write(self, layer: int, slot: int, position: int, keys: Tensor, values: Tensor) -> None:
        """Store rows of one sequence from `position` on; each [rows, kv_heads, dim]."""
        end = position + keys.shape[0]
        self.keys[layer][slot, :, position:end] = keys.transpose(0, 1)
        self.values[layer][slot, :, position:end] = values.transpose(0, 1)

    def read(self, layer: int, slot: int, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Return views of positions [start, end) of one sequence, each [kv_heads, length, dim]."""
        return self.keys[layer][slot, :, start:end], self.values[layer][slot, :, start:end]
