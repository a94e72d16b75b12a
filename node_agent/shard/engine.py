"""The compute loop of a stage: one thread that owns the model, the cache and every sequence.

Everything that happens to a stage reaches this thread as an event, in order; between two events it
runs one step over whatever rows are due. Nothing else touches its state.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import structlog
import torch

from node_agent.errors import DeadlineExceeded, Fenced, PeerLost, StageFault, TaskError
from node_agent.proto import agent_pb2 as pb
from node_agent.shard.answer import Answer
from node_agent.shard.events import Arrived, Assigned, Cancelled, Event, Gone, Sampled, failed
from node_agent.shard.frames import frames_down, frames_up, joined, rows_of
from node_agent.shard.model import Span
from node_agent.shard.sampling import sample
from node_agent.shard.sequence import Sequence, Work, plan_step
from node_agent.telemetry.stats import StageStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenizers import Tokenizer
    from torch import Tensor

    from node_agent.shard.cache import KvCache
    from node_agent.shard.model import StageModel
    from node_agent.shard.sequence import Outbox
    from node_agent.shard.task import Task

_IDLE_SECONDS = 0.25
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """How a stage works.

    `tokenizer` is that of a last stage and None elsewhere, `chunk_tokens` and `micro_batches` on
    the first.
    """

    context_tokens: int
    chunk_tokens: int
    micro_batches: int
    tokenizer: Tokenizer | None
    eos_token_ids: tuple[int, ...]


class Engine:
    """Runs one stage.

    Args:
        model: The stage's layers.
        cache: Its KV cache.
        rules: How it works.
        open_link: Gives the link to a next stage, opening it when there is none.
        alive: Called at each turn of the loop, at least four times a second between two steps.
    """

    def __init__(
        self,
        model: StageModel,
        cache: KvCache,
        rules: EngineRules,
        open_link: Callable[[pb.Peer], Outbox[pb.LinkDown]],
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.stats = StageStats()
        self._model = model
        self._cache = cache
        self._rules = rules
        self._open_link = open_link
        self._alive = alive
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._sequences: dict[int, Sequence] = {}
        self._frames: list[Arrived] = []
        self._epochs: dict[str, int] = {}

    def post(self, event: Event) -> None:
        """Hand the engine an event, from any thread."""
        self._events.put(event)

    def stop(self) -> None:
        """Let `run` return after the events already posted."""
        self._events.put(None)

    def run(self) -> None:
        """Work until `stop`."""
        running = True
        while running:
            self._alive()
            running = self._take_events(wait=not self._has_work())
            self._expire(time.monotonic())
            work, hidden = self._next_step()
            if work:
                self._step(work, hidden)

    # ---------------------------------------------------------------- events

    def _has_work(self) -> bool:
        if self._frames:
            return True
        return self._model.has_embedding and any(
            s.prompt_left or s.pending is not None for s in self._sequences.values()
        )

    def _take_events(self, *, wait: bool) -> bool:
        try:
            event = self._events.get(block=wait, timeout=_IDLE_SECONDS)
            while event is not None:
                self._handle(event)
                event = self._events.get_nowait()
        except queue.Empty:
            return True
        return False

    def _handle(self, event: Event) -> None:
        match event:
            case Assigned():
                self._assign(event)
            case Cancelled():
                sequence = self._find(event.task, event.epoch)
                if sequence is not None:
                    self._release(sequence)
            case Arrived():
                self._frames.append(event)
            case Sampled():
                self._take_tokens(event)
            case Gone():
                self._lose(event)

    def _assign(self, event: Assigned) -> None:
        task = event.task
        try:
            self._fence(task)
            if task.id in self._sequences:
                raise TaskError(f"task {task.id} is here already")
            down = None if task.next is None else self._open_link(task.next)
            slot = self._cache.acquire()
        except TaskError as error:
            event.owner.send(failed(task.id, task.epoch, error))
            return
        sequence = Sequence(task=task, slot=slot, owner=event.owner, down=down)
        if self._rules.tokenizer is not None:
            sequence.answer = Answer(
                task, self._rules.tokenizer, self._rules.eos_token_ids, self._rules.context_tokens
            )
        self._sequences[task.id] = sequence
        self.stats.count_active(len(self._sequences))
        event.owner.send(
            pb.StageMessage(
                accepted=pb.TaskAccepted(
                    task=task.id, epoch=task.epoch, prompt_tokens=len(task.prompt)
                )
            )
        )

    def _fence(self, task: Task) -> None:
        """Let the newest epoch of a pipeline in, and end what an older one left."""
        newest = self._epochs.get(task.pipeline, 0)
        if task.epoch < newest:
            raise Fenced(f"epoch {task.epoch} of {task.pipeline} is over; it is at {newest}")
        self._epochs[task.pipeline] = task.epoch
        if task.epoch > newest:
            for sequence in list(self._sequences.values()):
                if sequence.task.pipeline == task.pipeline:
                    self._fail(sequence, Fenced(f"epoch {task.epoch} of {task.pipeline} began"))

    def _take_tokens(self, event: Sampled) -> None:
        relayed: list[tuple[Outbox[pb.LinkUp], pb.SampledToken]] = []
        for token in event.tokens.tokens:
            sequence = self._find(token.task, token.epoch)
            if sequence is None or sequence.down is not event.link:
                continue
            if sequence.up is not None:
                relayed.append((sequence.up, token))
            elif token.position == sequence.position:  # a repeated token is not taken twice
                self._continue(sequence, token)
            if token.finished:
                self._release(sequence)
        for link, tokens in frames_up(relayed):
            link.send(tokens)

    def _continue(self, sequence: Sequence, token: pb.SampledToken) -> None:
        """Let a sequence take its next row, if the token can be one."""
        if token.finished:
            return
        inside = token.token < self._model.architecture.vocab
        if inside and token.position < self._rules.context_tokens:
            sequence.pending = token.token
        else:
            self._fail(
                sequence, StageFault(f"token {token.token} at {token.position} has no place")
            )

    def _find(self, task: int, epoch: int) -> Sequence | None:
        sequence = self._sequences.get(task)
        return sequence if sequence and sequence.task.epoch == epoch else None

    def _lose(self, event: Gone) -> None:
        peer = event.peer
        for sequence in list(self._sequences.values()):
            if peer is sequence.owner:
                self._release(sequence)
            elif peer is sequence.down or peer is sequence.up:
                side = "after" if peer is sequence.down else "before"
                why = f": {event.reason}" if event.reason else ""
                self._fail(sequence, PeerLost(f"the link to the stage {side} this one broke{why}"))
        self._frames = [frame for frame in self._frames if frame.up is not peer]

    def _expire(self, now: float) -> None:
        for sequence in [s for s in self._sequences.values() if s.task.deadline <= now]:
            self._fail(sequence, DeadlineExceeded("the task's deadline passed"))

    def _fail(self, sequence: Sequence, error: TaskError) -> None:
        if not self._release(sequence):
            return  # ended already: its orchestrator knows how
        task = sequence.task
        log.info("task failed", request_id=task.request_id, reason=type(error).__name__)
        sequence.owner.send(failed(task.id, task.epoch, error))

    def _release(self, sequence: Sequence) -> bool:
        """Forget a sequence and free its slot; False when that was done before."""
        if self._sequences.get(sequence.task.id) is not sequence:
            return False
        del self._sequences[sequence.task.id]
        self._cache.release(sequence.slot)
        self.stats.count_active(len(self._sequences))
        return True

    # ----------------------------------------------------------------- steps

    def _next_step(self) -> tuple[list[Work], Tensor]:
        if not self._model.has_embedding:
            return self._take_frames()
        work = plan_step(
            self._sequences.values(),
            chunk_tokens=self._rules.chunk_tokens,
            micro_batches=1 if self._model.has_head else self._rules.micro_batches,
        )
        ids = torch.tensor([i for w in work for i in w.token_ids], dtype=torch.int64)
        return work, self._model.embed(ids) if work else ids

    def _take_frames(self) -> tuple[list[Work], Tensor]:
        """Merge the frames that wait into one step, a sequence at most once.

        Later rows of a sequence wait for the next step, and hold nobody else's back.
        """
        frames, self._frames = self._frames, []
        work: list[Work] = []
        rows: list[Tensor] = []
        taken: set[int] = set()
        for frame in frames:
            tasks = {segment.task for segment in frame.partial.segments}
            if tasks & taken:
                self._frames.append(frame)
            else:
                self._take_frame(frame, work, rows)
            taken |= tasks
        return work, joined(rows) if rows else torch.empty(0)

    def _take_frame(self, frame: Arrived, work: list[Work], rows: list[Tensor]) -> None:
        payload = rows_of(frame.partial, self._model.architecture.hidden, self._model.dtype)
        row = 0
        for segment in frame.partial.segments:
            sequence = self._find(segment.task, segment.epoch)
            if sequence is not None and self._follows(sequence, segment, frame.up):
                sequence.up = frame.up
                work.append(Work(sequence=sequence, rows=segment.rows, sample=segment.sample))
                rows.append(payload[row : row + segment.rows])
            row += segment.rows

    def _follows(self, sequence: Sequence, segment: pb.Segment, up: Outbox[pb.LinkUp]) -> bool:
        """Whether these rows are the ones due; a gap fails the sequence."""
        stranger = sequence.up is not None and sequence.up is not up
        if stranger or segment.position < sequence.position:  # or repeated
            return False
        beyond = segment.position + segment.rows > self._rules.context_tokens
        if segment.position > sequence.position or beyond:
            self._fail(
                sequence,
                StageFault(f"rows from {segment.position} came where {sequence.position} was due"),
            )
            return False
        return True

    def _step(self, work: list[Work], hidden: Tensor) -> None:
        try:
            self._compute(work, hidden)
        except Exception as error:
            log.exception("step failed", rows=int(hidden.shape[0]))
            for item in work:
                self._fail(item.sequence, StageFault(f"the step failed: {type(error).__name__}"))

    def _compute(self, work: list[Work], hidden: Tensor) -> None:
        spans = [
            Span(slot=w.sequence.slot, position=w.sequence.position, rows=w.rows) for w in work
        ]
        started = time.perf_counter()
        hidden = self._model.forward(hidden, spans, self._cache)
        logits = self._logits(work, hidden)
        self.stats.count_step(sum(w.rows for w in work), time.perf_counter() - started)
        frames = [] if self._model.has_head else frames_down(work, hidden)
        for link, frame in frames:
            link.send(frame)
        for item in work:
            item.sequence.position += item.rows
            item.sequence.pending = None
        if logits is not None:
            self._sample([w.sequence for w in work if w.sample], logits)

    def _logits(self, work: list[Work], hidden: Tensor) -> Tensor | None:
        if not self._model.has_head:
            return None
        ends = list(accumulate(w.rows for w in work))
        return self._model.logits(
            hidden[[end - 1 for end, w in zip(ends, work, strict=True) if w.sample]]
        )

    def _sample(self, sequences: list[Sequence], logits: Tensor) -> None:
        """Draw a token for each sequence, tell the stages before, and give the text out."""
        greedy = logits.argmax(dim=-1).tolist()
        upward: list[tuple[Outbox[pb.LinkUp], pb.SampledToken]] = []
        results: list[tuple[Sequence, pb.FinalResult]] = []
        for index, sequence in enumerate(sequences):
            rules, position = sequence.task.sampling, sequence.position
            token = greedy[index] if rules.greedy else sample(logits[index], rules, position)
            if sequence.answer is None:
                continue
            result = sequence.answer.take(token, position)
            results.append((sequence, result))
            if sequence.up is not None:
                upward.append(
                    (
                        sequence.up,
                        pb.SampledToken(
                            task=sequence.task.id,
                            epoch=sequence.task.epoch,
                            position=position,
                            token=token,
                            finished=bool(result.finish),
                        ),
                    )
                )
        for link, tokens in frames_up(upward):
            link.send(tokens)
        for sequence, result in results:
            sequence.pending = result.token_ids[0]
            sequence.owner.send(pb.StageMessage(result=result))
            if result.finish:
                self._release(sequence)
        self.stats.count_tokens(len(results), time.monotonic())
