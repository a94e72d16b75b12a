"""Stages wired to each other in memory: the real engines and models, without a network."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from node_agent.proto import agent_pb2 as pb
from node_agent.shard.cache import KvCache
from node_agent.shard.checkpoint import inspect_checkpoint
from node_agent.shard.engine import Engine, EngineRules
from node_agent.shard.events import Arrived, Assigned, Cancelled, Sampled
from node_agent.shard.model import StageModel, rope_frequencies
from node_agent.shard.sampling import SamplingRules
from node_agent.shard.task import Task
from node_agent.shard.text import Text
from node_agent.shard.weights import load_stage

DEADLINE_SECONDS = 20.0


class Port:
    """An outbox that calls a function."""

    def __init__(self, deliver: Callable[[Any], None]) -> None:
        self.send = deliver


class WiredPipeline:
    """Stages of one checkpoint, cut at the given layers, each engine in its own thread."""

    def __init__(
        self,
        folder: Path,
        cuts: tuple[int, ...],
        *,
        slots: int = 8,
        context_tokens: int = 256,
        chunk_tokens: int = 5,
        micro_batches: int = 2,
    ) -> None:
        checkpoint = inspect_checkpoint(folder)
        self.text = Text(folder)
        layers = checkpoint.architecture.layers
        bounds = [0, *cuts, layers]
        self.engines: list[Engine] = []
        self.results: queue.SimpleQueue[pb.StageMessage] = queue.SimpleQueue()
        self.owner = Port(self.results.put)
        self.sent_down: list[pb.LinkDown] = []
        for first, end in reversed(list(itertools.pairwise(bounds))):
            self._add_stage(
                checkpoint, first, end, slots, context_tokens, chunk_tokens, micro_batches
            )
        self.threads = [threading.Thread(target=e.run, daemon=True) for e in self.engines]
        for thread in self.threads:
            thread.start()
        self._next_task = 1

    def _add_stage(
        self, checkpoint, first, end, slots, context_tokens, chunk_tokens, micro_batches
    ):
        a = checkpoint.architecture
        model = StageModel(
            a,
            load_stage(checkpoint, first, end, torch.float32),
            context_tokens=context_tokens,
            rope_frequencies=rope_frequencies(a, str(checkpoint.path)),
        )
        cache = KvCache(
            layers=end - first,
            slots=slots,
            kv_heads=a.kv_heads,
            context_tokens=context_tokens,
            head_dim=a.head_dim,
            dtype=torch.float32,
        )
        rules = EngineRules(
            context_tokens=context_tokens,
            chunk_tokens=chunk_tokens,
            micro_batches=micro_batches,
            tokenizer=self.text.backend if end == a.layers else None,
            eos_token_ids=checkpoint.eos_token_ids,
        )
        after = self.engines[0] if self.engines else None
        engine = Engine(model, cache, rules, lambda _peer: down)
        up = Port(lambda tokens: engine.post(Sampled(tokens=tokens, link=down)))

        def deliver(message: pb.LinkDown) -> None:
            self.sent_down.append(message)
            assert after is not None
            after.post(Arrived(partial=message.partial, up=up))

        down = Port(deliver)
        self.engines.insert(0, engine)

    def submit(
        self,
        prompt: list[int],
        *,
        epoch: int = 1,
        pipeline: str = "p",
        owner: Port | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        **rules: Any,
    ) -> int:
        task_id, self._next_task = self._next_task, self._next_task + 1
        for index, engine in reversed(list(enumerate(self.engines))):
            last = index == len(self.engines) - 1
            task = Task(
                id=task_id,
                epoch=epoch,
                pipeline=pipeline,
                request_id=str(task_id),
                next=None if last else pb.Peer(name=f"stage-{index + 1}"),
                prompt=tuple(prompt) if index == 0 else (),
                sampling=rules.get("sampling", SamplingRules()),
                max_tokens=rules.get("max_tokens", 32),
                stop=rules.get("stop", ()),
                ignore_eos=rules.get("ignore_eos", True),
                deadline=time.monotonic() + deadline_seconds,
            )
            engine.post(Assigned(task=task, owner=owner or self.owner))
        return task_id

    def cancel(self, task_id: int, epoch: int = 1) -> None:
        for engine in self.engines:
            engine.post(Cancelled(task=task_id, epoch=epoch))

    def next_message(self) -> pb.StageMessage:
        return self.results.get(timeout=DEADLINE_SECONDS)

    def collect(self, *task_ids: int) -> dict[int, list[pb.FinalResult]]:
        """Wait until every task has finished; raises if one fails."""
        open_tasks, collected = set(task_ids), {task: [] for task in task_ids}
        while open_tasks:
            message = self.next_message()
            assert not message.HasField("failed"), message.failed
            if message.HasField("result") and message.result.task in collected:
                collected[message.result.task].append(message.result)
                if message.result.finish:
                    open_tasks.discard(message.result.task)
        return collected

    def generate(self, prompt: list[int], **rules: Any) -> list[int]:
        task = self.submit(prompt, **rules)
        return [t for r in self.collect(task)[task] for t in r.token_ids]

    def wait_idle(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while any(e.stats.active for e in self.engines):
            assert time.monotonic() < deadline, "sequences are left"
            time.sleep(0.005)

    def close(self) -> None:
        for engine in self.engines:
            engine.stop()
        for thread in self.threads:
            thread.join(timeout=10)
            assert not thread.is_alive()


@pytest.fixture
def wire() -> Iterator[Callable[..., WiredPipeline]]:
    """Wire pipelines that end with the test."""
    torch.set_num_threads(1)
    made: list[WiredPipeline] = []

    def make(*args: Any, **kwargs: Any) -> WiredPipeline:
        made.append(WiredPipeline(*args, **kwargs))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()
