"""A task as a stage was given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node_agent.proto import agent_pb2 as pb
    from node_agent.shard.sampling import SamplingRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an orchestrator asked of this stage, checked."""

    id: int
    epoch: int
    pipeline: str
    request_id: str
    next: pb.Peer | None  # absent on the last stage
    prompt: tuple[int, ...]  # first stage only
    sampling: SamplingRules
    max_tokens: int
    stop: tuple[str, ...]
    ignore_eos: bool
    deadline: float  # monotonic seconds
