"""The gRPC face of a stage: checks who calls and what they ask, then hands it to the engine."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc
import structlog

from node_agent import tls
from node_agent.config import Role
from node_agent.errors import (
    ContextExceeded,
    Forbidden,
    SlotsExhausted,
    StageFault,
    TaskError,
)
from node_agent.proto import agent_pb2 as pb
from node_agent.proto.agent_pb2_grpc import StageServicer
from node_agent.shard.events import Arrived, Assigned, Cancelled, Gone, failed
from node_agent.shard.link import Mailbox
from node_agent.shard.sampling import SamplingRules
from node_agent.shard.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node_agent.shard.events import Event
    from node_agent.shard.text import Text

Out = TypeVar("Out")
_MAX_STOPS = 16
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """What this stage holds, for checking requests against it."""

    deployment: str
    revision: str
    first_layer: int
    end_layer: int
    layers: int
    hidden: int
    vocab: int
    dtype: int  # pb.DType
    itemsize: int  # bytes of a value on the wire
    context_tokens: int

    @property
    def is_first(self) -> bool:
        """Whether the stage takes prompts."""
        return self.first_layer == 0

    @property
    def is_last(self) -> bool:
        """Whether the stage gives out tokens."""
        return self.end_layer == self.layers

    def hello(self) -> pb.LinkHello:
        """Introduce this stage to the next."""
        return pb.LinkHello(
            revision=self.revision,
            end_layer=self.end_layer,
            hidden=self.hidden,
            dtype=pb.DType.Name(self.dtype),
        )


class StageService(StageServicer):
    """Serves `Assign` to orchestrators and `Link` to the stage before.

    Args:
        facts: What this stage holds.
        text: The tokenizer, on a first or last stage.
        post: Hands an event to the engine.
    """

    def __init__(self, facts: StageFacts, text: Text | None, post: Callable[[Event], None]) -> None:
        self._facts = facts
        self._text = text
        self._post = post
        self.draining = threading.Event()

    def Assign(  # noqa: N802 - the protocol's name
        self, request_iterator: Iterator[pb.OrchestratorMessage], context: grpc.ServicerContext
    ) -> Iterator[pb.StageMessage]:
        """Take tasks from an orchestrator and give it their text."""
        self._admit(context, Role.ORCHESTRATOR)
        outbox: Mailbox[pb.StageMessage] = Mailbox()

        def receive() -> None:
            for message in request_iterator:
                if message.HasField("assignment"):
                    self._assign(message.assignment, outbox)
                else:
                    self._post(Cancelled(task=message.cancel.task, epoch=message.cancel.epoch))

        yield from self._converse(receive, outbox, context)

    def Link(  # noqa: N802 - the protocol's name
        self, request_iterator: Iterator[pb.LinkDown], context: grpc.ServicerContext
    ) -> Iterator[pb.LinkUp]:
        """Take rows from the stage before and give it the tokens they lead to."""
        self._admit(context, Role.EMBEDDING, Role.TRANSFORMER)
        first = next(request_iterator, None)
        if refusal := hello_refusal(self._facts, first):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, refusal)
        outbox: Mailbox[pb.LinkUp] = Mailbox()

        def receive() -> None:
            for message in request_iterator:
                if refusal := partial_refusal(self._facts, message.partial):
                    context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
                    context.set_details(refusal)
                    return
                self._post(Arrived(partial=message.partial, up=outbox))

        yield from self._converse(receive, outbox, context)

    def _converse(
        self, receive: Callable[[], None], outbox: Mailbox[Out], context: grpc.ServicerContext
    ) -> Iterator[Out]:
        """Receive in a thread of its own while giving out what is in the outbox."""

        def listen() -> None:
            try:
                receive()
            except grpc.RpcError:
                return  # the caller went away
            finally:
                self._post(Gone(peer=outbox))
                outbox.close()

        context.add_callback(outbox.close)
        threading.Thread(target=listen, name="stream", daemon=True).start()
        yield from outbox

    def _admit(self, context: grpc.ServicerContext, *roles: Role) -> None:
        try:
            tls.allow(context, self._facts.deployment, *roles)
        except Forbidden as error:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))

    def _assign(self, assignment: pb.TaskAssignment, outbox: Mailbox[pb.StageMessage]) -> None:
        try:
            if self.draining.is_set():
                raise SlotsExhausted("this node drains")
            task = self._checked(assignment)
        except TaskError as error:
            outbox.send(failed(assignment.task, assignment.epoch, error))
        except Exception as error:
            log.exception("assignment failed", request_id=assignment.request_id)
            fault = StageFault(f"the assignment failed: {type(error).__name__}")
            outbox.send(failed(assignment.task, assignment.epoch, fault))
        else:
            self._post(Assigned(task=task, owner=outbox))

    def _checked(self, assignment: pb.TaskAssignment) -> Task:
        facts = self._facts
        if facts.is_last == assignment.HasField("next"):
            raise TaskError("the assignment's route does not fit this stage's layers")
        if not (math.isfinite(assignment.deadline_seconds) and assignment.deadline_seconds > 0):
            raise TaskError(f"deadline {assignment.deadline_seconds} s is not a time to come")
        if len(assignment.output.stop) > _MAX_STOPS:
            raise TaskError(f"more than {_MAX_STOPS} stop strings")
        return Task(
            id=assignment.task,
            epoch=assignment.epoch,
            pipeline=assignment.pipeline,
            request_id=assignment.request_id,
            next=assignment.next if assignment.HasField("next") else None,
            prompt=self._prompt(assignment.prompt) if facts.is_first else (),
            sampling=sampling_rules(assignment.sampling),
            max_tokens=max(1, assignment.output.max_tokens),
            stop=tuple(assignment.output.stop),
            ignore_eos=assignment.output.ignore_eos,
            deadline=time.monotonic() + assignment.deadline_seconds,
        )

    def _prompt(self, prompt: pb.Prompt) -> tuple[int, ...]:
        if prompt.messages and self._text is not None:
            ids = self._text.chat_tokens([(m.role, m.content) for m in prompt.messages])
        else:
            ids = list(prompt.token_ids)
        if not ids:
            raise TaskError("the prompt is empty")
        if max(ids) >= self._facts.vocab:
            raise TaskError(f"token {max(ids)} is outside the vocabulary of {self._facts.vocab}")
        if len(ids) >= self._facts.context_tokens:
            raise ContextExceeded(
                f"the prompt has {len(ids)} tokens; the context holds "
                f"{self._facts.context_tokens}, one of them for the answer"
            )
        return tuple(ids)


def sampling_rules(sampling: pb.Sampling) -> SamplingRules:
    """Check the sampling settings of an assignment.

    Raises:
        TaskError: A setting is outside its range.
    """
    if not 0 <= sampling.temperature <= 100:
        raise TaskError(f"temperature {sampling.temperature} is outside 0 to 100")
    if not 0 <= sampling.top_p <= 1:
        raise TaskError(f"top_p {sampling.top_p} is outside 0 to 1")
    return SamplingRules(
        temperature=sampling.temperature,
        top_p=sampling.top_p or 1.0,
        top_k=sampling.top_k,
        seed=sampling.seed,
    )


def hello_refusal(facts: StageFacts, message: pb.LinkDown | None) -> str:
    """Say why a stage that introduces itself so cannot be followed by this one; empty if it can."""
    if message is None or not message.HasField("hello"):
        return "a link begins with a hello"
    if facts.is_first:
        return "this stage holds the first layer: nothing comes before it"
    hello = message.hello
    wanted = {
        "revision": (hello.revision, facts.revision),
        "boundary layer": (hello.end_layer, facts.first_layer),
        "hidden width": (hello.hidden, facts.hidden),
        "dtype": (hello.dtype, facts.dtype),
    }
    for what, (theirs, ours) in wanted.items():
        if theirs != ours:
            return f"{what} {theirs} of the stage before does not fit {ours} of this one"
    return ""


def partial_refusal(facts: StageFacts, partial: pb.PartialResult) -> str:
    """Say why rows cannot be taken; empty if they can."""
    rows = sum(segment.rows for segment in partial.segments)
    expected = rows * facts.hidden * facts.itemsize
    if not rows or any(segment.rows == 0 for segment in partial.segments):
        return "a frame without rows"
    if len({segment.task for segment in partial.segments}) < len(partial.segments):
        return "a frame names a task twice"
    if len(partial.payload) != expected:
        return f"{len(partial.payload)} bytes came where {rows} rows have {expected}"
    return ""
