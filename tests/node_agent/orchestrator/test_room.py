from __future__ import annotations

import asyncio
import time

import pytest

from node_agent.config import Role
from node_agent.errors import DeadlineExceeded
from node_agent.orchestrator.errors import Draining, NoPipeline, Overloaded
from node_agent.orchestrator.pipelines import Pipeline
from node_agent.orchestrator.registry import Announcement
from node_agent.orchestrator.room import WaitingRoom


def pipeline(name: str, slots: int = 1) -> Pipeline:
    node = Announcement(
        name=name,
        role=Role.WORKER,
        address="127.0.0.1:1",
        instance="a",
        revision="r",
        first_layer=0,
        end_layer=16,
        model_layers=16,
        slots=slots,
        context_tokens=256,
    )
    return Pipeline(id=name, stages=(node,))


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
def pipelines():
    return [pipeline("one")]


@pytest.fixture
def room(pipelines):
    return WaitingRoom(lambda: tuple(pipelines), max_waiting=2, clock=time.monotonic)


async def in_line(room, *, count):
    """Let `count` tasks join the line, in order."""
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(room.enter(until_seconds=soon())))
        while room.waiting < number + 1:
            await asyncio.sleep(0)
    return tasks


async def test_seats_are_given_in_the_order_of_arrival(room):
    seat = await room.enter(until_seconds=soon())
    first, second = await in_line(room, count=2)
    seat.release()
    (await first).release()
    (await second).release()
    assert room.load == {}
    assert room.active == {}


async def test_a_full_line_refuses_with_a_time_to_come_back(room):
    seat = await room.enter(until_seconds=soon())
    tasks = await in_line(room, count=2)
    with pytest.raises(Overloaded) as caught:
        await room.enter(until_seconds=soon())
    assert caught.value.retry_after_seconds >= 1
    seat.release()
    for task in tasks:
        (await task).release()


async def test_a_seat_is_given_back_once(room):
    seat = await room.enter(until_seconds=soon())
    seat.release()
    again = await room.enter(until_seconds=soon())
    seat.release()
    assert sum(room.load.values()) == 1
    again.release()


async def test_who_gives_up_leaves_the_line(room):
    seat = await room.enter(until_seconds=soon())
    first, second = await in_line(room, count=2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert room.waiting == 1
    seat.release()
    (await second).release()


async def test_a_seat_that_comes_in_the_moment_of_giving_up_is_handed_on(room):
    seat = await room.enter(until_seconds=soon())
    first, second = await in_line(room, count=2)
    seat.release()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    (await second).release()
    assert room.load == {}


async def test_waiting_ends_at_the_deadline(room):
    seat = await room.enter(until_seconds=soon())
    with pytest.raises(DeadlineExceeded):
        await room.enter(until_seconds=time.monotonic())
    assert room.waiting == 0
    seat.release()


async def test_a_task_turned_away_goes_to_the_head_of_the_line(room, pipelines):
    seat = await room.enter(until_seconds=soon())
    [later] = await in_line(room, count=1)
    again = asyncio.create_task(room.enter_again(until_seconds=soon(), avoid={"one"}))
    await asyncio.sleep(0)
    seat.release()
    first = await again
    assert not later.done()
    pipelines.append(pipeline("two"))
    room.serve()
    assert (await later).pipeline.id == "two"
    first.release()


async def test_new_pipelines_seat_those_who_wait(room, pipelines):
    await room.enter(until_seconds=soon())
    [task] = await in_line(room, count=1)
    pipelines.append(pipeline("two"))
    room.serve()
    assert (await task).pipeline.id == "two"


async def test_without_a_pipeline_nobody_waits(room, pipelines):
    pipelines.clear()
    with pytest.raises(NoPipeline):
        await room.enter(until_seconds=soon())


async def test_a_closed_room_lets_nobody_in_but_seats_the_line(room):
    seat = await room.enter(until_seconds=soon())
    [task] = await in_line(room, count=1)
    room.close()
    with pytest.raises(Draining):
        await room.enter(until_seconds=soon())
    seat.release()
    (await task).release()


async def test_a_dismissed_line_is_empty(room):
    seat = await room.enter(until_seconds=soon())
    [task] = await in_line(room, count=1)
    room.dismiss()
    with pytest.raises(Draining):
        await task
    assert room.waiting == 0
    seat.release()
