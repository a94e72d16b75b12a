"""The engine's promises: slots come back, epochs fence, nobody's tokens change."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.proto import agent_pb2 as pb
from node_agent.shard.events import Arrived, Assigned, Cancelled, Gone, Sampled
from node_agent.shard.sampling import SamplingRules
from node_agent.shard.sequence import Sequence, plan_step
from node_agent.shard.task import Task
from tests.node_agent.shard.test_exactness import reference_tokens

PROMPT = random.Random(9).choices(range(3, 256), k=11)


def down(engine):
    """The link that the engine's sequences send by, if it has any."""
    return next((s.down for s in list(engine._sequences.values())), None)


def next_failure(pipeline) -> pb.TaskFailed:
    while not (message := pipeline.next_message()).HasField("failed"):
        pass
    return message.failed


@pytest.mark.parametrize("cuts", [(), (2,), (1, 3)])
def test_a_cancelled_task_frees_its_slot_on_every_stage(cuts, make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), cuts, slots=1)
    task = pipeline.submit(PROMPT, max_tokens=100_000)
    while not pipeline.next_message().HasField("result"):
        pass
    pipeline.cancel(task)
    pipeline.wait_idle()
    assert len(pipeline.generate(PROMPT, max_tokens=4)) == 4


def test_a_task_beyond_the_slots_is_refused_as_busy(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (), slots=1)
    pipeline.submit(PROMPT, max_tokens=100_000)
    pipeline.submit(PROMPT)
    assert next_failure(pipeline).failure == pb.FAILURE_BUSY


def test_a_task_past_its_deadline_fails_and_frees_its_slot(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (2,), context_tokens=256)
    task = pipeline.submit(PROMPT, max_tokens=100_000, deadline_seconds=0.0)
    assert next_failure(pipeline).task == task
    pipeline.wait_idle()


def test_a_new_epoch_ends_what_the_old_one_left_and_refuses_its_latecomers(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), ())
    old = pipeline.submit(PROMPT, epoch=1, max_tokens=100_000)
    new = pipeline.submit(PROMPT, epoch=2, max_tokens=3)
    failure = next_failure(pipeline)
    assert (failure.task, failure.failure) == (old, pb.FAILURE_FENCED)
    pipeline.collect(new)
    late = pipeline.submit(PROMPT, epoch=1)
    failure = next_failure(pipeline)
    assert (failure.task, failure.failure) == (late, pb.FAILURE_FENCED)


def test_epochs_of_two_pipelines_do_not_meet(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), ())
    one = pipeline.submit(PROMPT, epoch=1, pipeline="one", max_tokens=6)
    two = pipeline.submit(PROMPT, epoch=7, pipeline="two", max_tokens=6)
    results = pipeline.collect(one, two)
    assert [len(results[t]) for t in (one, two)] == [6, 6]


def test_frames_and_tokens_that_come_twice_change_nothing(make_checkpoint, wire):
    folder = make_checkpoint()
    pipeline = wire(folder, (2,))
    first, last = pipeline.engines
    original = last.post

    def twice(event):
        original(event)
        if isinstance(event, Arrived):
            original(event)
            for segment in event.partial.segments:
                repeat = pb.SampledToken(task=segment.task, epoch=1, position=1, token=5)
                first.post(Sampled(tokens=pb.LinkUp(tokens=[repeat]), link=down(first)))

    last.post = twice
    assert pipeline.generate(PROMPT, max_tokens=12) == reference_tokens(folder, PROMPT, 12)


def test_rows_with_a_gap_fail_the_task(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (2,))
    last = pipeline.engines[1]
    original = last.post

    def shifted(event):
        if isinstance(event, Arrived):
            for segment in event.partial.segments:
                segment.position += 1
        original(event)

    last.post = shifted
    pipeline.submit(PROMPT)
    assert "was due" in next_failure(pipeline).detail


