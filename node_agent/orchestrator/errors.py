"""What can go wrong at the orchestrator, beyond what a stage reports.

AgentError
  RegistrationRefused  the node does not fit this deployment
  TaskError
    Overloaded         the waiting room is full
    NoPipeline         no chain of ready nodes covers the model
    Draining           the orchestrator is going away
"""

from __future__ import annotations

from node_agent.errors import (
    AgentError,
    ContextExceeded,
    DeadlineExceeded,
    Fenced,
    PeerLost,
    SlotsExhausted,
    StageFault,
    TaskError,
)
from node_agent.proto import agent_pb2 as pb


class RegistrationRefused(AgentError):
    """The node does not fit this deployment, and trying again will not help."""


class Overloaded(TaskError):
    """The waiting room is full.

    Args:
        message: What, where and why, in one line.
        retry_after_seconds: When a place is likely to be free.
    """

    failure = "FAILURE_BUSY"

    def __init__(self, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NoPipeline(TaskError):
    """No chain of ready nodes covers the model."""

    failure = "FAILURE_BUSY"


class Draining(TaskError):
    """The orchestrator is going away and takes no new task."""

    failure = "FAILURE_BUSY"


_BY_FAILURE: dict[str, type[TaskError]] = {
    kind.failure: kind
    for kind in (
        TaskError,
        ContextExceeded,
        SlotsExhausted,
        PeerLost,
        DeadlineExceeded,
        Fenced,
        StageFault,
    )
}


def task_error(failure: pb.Failure, detail: str) -> TaskError:
    """Return the error that a stage's Failure stands for; an unknown one is a fault of the stage.

    Args:
        failure: A newer stage may send one that this version does not know.
        detail: The stage's own words.
    """
    known = pb.Failure.Name(failure) if failure in pb.Failure.values() else ""
    return _BY_FAILURE.get(known, StageFault)(detail)
