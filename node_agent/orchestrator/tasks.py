"""What a task is, what it yields, and how it is spoken to stages: values and pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from node_agent.proto import agent_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node_agent.orchestrator.pipelines import Pipeline


class Finish(StrEnum):
    """Why a text ended, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request, ready for any pipeline.

    Attributes:
        request_id: For logs, here and at the stages.
        prompt: For the first stage; never shown by repr.
        sampling: For the last stage.
        output: For every stage.
        timeout_seconds: From submission to the last token, waiting included.
    """

    request_id: str
    prompt: pb.Prompt = field(repr=False)
    sampling: pb.Sampling
    output: pb.OutputRules = field(repr=False)
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Every stage has taken the task; yielded once, before any text."""

    pipeline: str
    nodes: tuple[str, ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long a task took.

    Attributes:
        queue_seconds: From submission to a seat in a pipeline.
        ttft_seconds: From submission to the first token.
        tokens_per_second: After the first token; of the whole run when all came at once.
        tokens: Generated.
    """

    queue_seconds: float
    ttft_seconds: float
    tokens_per_second: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Newly generated text; the last one has a finish and the timings."""

    text: str = field(repr=False)
    token_ids: tuple[int, ...] = ()
    finish: Finish | None = None
    timings: Timings | None = None


Event: TypeAlias = Accepted | Delta

_FINISH = {pb.FINISH_STOP: Finish.STOP, pb.FINISH_LENGTH: Finish.LENGTH}


def finish_of(result: pb.FinalResult) -> Finish | None:
    """Return why the text ended; None while more is to come."""
    return _FINISH.get(result.finish)


def task_numbers(process_bits: int) -> Iterator[int]:
    """Yield task numbers that no other orchestrator process gives out.

    Args:
        process_bits: 32 random bits of this process.
    """
    number = (process_bits & 0xFFFF_FFFF) << 32
    while True:
        number += 1
        yield number


def assignment(
    job: Job, pipeline: Pipeline, level: int, task: int, seconds_left: float
) -> pb.OrchestratorMessage:
    """Return what the stage at `level` of the pipeline is told.

    Args:
        job: The request.
        pipeline: Gives the epoch and each stage's next.
        level: Index into the pipeline's stages.
        task: The task's number.
        seconds_left: The stage drops the task this long after arrival.
    """
    message = pb.TaskAssignment(
        task=task,
        epoch=pipeline.epoch,
        pipeline=pipeline.id,
        request_id=job.request_id,
        output=job.output,
        deadline_seconds=seconds_left,
    )
    last = len(pipeline.stages) - 1
    if level < last:
        following = pipeline.stages[level + 1]
        message.next.CopyFrom(pb.Peer(name=following.name, address=following.address))
    if level == 0:
        message.prompt.CopyFrom(job.prompt)
    if level == last:
        message.sampling.CopyFrom(job.sampling)
    return pb.OrchestratorMessage(assignment=message)


def cancellation(task: int, epoch: int) -> pb.OrchestratorMessage:
    """Return the word that a task is no longer wanted."""
    return pb.OrchestratorMessage(cancel=pb.CancelTask(task=task, epoch=epoch))


@dataclass(slots=True, kw_only=True)
class Stopwatch:
    """Notes when a task's moments came, in monotonic seconds."""

    submitted: float
    seated: float = 0.0
    first_token: float | None = None
    last_token: float = 0.0
    tokens: int = 0

    def count(self, tokens: int, now: float) -> None:
        """Note the arrival of newly generated tokens; none leaves the marks as they are."""
        if tokens == 0:
            return
        if self.first_token is None:
            self.first_token = now
        self.last_token = now
        self.tokens += tokens

    def timings(self) -> Timings:
        """Return the task's timings so far; no token yet counts as zero."""
        first = self.submitted if self.first_token is None else self.first_token
        decode = self.last_token - first
        if self.tokens > 1 and decode > 0:
            rate = (self.tokens - 1) / decode
        else:
            whole = self.last_token - self.seated
            rate = self.tokens / whole if whole > 0 else 0.0
        return Timings(
            queue_seconds=self.seated - self.submitted,
            ttft_seconds=first - self.submitted,
            tokens_per_second=rate,
            tokens=self.tokens,
        )
