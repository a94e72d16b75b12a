"""Between rows of tensors and messages on a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from node_agent.proto import agent_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from node_agent.shard.sequence import Outbox, Work


def rows_of(partial: pb.PartialResult, hidden: int, dtype: torch.dtype) -> Tensor:
    """Read a frame's payload; [rows, hidden] of `dtype`."""
    return torch.frombuffer(bytearray(partial.payload), dtype=dtype).view(-1, hidden)


def frames_down(
    work: Iterable[Work], hidden: Tensor
) -> list[tuple[Outbox[pb.LinkDown], pb.LinkDown]]:
    """Pack the rows of a step into one frame per link.

    Args:
        work: The step, each sequence with a link down and its position before the step.
        hidden: [T, H], the step's rows in order.
    """
    segments: dict[Outbox[pb.LinkDown], list[pb.Segment]] = {}
    parts: dict[Outbox[pb.LinkDown], list[Tensor]] = {}
    row = 0
    for item in work:
        sequence = item.sequence
        if sequence.down is not None:
            parts.setdefault(sequence.down, []).append(hidden[row : row + item.rows])
            segments.setdefault(sequence.down, []).append(
                pb.Segment(
                    task=sequence.task.id,
                    epoch=sequence.task.epoch,
                    position=sequence.position,
                    rows=item.rows,
                    sample=item.sample,
                )
            )
        row += item.rows
    return [
        (link, pb.LinkDown(partial=pb.PartialResult(segments=segments[link], payload=_bytes(rows))))
        for link, rows in parts.items()
    ]


def frames_up(
    tokens: Iterable[tuple[Outbox[pb.LinkUp], pb.SampledToken]],
) -> list[tuple[Outbox[pb.LinkUp], pb.LinkUp]]:
    """Pack sampled tokens into one message per link."""
    by_link: dict[Outbox[pb.LinkUp], list[pb.SampledToken]] = {}
    for link, token in tokens:
        by_link.setdefault(link, []).append(token)
    return [(link, pb.LinkUp(tokens=group)) for link, group in by_link.items()]


def joined(rows: list[Tensor]) -> Tensor:
    """Return rows as one tensor, without a copy when they are one already."""
    return rows[0] if len(rows) == 1 else torch.cat(rows)


def _bytes(rows: list[Tensor]) -> bytes:
    return joined(rows).view(torch.uint8).numpy().tobytes()