@pytest.mark.parametrize(("token", "position"), [(10**6, None), (5, 10**6)])
def test_a_token_that_has_no_place_fails_its_task_only(token, position, make_checkpoint, wire):
    folder = make_checkpoint()
    pipeline = wire(folder, (2,))
    first = pipeline.engines[0]
    engine_post = first.post

    def corrupted(event):
        if isinstance(event, Sampled):
            for sampled in event.tokens.tokens:
                sampled.token = token
                if position:
                    sampled.position = position
                    for sequence in first._sequences.values():
                        sequence.position = position
        engine_post(event)

    first.post = corrupted
    pipeline.submit(PROMPT)
    assert next_failure(pipeline).failure == pb.FAILURE_INTERNAL
    first.post = engine_post
    for task in (1, 2):
        pipeline.cancel(task)
    assert pipeline.generate(PROMPT, max_tokens=6) == reference_tokens(folder, PROMPT, 6)


def test_a_step_that_fails_ends_its_tasks_and_the_engine_serves_on(
    make_checkpoint, wire, monkeypatch
):
    folder = make_checkpoint()
    pipeline = wire(folder, ())
    (engine,) = pipeline.engines
    real = engine._model.forward

    def failing(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine._model, "forward", failing)
    pipeline.submit(PROMPT)
    assert next_failure(pipeline).failure == pb.FAILURE_INTERNAL
    monkeypatch.setattr(engine._model, "forward", real)
    pipeline.wait_idle()
    assert pipeline.generate(PROMPT, max_tokens=6) == reference_tokens(folder, PROMPT, 6)


def test_a_task_that_is_here_already_is_refused_and_costs_no_slot(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (), slots=2)
    pipeline.submit(PROMPT, max_tokens=100_000)
    pipeline._next_task = 1
    pipeline.submit(PROMPT)
    assert "here already" in next_failure(pipeline).detail
    pipeline.cancel(1)
    pipeline.wait_idle()
    assert pipeline.engines[0]._cache.free_slots == 2


def test_frames_of_a_long_prompt_hold_back_nobody_else(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (2,))
    last = pipeline.engines[1]
    last.stop()
    pipeline.threads[1].join()
    last.run = lambda: None
    frames = [frame(task=1, position=5 * n, rows=5) for n in range(4)]
    other = frame(task=2, position=0, rows=1)
    for task in (1, 2):
        last._handle(assigned(task, pipeline.owner))
    last._frames = [*frames, other]
    work, _ = last._take_frames()
    assert [(w.sequence.task.id, w.rows) for w in work] == [(1, 5), (2, 1)]
    assert last._frames == frames[1:]
    for task in (1, 2):
        last._handle(Cancelled(task=task, epoch=1))


def frame(*, task: int, position: int, rows: int) -> Arrived:
    segment = pb.Segment(task=task, epoch=1, position=position, rows=rows, sample=False)
    payload = bytes(rows * 48 * 4)
    return Arrived(partial=pb.PartialResult(segments=[segment], payload=payload), up=UP)


def assigned(task: int, owner) -> Assigned:
    return Assigned(
        task=Task(
            id=task,
            epoch=1,
            pipeline="p",
            request_id="",
            next=None,
            prompt=(),
            sampling=SamplingRules(),
            max_tokens=4,
            stop=(),
            ignore_eos=True,
            deadline=1e12,
        ),
        owner=owner,
    )


UP = object()


def test_losing_the_stage_before_fails_the_task(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (2,))
    pipeline.submit(PROMPT, max_tokens=100_000)
    while not pipeline.next_message().HasField("result"):
        pass
    last = pipeline.engines[1]
    up = next(iter(last._sequences.values())).up
    last.post(Gone(peer=up))
    assert next_failure(pipeline).failure == pb.FAILURE_PEER_LOST


def test_the_context_bounds_the_answer(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (2,), context_tokens=32)
    task = pipeline.submit(PROMPT, max_tokens=1000)
    results = pipeline.collect(task)[task]
    assert results[-1].finish == pb.FINISH_LENGTH
    assert len(PROMPT) + len(results) == 32


