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
        shape = (slots, context_tokens, kv_heads, head_dim)
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

    def write(self, layer: int, at: tuple[Tensor, Tensor], keys: Tensor, values: Tensor) -> None:
        """Store rows [T, kv_heads, D], each in the slot and at the position `at` names."""
        self.keys[layer].index_put_(at, keys)
        self.values[layer].index_put_(at, values)

    def read(self, layer: int, slot: int, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Return views of positions [start, end) of one sequence, each [1, kv_heads, L, D]."""
        keys = self.keys[layer][slot : slot + 1, start:end].transpose(1, 2)
        return keys, self.values[layer][slot : slot + 1, start:end].transpose(1, 2)
