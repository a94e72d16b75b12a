"""Takes jobs through the fleet: a seat, the assignments, the text, and an end for every task."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import structlog

from node_agent.errors import Fenced, PeerLost, SlotsExhausted, TaskError
from node_agent.orchestrator.errors import Draining, Overloaded
from node_agent.orchestrator.room import WaitingRoom
from node_agent.orchestrator.runs import Run, word_of
from node_agent.orchestrator.stages import backoff_seconds
from node_agent.orchestrator.tasks import Accepted, Event, Job, Stopwatch, assignment, cancellation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import Announcement
    from node_agent.orchestrator.room import Seat
    from node_agent.proto import agent_pb2 as pb

_log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 6


class Stages(Protocol):
    """The part of the fleet that tasks need."""

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Those that can take tasks now."""

    def send(self, node: Announcement, message: pb.OrchestratorMessage) -> None:
        """Queue a message to a node; PeerLost when it is not connected."""


def may_retry(error: TaskError, attempt: int) -> bool:
    """Whether a task of which no text was seen may go to another pipeline.

    Args:
        error: Why this one did not take it.
        attempt: Which attempt failed, from 1.
    """
    return isinstance(error, SlotsExhausted | PeerLost | Fenced) and attempt < MAX_ATTEMPTS


class Dispatcher:
    """Runs jobs on pipelines.

    Args:
        stages: The fleet.
        max_waiting: Jobs that may wait for a slot at once.
        clock: Monotonic seconds.
        task_numbers: Unique over the deployment's life.
        jitter: Random numbers in [0, 1), for waits between attempts.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        max_waiting: int,
        clock: Callable[[], float],
        task_numbers: Iterator[int],
        jitter: Callable[[], float],
    ) -> None:
        self.room = WaitingRoom(lambda: stages.pipelines, max_waiting=max_waiting, clock=clock)
        self._stages = stages
        self._clock = clock
        self._task_numbers = task_numbers
        self._jitter = jitter
        self._runs: dict[int, Run] = {}
        self._jobs = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def submit(self, job: Job) -> AsyncGenerator[Event, None]:
        """Run a job: first an Accepted, then Deltas, the last of which has a finish.

        Closing the generator cancels the task at every stage.

        Raises:
            Overloaded: The waiting room is full, or every pipeline turned the job away.
            NoPipeline: No pipeline is ready.
            Draining: The orchestrator is going away.
            PeerLost: A stage was lost on the way.
            DeadlineExceeded: The job's time is over.
            TaskError: A stage refused or failed it.
        """
        self._jobs += 1
        self._idle.clear()
        try:
            run, accepted = await self._begin(job)
            try:
                yield accepted
                async with aclosing(run.deltas()) as deltas:
                    async for delta in deltas:
                        yield delta
            finally:
                self._end(run)
        finally:
            self._jobs -= 1
            if self._jobs == 0:
                self._idle.set()

    def pipelines_changed(self) -> None:
        """Seat those who wait for a pipeline."""
        self.room.serve()

    def node_lost(self, node: Announcement) -> None:
        """Fail the tasks the node had a part in."""
        for run in self._runs.values():
            if node in run.pipeline.stages:
                run.fail(PeerLost(f"{node.name} was lost"))

    def node_said(self, node: Announcement, message: pb.StageMessage) -> None:
        """Bring a stage's word to its task; words of ended tasks are dropped."""
        word = word_of(message)
        run = self._runs.get(word.task) if word else None
        if word and run:
            run.hear(node, word)

    def close_doors(self) -> None:
        """Take no new job; those in line and on the way go on."""
        self.room.close()

    async def drained(self, seconds: float) -> bool:
        """Wait for the last job to end; False when time ran out first."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cut_off(self) -> None:
        """End every job with Draining, those in line and those on the way."""
        _log.warning("jobs cut off", jobs=self._jobs)
        self.room.dismiss()
        for run in self._runs.values():
            run.fail(Draining("the orchestrator is shutting down"))

    async def _begin(self, job: Job) -> tuple[Run, Accepted]:
        """Bring the job onto a pipeline, trying others while no stage has begun it."""
        watch = Stopwatch(submitted=self._clock())
        until = watch.submitted + job.timeout_seconds
        seat = await self.room.enter(until_seconds=until)
        turned_away: set[str] = set()
        attempt = 1
        while True:
            run = self._open(job, seat, until, watch)
            try:
                return run, await self._assign(run)
            except TaskError as error:
                if not may_retry(error, attempt):
                    raise self._verdict(error) from None
                _log.info("turned away", request_id=job.request_id, reason=type(error).__name__)
            turned_away.add(seat.pipeline.id)
            await asyncio.sleep(backoff_seconds(attempt, self._jitter()))
            seat = await self.room.enter_again(until_seconds=until, avoid=turned_away)
            attempt += 1

    def _verdict(self, error: TaskError) -> TaskError:
        """Return what the client hears when no pipeline took the job."""
        if not isinstance(error, SlotsExhausted):
            return error
        wait = self.room.retry_after_seconds()
        return Overloaded("every pipeline turned the request away", retry_after_seconds=wait)

    def _open(self, job: Job, seat: Seat, until: float, watch: Stopwatch) -> Run:
        watch.seated = seat.taken_at_seconds
        run = Run(
            task=next(self._task_numbers),
            job=job,
            seat=seat,
            until_seconds=until,
            watch=watch,
            clock=self._clock,
        )
        self._runs[run.task] = run
        return run

    async def _assign(self, run: Run) -> Accepted:
        """Tell the stages, the last first, so that each finds its next one ready."""
        stages = run.pipeline.stages
        prompt_tokens = 0
        try:
            for level in reversed(range(len(stages))):
                self._stages.send(
                    stages[level],
                    assignment(run.job, run.pipeline, level, run.task, run.seconds_left),
                )
                prompt_tokens = await run.taken_by(stages[level])
        except BaseException:
            self._end(run)
            raise
        names = tuple(node.name for node in stages)
        return Accepted(pipeline=run.pipeline.id, nodes=names, prompt_tokens=prompt_tokens)

    def _end(self, run: Run) -> None:
        """Forget a run; unless it finished, every stage hears that it is no longer wanted."""
        del self._runs[run.task]
        if not run.finished:
            self._cancel(run)
        run.seat.release()

    def _cancel(self, run: Run) -> None:
        message = cancellation(run.task, run.pipeline.epoch)
        for node in run.pipeline.stages:
            try:
                self._stages.send(node, message)
            except PeerLost:
                _log.info("no need to cancel at a lost stage", peer=node.name)