def test_an_end_token_ends_the_answer_and_adds_no_text(make_checkpoint, wire):
    folder = make_checkpoint()
    pipeline = wire(folder, (2,))
    tokens = pipeline.generate(PROMPT, max_tokens=6)
    for engine in pipeline.engines:
        object.__setattr__(engine._rules, "eos_token_ids", (tokens[3],))
    task = pipeline.submit(PROMPT, max_tokens=6, ignore_eos=False)
    results = pipeline.collect(task)[task]
    expected = tokens.index(tokens[3]) + 1
    assert [r.index for r in results] == list(range(expected))
    assert results[-1].finish == pb.FINISH_STOP
    assert results[-1].text == ""


@pytest.mark.parametrize("cuts", [(), (2,)])
def test_seeded_sampling_is_the_same_alone_in_company_and_replayed(cuts, make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), cuts)
    rules = SamplingRules(temperature=0.9, top_p=0.95, seed=1234)
    alone = pipeline.generate(PROMPT, sampling=rules, max_tokens=16)
    others = [pipeline.submit(PROMPT[i:], max_tokens=20) for i in range(4)]
    again = pipeline.submit(PROMPT, sampling=rules, max_tokens=16)
    results = pipeline.collect(again, *others)
    assert [t for r in results[again] for t in r.token_ids] == alone
    replayed = pipeline.generate(PROMPT + alone[:7], sampling=rules, max_tokens=9)
    assert replayed == alone[7:]


def test_a_random_storm_of_tasks_and_cancellations_leaks_no_slot(make_checkpoint, wire):
    pipeline = wire(make_checkpoint(), (1, 2), slots=6)
    dice = random.Random(3)
    for _ in range(60):
        task = pipeline.submit(PROMPT[: dice.randint(1, 11)], max_tokens=dice.randint(1, 12))
        if dice.random() < 0.4:
            pipeline.cancel(task)
        if dice.random() < 0.3:
            time.sleep(0.01)
    for engine in pipeline.engines:
        deadline = time.monotonic() + 20
        while not engine._events.empty() and time.monotonic() < deadline:
            time.sleep(0.01)
    # A task accepted by some stages and refused as busy by others is ended by its orchestrator.
    for task in range(1, 61):
        pipeline.cancel(task)
    pipeline.wait_idle()
    assert {engine._cache.free_slots for engine in pipeline.engines} == {6}


# ------------------------------------------------------------- the plan of a step, by itself


def sequence(prompt: int, position: int, pending: int | None) -> Sequence:
    task = Task(
        id=0,
        epoch=1,
        pipeline="p",
        request_id="",
        next=None,
        prompt=tuple(range(prompt)),
        sampling=SamplingRules(),
        max_tokens=1,
        stop=(),
        ignore_eos=False,
        deadline=0.0,
    )
    return Sequence(task=task, slot=0, owner=None, position=position, pending=pending)


sequences = st.lists(
    st.builds(
        lambda prompt, done, pending: sequence(
            prompt, min(done, prompt), pending if done >= prompt else None
        ),
        st.integers(1, 40),
        st.integers(0, 60),
        st.none() | st.integers(0, 9),
    ),
    max_size=12,
)


@given(sequences, st.integers(1, 16), st.integers(1, 4))
def test_a_step_takes_only_what_is_due_and_never_idles_while_something_is(
    running, chunk_tokens, micro_batches
):
    work = plan_step(running, chunk_tokens=chunk_tokens, micro_batches=micro_batches)
    due = [s for s in running if s.prompt_left or s.pending is not None]
    assert bool(work) == bool(due)
    assert all(w.sequence in due and w.rows == len(w.token_ids) for w in work)
    assert sum(w.sequence.prompt_left > 0 for w in work) <= 1
    assert all(w.rows <= max(1, chunk_tokens) for w in work)
    assert all(w.sample == (w.rows >= w.sequence.prompt_left) for w in work)
    decoding = [s for s in running if not s.prompt_left]
    assert sum(not w.sequence.prompt_left for w in work) <= -(-len(decoding) // micro_batches)
