"""What can happen to a stage; its engine takes these in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node_agent.proto import agent_pb2 as pb

if TYPE_CHECKING:
    from node_agent.errors import TaskError
    from node_agent.shard.sequence import Outbox
    from node_agent.shard.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """An orchestrator gives this stage its part of a task."""

    task: Task
    owner: Outbox[pb.StageMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The task is wanted no more."""

    task: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The stage before sent rows."""

    partial: pb.PartialResult
    up: Outbox[pb.LinkUp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The stage after sent tokens."""

    tokens: pb.LinkUp
    link: object  # it came by


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A stream to an orchestrator or a neighbour ended."""

    peer: object  # the mailbox or link it was
    reason: str = ""


Event = Assigned | Cancelled | Arrived | Sampled | Gone


def failed(task: int, epoch: int, error: TaskError) -> pb.StageMessage:
    """Say why a task cannot go on."""
    return pb.StageMessage(
        failed=pb.TaskFailed(task=task, epoch=epoch, failure=error.failure, detail=str(error))
    )
