"""What can go wrong in an agent.

AgentError
  ConfigError        agent.toml cannot be used
  CheckpointError    the model folder cannot be used
  TaskError          one request cannot be served; carries the Failure sent to the orchestrator
    ContextExceeded  the prompt is longer than the context
    SlotsExhausted   every sequence slot is taken, or the stage takes no more
    PeerLost         the neighbouring stage is gone
    DeadlineExceeded
    Fenced           the pipeline has a newer epoch
    StageFault       a stage failed for a reason of its own
  Forbidden          the peer's certificate does not allow the call
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """An error with a cause a person can act on.

    Args:
        message: What, where and why, in one line.
        hint: What to do next, in one sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(AgentError):
    """agent.toml is missing, malformed or contradicts itself."""

    exit_code = 2


class CheckpointError(AgentError):
    """The model folder lacks a part, is damaged or of an unsupported family."""

    exit_code = 2


class TaskError(AgentError):
    """One request cannot be served."""

    failure: ClassVar[str] = "FAILURE_INVALID"


class ContextExceeded(TaskError):
    """The prompt is longer than the context."""

    failure = "FAILURE_CONTEXT"


class SlotsExhausted(TaskError):
    """Every sequence slot is taken, or the stage takes no more."""

    failure = "FAILURE_BUSY"


class PeerLost(TaskError):
    """The neighbouring stage is gone."""

    failure = "FAILURE_PEER_LOST"


class DeadlineExceeded(TaskError):
    """The task outlived its deadline."""

    failure = "FAILURE_DEADLINE"


class Fenced(TaskError):
    """The task belongs to an epoch that is over."""

    failure = "FAILURE_FENCED"


class StageFault(TaskError):
    """A stage failed for a reason of its own; its detail is for logs, not for clients."""

    failure = "FAILURE_INTERNAL"


class Forbidden(AgentError):
    """The peer has a certificate of this deployment, but not one for this call."""
