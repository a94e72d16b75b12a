"""What happens to tasks when clients, stages and leases go away."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from node_agent.proto import agent_pb2 as pb

# grpc.aio keeps one poller per process: its tests share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")


def chat(client, lab, **fields):
    return client.post("/v1/chat/completions", json=lab.question(**fields))


def idle(lab):
    return all(node["active"] == 0 for node in lab.orchestrator.cluster()["nodes"])


async def test_a_stream_client_that_leaves_cancels_the_task_at_every_stage(lab, until):
    first, last = await lab.pair()
    last.gate.clear()
    async with lab.client() as client:
        body = lab.question(stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if "Hello" in line:
                    break
    await until(lambda: first.cancels and last.cancels)
    [task] = first.assignments
    for stage in (first, last):
        assert [(c.task, c.epoch) for c in stage.cancels] == [(task.task, task.epoch)]
    assert idle(lab)


async def test_a_plain_client_that_leaves_cancels_the_task_too(lab, until):
    first, last = await lab.pair()
    last.gate.clear()
    async with lab.client() as client:
        asking = asyncio.create_task(chat(client, lab))
        await until(lambda: first.assignments)
        asking.cancel()
        await asyncio.wait([asking])
    await until(lambda: first.cancels and last.cancels)
    assert idle(lab)


async def test_a_client_that_leaves_while_waiting_leaves_the_line(lab, until):
    first, last = await lab.pair(slots=1)
    last.gate.clear()
    async with lab.client() as client, lab.client() as leaver:
        running = asyncio.create_task(chat(client, lab))
        await until(lambda: first.assignments)
        waiting = asyncio.create_task(chat(leaver, lab, stream=True))
        await until(lambda: lab.orchestrator.cluster()["waiting"] == 1)
        waiting.cancel()
        await until(lambda: lab.orchestrator.cluster()["waiting"] == 0)
        last.gate.set()
        assert (await running).status_code == 200
    assert len(first.assignments) == 1


async def test_a_busy_stage_sends_the_task_to_another_pipeline(lab, until):
    busy = await lab.stage("worker-1", (0, 16))
    other = await lab.stage("worker-2", (0, 16))
    busy.refusals = [(pb.FAILURE_BUSY, "full")]
    async with lab.client() as client:
        response = await chat(client, lab)
    assert response.json()["qinfra"]["nodes"] == ["worker-2"]
    assert len(other.assignments) == 1
    await until(lambda: len(busy.cancels) == 1)
    assert busy.assignments[0].task != other.assignments[0].task


async def test_a_stage_that_stays_busy_is_tried_a_bounded_number_of_times(lab):
    busy = await lab.stage("worker-1", (0, 16))
    busy.refusals = [(pb.FAILURE_BUSY, "full")] * 50
    async with lab.client() as client:
        response = await chat(client, lab)
    assert response.status_code == 429
    assert len(busy.assignments) == 6
    assert idle(lab)


async def test_a_stage_lost_in_mid_text_ends_the_stream_with_an_error(lab, until):
    first, last = await lab.pair()
    last.gate.clear()
    lines = []
    async with lab.client() as client:
        body = lab.question(stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if "Hello" in line:
                    await last.stop()
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert data[-1]["error"]["code"] == "stage_lost"
    await until(lambda: first.cancels)
    assert lab.pipelines == []


async def test_a_stage_that_returns_with_a_new_instance_raises_the_epoch(lab, until):
    _, last = await lab.pair()
    [before] = lab.pipelines
    last.instance = "reborn"
    lease = await lab.register(last)
    assert lease.generation == 2
    after = await until(lambda: lab.pipelines and lab.pipelines[0])
    assert after["id"] == before["id"]
    assert after["epoch"] > before["epoch"]
    async with lab.client() as client:
        assert (await chat(client, lab)).status_code == 200
    assert last.assignments[-1].epoch == after["epoch"]


async def test_a_broken_stream_is_dialled_again(lab, until):
    _, last = await lab.pair()
    [before] = lab.pipelines
    port = last.port
    await last.stop()
    await until(lambda: not lab.pipelines)
    assert lab.node("transformer-1")["state"] == "connecting"
    await last.start(port)
    after = await until(lambda: lab.pipelines and lab.pipelines[0])
    assert after["epoch"] > before["epoch"]


async def test_a_lease_that_runs_out_removes_the_pipeline_and_its_tasks(open_lab, until):
    lab = await open_lab(lease_seconds=1)
    first, last = await lab.pair()
    lab.keep_alive(first)
    last.gate.clear()
    async with lab.client() as client:
        asking = asyncio.create_task(chat(client, lab))
        response = await asking
    assert response.json()["error"]["code"] == "stage_lost"
    assert lab.pipelines == []
    assert [node["name"] for node in lab.orchestrator.cluster()["nodes"]] == ["embedding-1"]
    assert await lab.heartbeat(last) is None


async def test_a_node_that_leaves_ends_its_tasks_but_gets_no_new_one(lab, until):
    first, last = await lab.pair()
    last.gate.clear()
    async with lab.client() as client:
        running = asyncio.create_task(chat(client, lab))
        await until(lambda: first.assignments)
        await lab.leave(last)
        assert lab.pipelines == []
        assert (await chat(client, lab)).status_code == 503
        last.gate.set()
        assert (await running).status_code == 200


async def test_a_missing_token_is_never_papered_over(lab, until):
    worker = await lab.stage("worker-1", (0, 16))
    worker.skip_index = 1
    async with lab.client() as client:
        response = await chat(client, lab)
    assert response.status_code == 500
    await until(lambda: len(worker.cancels) == 1)


async def test_no_slot_is_lost_or_shared_when_clients_come_and_go(lab, until):
    first, last = await lab.pair(slots=3, words=["x"] * 20)
    chance = random.Random(7)

    async def visit(client, patience_seconds):
        try:
            async with asyncio.timeout(patience_seconds):
                return (await chat(client, lab, stream=chance.random() < 0.5)).status_code
        except TimeoutError:
            return "left"

    async with lab.client() as client:
        seen = await asyncio.gather(
            *(visit(client, chance.choice([0.02, 0.1, 0.3, 20])) for _ in range(40))
        )
        assert set(seen) <= {200, "left"}
        assert 200 in seen
        await until(lambda: idle(lab))
        assert (await chat(client, lab)).status_code == 200
    assert lab.orchestrator.cluster()["waiting"] == 0
    assert 1 < lab.bus.most_at_once <= 3
    assert {task.task for task in last.assignments} >= {task.task for task in first.assignments}
