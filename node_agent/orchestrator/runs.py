"""One attempt at a job on one pipeline: what its stages say, in the order they said it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from node_agent.errors import DeadlineExceeded, StageFault, TaskError
from node_agent.orchestrator.errors import task_error
from node_agent.orchestrator.tasks import Delta, finish_of
from node_agent.proto import agent_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import Announcement
    from node_agent.orchestrator.room import Seat
    from node_agent.orchestrator.tasks import Job, Stopwatch

Word: TypeAlias = "pb.TaskAccepted | pb.FinalResult | pb.TaskFailed"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A stage accepted the task."""

    node: str
    prompt_tokens: int


def word_of(message: pb.StageMessage) -> Word | None:
    """Return what a stage's message says of a task; None for a kind this version does not know."""
    kind = message.WhichOneof("kind")
    return getattr(message, kind) if kind else None


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """A task at the stages of a pipeline.

    Attributes:
        task: Its number.
        job: What is asked for.
        seat: The slot it holds.
        until_seconds: When it is over, on `clock`.
        watch: Notes the moments of its tokens.
        clock: Monotonic seconds.
        finished: Whether the last text has come.
    """

    task: int
    job: Job
    seat: Seat
    until_seconds: float
    watch: Stopwatch
    clock: Callable[[], float]
    finished: bool = False
    _news: asyncio.Queue[_Taken | Delta | TaskError] = field(default_factory=asyncio.Queue)
    _early: list[Delta] = field(default_factory=list)

    @property
    def pipeline(self) -> Pipeline:
        """Where it runs."""
        return self.seat.pipeline

    @property
    def seconds_left(self) -> float:
        """Until its deadline; zero when that has passed."""
        return max(0.0, self.until_seconds - self.clock())

    def hear(self, node: Announcement, word: Word) -> None:
        """Note what a stage says; words of other epochs, strangers and late ones are dropped."""
        stages = self.pipeline.stages
        if self.finished or word.epoch != self.pipeline.epoch or node not in stages:
            return
        if isinstance(word, pb.TaskAccepted):
            self._news.put_nowait(_Taken(node.name, word.prompt_tokens))
        elif isinstance(word, pb.TaskFailed):
            self.fail(task_error(word.failure, word.detail or f"{node.name} gave no reason"))
        elif node == stages[-1]:
            self._news.put_nowait(self._delta(word))

    def fail(self, error: TaskError) -> None:
        """End the task with an error, unless its last text has come."""
        if not self.finished:
            self._news.put_nowait(error)

    async def taken_by(self, node: Announcement) -> int:
        """Wait until a stage accepts, and return the prompt tokens it counted.

        Raises:
            TaskError: A stage refused, was lost, or took too long.
        """
        while True:
            news = await self._next()
            if isinstance(news, Delta):
                # A fast last stage can be heard before the first one's acceptance.
                self._early.append(news)
            elif news.node == node.name:
                return news.prompt_tokens

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Yield the text; the last delta has a finish.

        Raises:
            TaskError: A stage failed, was lost, or took too long.
        """
        for delta in self._early:
            yield delta
            if delta.finish:
                return
        while True:
            news = await self._next()
            if isinstance(news, Delta):
                yield news
                if news.finish:
                    return

    async def _next(self) -> _Taken | Delta:
        try:
            async with asyncio.timeout(self.seconds_left):
                news = await self._news.get()
        except TimeoutError as error:
            raise DeadlineExceeded(f"not done within {self.job.timeout_seconds:g} s") from error
        if isinstance(news, TaskError):
            raise news
        return news

    def _delta(self, result: pb.FinalResult) -> Delta | TaskError:
        if result.token_ids and result.index != self.watch.tokens:
            return StageFault(f"token {self.watch.tokens} is missing: {result.index} came instead")
        self.watch.count(len(result.token_ids), self.clock())
        finish = finish_of(result)
        if finish is not None:
            # The stages are done with it: the next task need not wait for a slow reader.
            self.finished = True
            self.seat.release()
        return Delta(
            text=result.text,
            token_ids=tuple(result.token_ids),
            finish=finish,
            timings=self.watch.timings() if finish else None,
        )
