"""A sequence as one stage knows it, and which sequences a step takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node_agent.proto import agent_pb2 as pb
    from node_agent.shard.answer import Answer
    from node_agent.shard.task import Task


Message = TypeVar("Message", contravariant=True)


class Outbox(Protocol[Message]):
    """Where messages of one kind go; sending never blocks."""

    def send(self, message: Message) -> None:
        """Queue a message; one to a peer that is gone is dropped."""


@dataclass(slots=True, kw_only=True, eq=False)
class Sequence:
    """The state of a task on this stage."""

    task: Task
    slot: int
    owner: Outbox[pb.StageMessage]  # the orchestrator's stream
    down: Outbox[pb.LinkDown] | None = None  # the link to the next stage
    up: Outbox[pb.LinkUp] | None = None  # the link to the stage before, known from its first frame
    position: int = 0  # rows computed so far
    pending: int | None = None  # sampled token whose row is to be computed; first stage only
    answer: Answer | None = None  # last stage only

    @property
    def prompt_left(self) -> int:
        """Prompt tokens not yet computed; first stage only."""
        return max(0, len(self.task.prompt) - self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Rows of one sequence in a step."""

    sequence: Sequence
    rows: int
    sample: bool  # the last row's logits give the next token
    token_ids: tuple[int, ...] = field(default=())  # first stage only


def plan_step(
    sequences: Iterable[Sequence], *, chunk_tokens: int, micro_batches: int
) -> list[Work]:
    """Choose what the first stage computes next.

    Every sequence whose token came back takes one row, at most one `micro_batches`-th of the
    decoding sequences at once, so that the stages after this one work meanwhile. One prompt, the
    oldest, advances by at most `chunk_tokens` beside them, so that a long prompt delays nobody.

    Args:
        sequences: Of this stage, oldest first.
        chunk_tokens: Most prompt rows in a step.
        micro_batches: Into how many steps the decoding sequences are spread.
    """
    sequences = list(sequences)
    decoding = [s for s in sequences if not s.prompt_left]
    limit = ceil(len(decoding) / micro_batches)
    ready = [s for s in decoding if s.pending is not None][:limit]
    work = [
        Work(sequence=s, rows=1, sample=True, token_ids=(s.pending,))
        for s in ready
        if s.pending is not None
    ]
    prompting = next((s for s in sequences if s.prompt_left), None)
    if prompting:
        rows = min(chunk_tokens, prompting.prompt_left)
        start = prompting.position
        work.append(
            Work(
                sequence=prompting,
                rows=rows,
                sample=rows == prompting.prompt_left,
                token_ids=prompting.task.prompt[start : start + rows],
            )
        )
    return work
